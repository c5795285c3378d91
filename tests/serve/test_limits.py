"""How much is served at once, and what happens where the machine refuses."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from tests.ledger import kv
from ufmi.errors import StorageFailed
from ufmi.ledger.embedded.serve import Limits

from .client import NEXT, Client, at, details
from .conftest import Served, serve
from .test_gateway import refused

Code = grpc.StatusCode


def test_six_hundred_at_once_meet_the_limit(client: Client) -> None:
    request = client.status_request("there is no such transaction")
    calls = [client.gateway.CommitStatus.future(request, timeout=300) for _ in range(600)]
    while sum(call.done() for call in calls) < 100:
        time.sleep(0.01)
    over = [call.exception() for call in calls if call.done()]
    assert len(over) == 100
    assert {one.code() for one in over} == {Code.UNKNOWN}
    assert over[0].details() == (
        "too many requests for /gateway.Gateway, exceeding concurrency limit (500)"
    )
    # Waiting calls hold no thread: other services go on.
    assert client.process(b"put", b"limit", b"x").response.status == 200
    for call in calls:
        call.cancel()
    while True:  # until the server has heard of it
        try:
            assert client.evaluate(b"get", b"limit") == b"null"
            break
        except grpc.RpcError as problem:
            assert problem.code() is Code.UNKNOWN


def test_streams_leave_room_for_other_calls(client: Client) -> None:
    streams = [
        client.blocks.Deliver(iter([client.seek(NEXT, at(2**64 - 1), wait=True)]))
        for _ in range(200)
    ]
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(next, streams[-1])
        number = 0
        while not waiting.done():
            assert client.call(b"put", b"room", b"x")[1].result == 0
            number += 1
        assert waiting.result().block.header.number
    for stream in streams:
        stream.cancel()


def test_a_message_over_the_limit_is_refused(tmp_path: Path) -> None:
    for one in serve(tmp_path, Limits(message_bytes=100_000)):
        client = one.client()
        assert client.call(b"put", b"size", b"x" * 20_000)[1].result == 0
        error = refused(client.endorse, b"put", b"size", b"x" * 100_000)
        assert error.code() is Code.RESOURCE_EXHAUSTED
        client.close()


def test_a_full_disk_is_told_and_nothing_is_lost(
    alone: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = alone.client()
    client.call(b"put", b"disk", b"before")

    def refuse(_: object) -> None:
        raise StorageFailed("the disk is full")

    tx_id, envelope = client.endorse(b"put", b"disk", b"lost")
    _, again = client.endorse(b"put", b"disk", b"again")
    waiting = client.gateway.CommitStatus.future(client.status_request(tx_id), timeout=60)
    with monkeypatch.context() as patch:
        patch.setattr(alone.ledger.channel("one")._blocks, "append", refuse)
        error = refused(client.submit, tx_id, envelope)
        assert error.code() is Code.UNAVAILABLE
        ((address, msp, said),) = details(error)
        orderer = alone.server.places.orderer
        assert (address, msp) == (orderer.address, orderer.msp)
        assert "status=SERVICE_UNAVAILABLE" in said
        (answer,) = client.ordering.Broadcast(iter([again]))
        assert answer.status == 503
    assert waiting.exception().code() is Code.ABORTED
    assert "the disk is full" in waiting.exception().details()
    assert client.evaluate(b"get", b"disk") == b'"before"'
    assert client.call(b"put", b"disk", b"after")[1].result == 0
    assert kv.verified(alone.ledger).ok
    client.close()
