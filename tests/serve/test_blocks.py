"""Streams of blocks from peer and orderer, and what the orderer takes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from tests.ledger import kv
from ufmi.ledger.embedded import Cut
from ufmi.ledger.protos import common, orderer

from .client import NEWEST, NEXT, OLDEST, Client, at
from .conftest import Served, serve

Status = common.Status


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A ledger of four blocks."""
    for one in serve(tmp_path_factory.mktemp("blocks")):
        client = kv.kv(one.ledger)
        for number in range(3):
            kv.put(client, "key", str(number))
        yield one


def sources(client: Client) -> list[Callable[[Any], Any]]:
    """Whatever streams whole blocks."""
    return [client.blocks.Deliver, client.ordering.Deliver]


def read(stream: Any) -> tuple[list[int], int]:
    """Numbers of the blocks, and the status that ended them."""
    numbers = []
    for answer in stream:
        if answer.WhichOneof("Type") == "status":
            return numbers, answer.status
        numbers.append(answer.block.header.number)
    raise AssertionError("no status")


@pytest.mark.parametrize(
    ("start", "stop", "numbers", "status"),
    [
        (OLDEST, NEWEST, [0, 1, 2, 3], Status.SUCCESS),
        (OLDEST, OLDEST, [0], Status.SUCCESS),
        (NEWEST, NEWEST, [3], Status.SUCCESS),
        (at(1), at(2), [1, 2], Status.SUCCESS),
        (at(2), NEWEST, [2, 3], Status.SUCCESS),
        (at(3), at(9), [3], Status.NOT_FOUND),
        (at(4), at(4), [], Status.NOT_FOUND),
        (NEXT, at(4), [], Status.NOT_FOUND),
        (at(9), at(9), [], Status.NOT_FOUND),
        (at(2), at(1), [], Status.BAD_REQUEST),
        (at(2), OLDEST, [2], Status.SUCCESS),
        (at(1), NEXT, [], Status.BAD_REQUEST),
        (None, NEWEST, [], Status.BAD_REQUEST),
        (OLDEST, None, [], Status.BAD_REQUEST),
        (orderer.SeekPosition(), NEWEST, [], Status.NOT_FOUND),
    ],
)
def test_positions(client: Client, start: Any, stop: Any, numbers: list[int], status: int) -> None:
    for source in sources(client):
        assert read(source(iter([client.seek(start, stop)]))) == (numbers, status)


def test_a_stream_takes_one_request_after_the_other(client: Client) -> None:
    for source in sources(client):
        requests = [client.seek(at(number), at(number)) for number in (2, 0, 9, 1)]
        stream = source(iter(requests))
        assert read(stream) == ([2], Status.SUCCESS)
        assert read(stream) == ([0], Status.SUCCESS)
        assert read(stream) == ([], Status.NOT_FOUND)
        assert list(stream) == []  # what fails ends the stream


def test_forged_old_and_stray_requests(client: Client, served: Served) -> None:
    forged = client.seek(OLDEST, NEWEST)
    forged.signature = client.identity.sign(b"something else")
    stranger = client.seek(OLDEST, NEWEST)
    payload = common.Payload.FromString(stranger.payload)
    payload.header.signature_header = common.SignatureHeader(
        creator=b"nobody", nonce=b"x"
    ).SerializeToString()
    stranger = common.Envelope(payload=payload.SerializeToString(), signature=b"x")
    cases = [
        (forged, Status.FORBIDDEN),
        (stranger, Status.FORBIDDEN),
        (client.seek(OLDEST, NEWEST, channel="none"), Status.NOT_FOUND),
        (client.seek(OLDEST, NEWEST, age_seconds=3_600), Status.BAD_REQUEST),
        (client.seek(OLDEST, NEWEST, age_seconds=-3_600), Status.BAD_REQUEST),
        (common.Envelope(payload=b"\xff"), Status.BAD_REQUEST),
    ]
    for source in sources(client):
        for envelope, status in cases:
            assert read(source(iter([envelope]))) == ([], status)
    client.identity = served.ledger.identity("OrdererMSP", "client")
    request = client.seek(OLDEST, OLDEST)
    assert read(client.blocks.Deliver(iter([request]))) == ([], Status.FORBIDDEN)
    assert read(client.ordering.Deliver(iter([request]))) == ([0], Status.SUCCESS)


def test_blocks_to_come_are_waited_for(alone: Served) -> None:
    client = alone.client()
    for source in sources(client):
        height = alone.ledger.channel("one").height
        stream = source(iter([client.seek(at(height), at(height + 1), wait=True)]))
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(read, stream)
            client.call(b"put", b"come", b"x")
            assert not waiting.done()
            client.call(b"put", b"come", b"x")
            assert waiting.result() == ([height, height + 1], Status.SUCCESS)
    client.close()


def test_the_next_commit_is_waited_for(alone: Served) -> None:
    client = alone.client()
    for source in sources(client):
        height = alone.ledger.channel("one").height
        stream = source(iter([client.seek(NEXT, at(2**64 - 1), wait=True)]))
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(next, stream)
            while not waiting.done():
                client.call(b"put", b"come", b"x")
            assert waiting.result().block.header.number >= height
        stream.cancel()
    client.close()


def test_waiting_ends_with_the_service(alone: Served) -> None:
    client = alone.client()
    begin = at(alone.ledger.channel("one").height)
    stream = client.blocks.Deliver(iter([client.seek(begin, begin, wait=True)]))
    events = client.events(at(0))
    client.call(b"put", b"end", b"x")
    assert next(stream).block.header.number
    assert next(events).block_number == 1
    status = client.gateway.CommitStatus.future(client.status_request("00"))
    with pytest.raises(grpc.FutureTimeoutError):
        status.result(timeout=0.2)
    alone.server.stop()
    assert status.exception().code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(grpc.RpcError) as caught:
        next(events)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    client.close()


def test_filtered_blocks_show_ids_verdicts_and_events_only(alone: Served) -> None:
    client = alone.client()
    good, _ = client.call(b"put", b"secret", b"tea")
    bad, envelope = client.endorse(b"put", b"secret", b"coffee", by=(kv.B,))
    client.submit(bad, envelope)
    client.status(bad)
    answers = list(client.blocks.DeliverFiltered(iter([client.seek(OLDEST, NEWEST)])))
    assert answers.pop().status == Status.SUCCESS
    blocks = [answer.filtered_block for answer in answers]
    assert [block.number for block in blocks] == [0, 1, 2]
    assert {block.channel_id for block in blocks} == {"one"}
    assert blocks[0].filtered_transactions[0].type == 1
    (first,), (second,) = (block.filtered_transactions for block in blocks[1:])
    assert (first.txid, first.tx_validation_code) == (good, 0)
    assert (second.txid, second.tx_validation_code) == (bad, 10)
    (action,) = first.transaction_actions.chaincode_actions
    assert action.chaincode_event.event_name == "put"
    assert action.chaincode_event.tx_id == good
    assert not action.chaincode_event.payload
    assert b"tea" not in blocks[1].SerializeToString()
    client.close()


def test_private_data_there_is_none(client: Client) -> None:
    answers = list(client.blocks.DeliverWithPrivateData(iter([client.seek(OLDEST, at(1))])))
    assert [one.block_and_private_data.block.header.number for one in answers[:2]] == [0, 1]
    assert not answers[1].block_and_private_data.private_data_map
    assert answers[2].status == Status.SUCCESS


# -- broadcast --------------------------------------------------------------------------------


def test_the_orderer_answers_every_envelope(alone: Served) -> None:
    client = alone.client()
    made = [client.endorse(b"put", f"sent-{at}".encode(), b"x") for at in range(3)]
    answers = client.ordering.Broadcast(iter([envelope for _, envelope in made]))
    assert [answer.status for answer in answers] == [Status.SUCCESS] * 3
    assert [client.status(tx_id).result for tx_id, _ in made] == [0, 0, 0]
    client.close()


def header_of(kind: int, channel: str = "one") -> Any:
    header = common.ChannelHeader(type=kind, channel_id=channel)
    whole = common.Payload(header=common.Header(channel_header=header.SerializeToString()))
    return common.Envelope(payload=whole.SerializeToString(), signature=b"x")


def test_what_the_orderer_refuses_ends_the_stream(client: Client, served: Served) -> None:
    height = served.ledger.channel("one").height
    _, forged = client.endorse(b"put", b"refused", b"x")
    forged.signature = client.identity.sign(b"something else")
    _, good = client.endorse(b"put", b"refused", b"x")
    cases = [
        (forged, Status.FORBIDDEN, "does not hold"),
        (common.Envelope(payload=b"\xff"), Status.BAD_REQUEST, "channel ID"),
        (header_of(3, "none"), Status.BAD_REQUEST, "channel does not exist"),
        (header_of(1), Status.BAD_REQUEST, "cannot be processed directly"),
        (header_of(2), Status.BAD_REQUEST, "configuration"),
        (header_of(3), Status.BAD_REQUEST, "nonce"),
    ]
    for envelope, status, reason in cases:
        (answer,) = client.ordering.Broadcast(iter([envelope, good]))
        assert answer.status == status
        assert reason in answer.info
    assert served.ledger.channel("one").height == height


def test_blocks_are_cut_as_the_ledger_was_founded(tmp_path: Any) -> None:
    cut = Cut(count=3, timeout_ms=60_000)
    for one in serve(tmp_path, cut=cut):
        client = one.client()
        made = [client.endorse(b"put", f"cut-{at}".encode(), b"x") for at in range(3)]
        for tx_id, envelope in made:
            client.submit(tx_id, envelope)
        assert {client.status(tx_id).block_number for tx_id, _ in made} == {1}
        late, envelope = client.endorse(b"put", b"late", b"x")
        client.submit(late, envelope)
        with pytest.raises(grpc.RpcError) as caught:
            client.status(late, timeout=0.2)
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        client.close()
