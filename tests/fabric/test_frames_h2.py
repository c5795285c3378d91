"""HTTP/2 opposite the library h2, which holds every window and every rule itself."""

from __future__ import annotations

import random

import pytest
from h2.events import PingAckReceived, StreamEnded, StreamReset, TrailersReceived
from h2.settings import SettingCodes
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.ledger.fabric import frames
from ufmi.ledger.fabric.frames import Connection, ProtocolViolation

from .wire import HELLO, Pipe, frame, opening

TRAILERS = [("grpc-status", "0"), ("grpc-message", "well done")]


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_content_is_whole_and_in_order_through_any_windows(seed: int) -> None:
    chance = random.Random(seed)
    pipe = Pipe()
    streams = [pipe.open() for _ in range(chance.randrange(1, 4))]
    sent = {stream: bytearray() for stream in streams}
    said = {stream: bytearray() for stream in streams}
    for stream in streams:
        pipe.server.send_headers(stream, [(":status", "200")])
    for _ in range(chance.randrange(10, 60)):
        stream = chance.choice(streams)
        what = chance.randrange(6)
        if what <= 1:
            content = chance.randbytes(chance.choice([0, 1, 100, 16_384, 16_385, 200_000]))
            pipe.server.send(stream, content)
            said[stream] += content
        elif what == 2:
            room = min(pipe.client.local_flow_control_window(stream), 16_000)
            content = chance.randbytes(chance.randrange(room + 1))
            padding = chance.choice([None, 0, 200]) if room - len(content) > 201 else None
            pipe.client.send_data(stream, content, pad_length=padding)
            sent[stream] += content
        elif what == 3:
            pipe.acknowledge(stream, chance.randrange(1, 100_000))
        elif what == 4:
            window = chance.choice([0, 1, 1000, 65_535, 1_000_000])
            size = chance.choice([16_384, 20_000, 1 << 20])
            pipe.client.update_settings(
                {SettingCodes.INITIAL_WINDOW_SIZE: window, SettingCodes.MAX_FRAME_SIZE: size}
            )
        else:
            pipe.client.ping(b"pingpong")
        pipe.pump()
    for stream in streams:
        pipe.server.send_headers(stream, TRAILERS, last=True)
    pipe.client.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 1_000_000})
    pipe.pump()
    while any(pipe.unacknowledged.values()):
        for stream in streams:
            pipe.acknowledge(stream, 2**20)
    assert pipe.heard == sent
    assert pipe.got == said
    ended = [event.stream_id for event in pipe.events if isinstance(event, StreamEnded)]
    assert sorted(ended) == streams


def test_much_content_of_a_client_gets_its_windows_renewed() -> None:
    pipe = Pipe()
    stream = pipe.open()
    content = random.Random(1).randbytes(40 * 1024 * 1024)
    at = 0
    while at < len(content):
        room = pipe.client.local_flow_control_window(stream)
        assert room > 0, "the server renews the windows in time"
        size = min(room, 16_384, len(content) - at)
        pipe.client.send_data(stream, content[at : at + size])
        at += size
        if room < 100_000 or at % (1 << 20) == 0:
            pipe.pump()
    pipe.pump()
    assert pipe.heard[stream] == content


def test_trailers_that_wait_do_not_confuse_the_headers_of_other_streams() -> None:
    pipe = Pipe()
    slow, quick = pipe.open(), pipe.open()
    for stream in (slow, quick):
        pipe.server.send_headers(stream, [(":status", "200"), ("one", "1")])
    pipe.server.send(slow, bytes(70_000))
    pipe.server.send_headers(slow, TRAILERS, last=True)  # behind what no window takes yet
    pipe.server.send_headers(quick, [("two", "2"), *TRAILERS], last=True)
    pipe.pump()
    pipe.acknowledge(slow, 2**20)
    trailers = {e.stream_id: e.headers for e in pipe.events if isinstance(e, TrailersReceived)}
    assert trailers == {slow: TRAILERS, quick: [("two", "2"), *TRAILERS]}


def test_a_stream_broken_off_while_trailers_wait_leaves_the_others_in_order() -> None:
    pipe = Pipe()
    gone, other = pipe.open(), pipe.open()
    for stream in (gone, other):
        pipe.server.send_headers(stream, [(":status", "200")])
    pipe.server.send(gone, bytes(70_000))
    pipe.server.send_headers(gone, TRAILERS, last=True)
    pipe.client.reset_stream(gone)
    pipe.pump()
    pipe.server.send_headers(other, TRAILERS, last=True)
    pipe.pump()
    assert [e.headers for e in pipe.events if isinstance(e, TrailersReceived)] == [TRAILERS]


def test_pings_and_refused_streams_as_the_library_sees_them() -> None:
    pipe = Pipe()
    pipe.client.ping(b"12345678")
    pipe.pump()
    assert [e.ping_data for e in pipe.events if isinstance(e, PingAckReceived)] == [b"12345678"]
    for _ in range(frames.STREAMS_MAX):
        pipe.open()
    pipe.client.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 1000
    pipe.client.remote_settings.acknowledge()
    pipe.open()
    (reset,) = [event for event in pipe.events if isinstance(event, StreamReset)]
    assert reset.error_code == frames.REFUSED_STREAM


def test_who_takes_no_answers_may_not_go_on_asking() -> None:
    connection = Connection()
    connection.receive(HELLO + opening())
    content = frame(frames.DATA, 0, 1, bytes(16_000))
    with pytest.raises(ProtocolViolation) as caught:
        for _ in range(10_000):
            connection.receive(content)
            connection.send(1, bytes(16_000))
            connection.output()
    assert caught.value.code == frames.FLOW_CONTROL_ERROR


def test_who_takes_them_late_may_go_on_then() -> None:
    pipe = Pipe()
    stream = pipe.open()
    pipe.server.send_headers(stream, [(":status", "200")])
    pipe.server.send(stream, bytes(frames.WAITING_MAX + 100_000))
    pipe.pump()
    while (room := pipe.client.local_flow_control_window(stream)) > 0:
        pipe.client.send_data(stream, bytes(min(room, 16_384)))
        pipe.pump()
    while pipe.unacknowledged[stream]:
        pipe.acknowledge(stream, 2**20)
    assert pipe.client.local_flow_control_window(stream) > 0
    assert len(pipe.got[stream]) == frames.WAITING_MAX + 100_000
