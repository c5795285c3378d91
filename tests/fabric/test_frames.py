"""HTTP/2 by hand: what is well formed is understood however it arrives, all else is refused."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.ledger.fabric import frames
from ufmi.ledger.fabric.frames import Connection, Ended, Opened, ProtocolViolation, Received

from .wire import HELLO, PATH, block, frame, opening

DATA, HEADERS, PRIORITY, RST = frames.DATA, frames.HEADERS, frames.PRIORITY, frames.RST_STREAM
SETTINGS, PING, GOAWAY = frames.SETTINGS, frames.PING, frames.GOAWAY
UPDATE, CONTINUATION = frames.WINDOW_UPDATE, frames.CONTINUATION
PROTOCOL, FLOW, CLOSED = frames.PROTOCOL_ERROR, frames.FLOW_CONTROL_ERROR, frames.STREAM_CLOSED
SIZE, COMPRESSION = frames.FRAME_SIZE_ERROR, frames.COMPRESSION_ERROR


def setting(name: int, value: int) -> bytes:
    return frame(SETTINGS, 0, 0, name.to_bytes(2, "big") + value.to_bytes(4, "big"))


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


def heard(raw: bytes) -> list[frames.Event]:
    return Connection().receive(HELLO + raw)


# -- what is well formed ------------------------------------------------------------------------


def test_a_stream_from_its_opening_to_its_end() -> None:
    raw = opening() + frame(DATA, 0, 1, b"one") + frame(DATA, frames.END_STREAM, 1, b"two")
    assert heard(raw) == [
        Opened(1, PATH),
        Received(1, b"one"),
        Received(1, b"two"),
        Ended(1, False),
    ]


def test_padding_and_priorities_are_no_content() -> None:
    padded = b"\x03" + b"\0\0\0\0\x05" + block() + b"\0\0\0"
    flags = frames.END_HEADERS | frames.PADDED | frames.WITH_PRIORITY
    raw = frame(HEADERS, flags, 1, padded) + frame(PRIORITY, 0, 1, b"\0\0\0\0\x01")
    raw += frame(DATA, frames.PADDED, 1, b"\x02ab\0\0") + frame(DATA, frames.PADDED, 1, b"\x01\0")
    assert heard(raw) == [Opened(1, PATH), Received(1, b"ab")]


def test_headers_in_parts_are_whole_and_unknown_frames_are_nothing() -> None:
    whole = block()
    raw = frame(77, 255, 9, b"what?") + frame(HEADERS, 0, 1, whole[:5])
    raw += frame(CONTINUATION, 0, 1, whole[5:9]) + frame(CONTINUATION, 0, 1)
    raw += frame(CONTINUATION, frames.END_HEADERS, 1, whole[9:]) + frame(GOAWAY, 0, 0, bytes(8))
    assert heard(raw) == [Opened(1, PATH)]


def test_trailers_and_resets_end_a_stream() -> None:
    trailers = frame(HEADERS, frames.END_HEADERS | frames.END_STREAM, 1, block([("a", "b")]))
    assert heard(opening() + trailers)[1:] == [Ended(1, False)]
    assert heard(opening() + frame(RST, 0, 1, number(8)))[1:] == [Ended(1, True)]


def test_pings_are_answered_with_what_they_hold_and_answers_are_not() -> None:
    connection = Connection()
    connection.receive(HELLO)
    connection.output()
    connection.receive(frame(PING, 0, 0, b"12345678") + frame(PING, frames.ACK, 0, b"12345678"))
    assert connection.output() == frame(PING, frames.ACK, 0, b"12345678")


def test_more_streams_than_are_taken_are_refused_and_the_others_go_on() -> None:
    connection = Connection()
    count = frames.STREAMS_MAX + 2
    raw = b"".join(opening(1 + 2 * at) for at in range(count))
    events = connection.receive(HELLO + raw + frame(DATA, 0, 1, b"x"))
    assert len(events) == frames.STREAMS_MAX + 1 and events[-1] == Received(1, b"x")
    refused = frame(RST, 0, 2 * count - 1, number(frames.REFUSED_STREAM))
    assert connection.output().endswith(refused)


def test_what_comes_for_a_stream_that_we_ended_is_nothing() -> None:
    connection = Connection()
    connection.receive(HELLO + opening())
    connection.send_headers(1, [("grpc-status", "0")], last=True)
    late = frame(DATA, 0, 1, b"late") + frame(UPDATE, 0, 1, number(1)) + frame(RST, 0, 1, number(0))
    assert connection.receive(late) == []


_good_frames = st.sampled_from(
    [
        frame(DATA, 0, 1, b"some content"),
        frame(DATA, 0, 3, b"x" * 300),
        frame(DATA, frames.PADDED, 3, b"\x04more\0\0\0\0"),
        frame(DATA, 0, 1),
        frame(PING, 0, 0, b"abcdefgh"),
        frame(UPDATE, 0, 0, number(5)),
        frame(UPDATE, 0, 3, number(7)),
        frame(PRIORITY, 0, 11, b"\0\0\0\0\0"),
        frame(0x21, 3, 1, b"unknown"),
        setting(4, 70_000),
        setting(5, 20_000),
        setting(1, 0),
    ]
)


@given(st.lists(_good_frames, max_size=20), st.data())
@settings(max_examples=150, deadline=None)
def test_any_split_into_reads_means_the_same(some: list[bytes], data: st.DataObject) -> None:
    raw = HELLO + opening(1) + opening(3) + b"".join(some)
    raw += frame(RST, 0, 1, number(8)) + frame(DATA, frames.END_STREAM, 3, b"end")
    whole, parts = Connection(), Connection()
    expected = whole.receive(raw)
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=30).map(sorted))
    found = []
    for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        found += parts.receive(raw[start:end])
    assert found == expected
    assert parts.output() == whole.output()


def test_byte_by_byte_is_a_split_too() -> None:
    raw = HELLO + opening() + frame(DATA, frames.END_STREAM, 1, b"abc")
    parts = Connection()
    assert [
        event for byte in raw for event in parts.receive(bytes([byte]))
    ] == Connection().receive(raw)


# -- what is not --------------------------------------------------------------------------------

_END, _WINDOW = frames.END_HEADERS, 2**31 - 1
MALFORMED = {
    "content of no stream": (frame(DATA, 0, 0, b"x"), PROTOCOL),
    "content of an idle stream": (frame(DATA, 0, 3, b"x"), PROTOCOL),
    "content of an even stream": (opening(3) + frame(DATA, 0, 2, b"x"), PROTOCOL),
    "content after the end": (opening(1, frames.END_STREAM) + frame(DATA, 0, 1, b"x"), CLOSED),
    "padding of nothing": (opening() + frame(DATA, frames.PADDED, 1), PROTOCOL),
    "padding beyond": (opening() + frame(DATA, frames.PADDED, 1, b"\x02a"), PROTOCOL),
    "a large frame": (frame(99, 0, 0, bytes(16_385)), SIZE),
    "headers of no stream": (opening(0), PROTOCOL),
    "headers of an even stream": (opening(2), PROTOCOL),
    "headers of an older stream": (opening(3) + opening(1), PROTOCOL),
    "headers after the end": (opening(1, frames.END_STREAM) + opening(1, 1), CLOSED),
    "trailers without end": (opening() + opening(), PROTOCOL),
    "headers not to be read": (
        frame(HEADERS, _END, 1, b"\xff\xff\xff\xff\xff\xff\xff"),
        COMPRESSION,
    ),
    "headers not in text": (frame(HEADERS, _END, 1, b"\x00\x01\xff\x01\xff"), COMPRESSION),
    "a short priority": (frame(HEADERS, _END | frames.WITH_PRIORITY, 1, b"abc"), SIZE),
    "a short priority frame": (frame(PRIORITY, 0, 1, b"abcd"), SIZE),
    "a priority of no stream": (frame(PRIORITY, 0, 0, b"abcde"), PROTOCOL),
    "a continuation of nothing": (frame(CONTINUATION, _END, 1), PROTOCOL),
    "another's continuation": (frame(HEADERS, 0, 1) + frame(CONTINUATION, _END, 3), PROTOCOL),
    "headers broken by content": (opening() + frame(HEADERS, 0, 3) + frame(DATA, 0, 1), PROTOCOL),
    "headers broken by the unknown": (frame(HEADERS, 0, 1) + frame(99), PROTOCOL),
    "endless headers": (
        frame(HEADERS, 0, 1, bytes(16_000)) + frame(CONTINUATION, 0, 1, bytes(16_000)) * 5,
        frames.ENHANCE_YOUR_CALM,
    ),
    "a reset of no stream": (frame(RST, 0, 0, number(0)), PROTOCOL),
    "a reset of an idle stream": (frame(RST, 0, 1, number(0)), PROTOCOL),
    "a short reset": (opening() + frame(RST, 0, 1, b"abc"), SIZE),
    "settings of a stream": (frame(SETTINGS, 0, 1), PROTOCOL),
    "short settings": (frame(SETTINGS, 0, 0, b"abcde"), SIZE),
    "a noted setting with content": (frame(SETTINGS, frames.ACK, 0, bytes(6)), SIZE),
    "a window too large": (setting(4, 2**31), FLOW),
    "a frame size too small": (setting(5, 16_383), PROTOCOL),
    "a frame size too large": (setting(5, 1 << 24), PROTOCOL),
    "push neither on nor off": (setting(2, 2), PROTOCOL),
    "a promise": (frame(frames.PUSH_PROMISE, _END, 1, bytes(8)), PROTOCOL),
    "a short ping": (frame(PING, 0, 0, b"abc"), SIZE),
    "a ping of a stream": (frame(PING, 0, 1, bytes(8)), PROTOCOL),
    "a short goodbye": (frame(GOAWAY, 0, 0, bytes(7)), SIZE),
    "a goodbye of a stream": (frame(GOAWAY, 0, 1, bytes(8)), PROTOCOL),
    "a short update": (frame(UPDATE, 0, 0, b"abc"), SIZE),
    "an update of nothing": (frame(UPDATE, 0, 0, number(0)), PROTOCOL),
    "an update of an idle stream": (frame(UPDATE, 0, 1, number(1)), PROTOCOL),
    "a window that overflows": (frame(UPDATE, 0, 0, number(_WINDOW)), FLOW),
    "a stream's that overflows": (opening() + frame(UPDATE, 0, 1, number(_WINDOW)), FLOW),
    "a setting that overflows": (
        opening() + frame(UPDATE, 0, 1, number(10)) + setting(4, _WINDOW),
        FLOW,
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_is_refused_with_its_code(name: str) -> None:
    raw, code = MALFORMED[name]
    with pytest.raises(ProtocolViolation) as caught:
        heard(raw)
    assert caught.value.code == code


@pytest.mark.parametrize("raw", [b"GET / HTTP/1.1\r\n", b"\0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r"])
def test_what_is_not_http_2_is_refused(raw: bytes) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        Connection().receive(raw)
    assert caught.value.code == PROTOCOL


def test_settings_come_first() -> None:
    with pytest.raises(ProtocolViolation, match="settings come first"):
        Connection().receive(frames.PREFACE + frame(PING, 0, 0, bytes(8)))


def test_after_a_violation_nothing_is_heard_or_said_any_more() -> None:
    connection = Connection()
    connection.receive(HELLO + opening())
    with pytest.raises(ProtocolViolation):
        connection.receive(frame(DATA, 0, 1, b"x") + frame(SETTINGS, 0, 1))
    connection.output()
    assert connection.receive(frame(DATA, 0, 1, b"again") + frame(SETTINGS, 0, 1)) == []
    connection.send(1, b"more")
    assert connection.output() == b""


@given(st.integers(0, 2**32), st.integers(1, 12))
@settings(max_examples=300, deadline=None)
def test_mutated_bytes_are_understood_or_refused_and_nothing_else(seed: int, count: int) -> None:
    chance = random.Random(seed)
    parts = [HELLO, opening(1), frame(DATA, 0, 1, b"hello"), setting(4, 1000)]
    parts += [chance.choice(list(MALFORMED.values()))[0], opening(5, 1), frame(HEADERS, 0, 7)]
    parts += [frame(chance.randrange(11), chance.randrange(256), chance.randrange(5), bytes(8))]
    raw = bytearray(b"".join(parts))
    for _ in range(count):
        at = chance.randrange(len(frames.PREFACE), len(raw))
        choice = chance.randrange(3)
        if choice == 0:
            raw[at] = chance.randrange(256)
        elif choice == 1:
            del raw[at : at + chance.randrange(1, 20)]
        else:
            raw[at:at] = chance.randbytes(chance.randrange(1, 20))
    connection = Connection()
    try:
        for at in range(0, len(raw), 50):
            connection.receive(bytes(raw[at : at + 50]))
    except ProtocolViolation as problem:
        assert 0 < problem.code < 14
    assert len(connection._input) <= frames.FRAME_BYTES + 9


@given(st.binary(max_size=2000))
@settings(max_examples=300, deadline=None)
def test_random_header_blocks_are_read_or_refused(raw: bytes) -> None:
    connection = Connection()
    try:
        connection.receive(HELLO + frame(HEADERS, _END, 1, raw) + frame(PING, 0, 0, bytes(8)))
    except ProtocolViolation as problem:
        assert problem.code == COMPRESSION


def test_headers_that_unpack_to_much_are_refused() -> None:
    # One entry of the table with 4 kB, named again and again by one byte each.
    entry = b"\x40\x01a" + b"\x7f\xa1\x1e" + b"v" * 4000
    with pytest.raises(ProtocolViolation) as caught:
        heard(frame(HEADERS, _END, 1, entry + b"\xbe" * 10_000))
    assert caught.value.code == COMPRESSION
