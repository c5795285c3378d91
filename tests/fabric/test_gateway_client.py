"""The client opposite a Gateway that fails as told: what is tried again, what errors say."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from ufmi.errors import (
    AccessDenied,
    CommitStatusError,
    EndorseError,
    EvaluateError,
    LedgerError,
    NodeMessage,
    NotFound,
    SubmitError,
    TooManyRequests,
)
from ufmi.ledger.checkpoint import MemoryCheckpoint, Position
from ufmi.ledger.connection import Endpoint
from ufmi.ledger.fabric.calls import Limits
from ufmi.ledger.protos import chaincode_event, common, gateway

from .gateway import Scripted, block, peer, taken, through

Code = grpc.StatusCode
LIMITS = Limits(evaluate_seconds=20, endorse_seconds=20, submit_seconds=20, in_flight=3, tries=3)
REQUESTS = {
    "evaluate": (gateway.EvaluateRequest(transaction_id="t1"), EvaluateError),
    "endorse": (gateway.EndorseRequest(transaction_id="t1"), EndorseError),
    "submit": (gateway.SubmitRequest(transaction_id="t1"), SubmitError),
    "commit_status": (gateway.SignedCommitStatusRequest(), CommitStatusError),
}
Peer = tuple[Scripted, Endpoint]


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Peer]:
    with peer(tmp_path / "org") as one:
        yield one


def called(kind: str, endpoint: Endpoint, name: str, limits: Limits = LIMITS, **more: Any) -> Any:
    if name == "commit_status":
        more.setdefault("timeout", 20)
    use = lambda one: getattr(one.transport, name)(REQUESTS[name][0], **more)  # noqa: E731
    return through(kind, endpoint, limits, use)


both = pytest.mark.parametrize("kind", ["threads", "asyncio"])


@both
@pytest.mark.parametrize("name", REQUESTS)
def test_what_changes_nothing_is_tried_again_and_a_submission_never(
    kind: str, name: str, scripted: Peer
) -> None:
    server, endpoint = scripted
    server.script[name] = [Code.UNAVAILABLE, Code.UNAVAILABLE, None]
    if name == "submit":
        with pytest.raises(SubmitError) as caught:
            called(kind, endpoint, name)
        assert caught.value.grpc_code == "UNAVAILABLE" and caught.value.transaction_id == "t1"
        assert server.calls == ["submit"]
        return
    called(kind, endpoint, name)
    assert server.calls == [name] * 3
    server.script[name] = [Code.UNAVAILABLE]
    with pytest.raises(REQUESTS[name][1]):
        called(kind, endpoint, name)
    assert server.calls == [name] * 6


@both
@pytest.mark.parametrize("name", REQUESTS)
def test_other_errors_are_told_with_each_nodes_words_and_not_tried_again(
    kind: str, name: str, scripted: Peer
) -> None:
    server, endpoint = scripted
    nodes = [("a:1", "AMSP", "no space"), ("b:2", "BMSP", "no time")]
    server.script[name] = [(Code.ABORTED, "failed to do it", nodes)]
    with pytest.raises(REQUESTS[name][1]) as caught:
        called(kind, endpoint, name)
    problem = caught.value
    assert problem.nodes == tuple(NodeMessage(*one) for one in nodes)
    assert problem.grpc_code == "ABORTED" and server.calls == [name]
    for word in ("peer0", "failed to do it", "BMSP: no time"):
        assert word in problem.message


@both
def test_too_many_requests_and_too_large_ones(kind: str, scripted: Peer) -> None:
    server, endpoint = scripted
    text = "too many requests for /gateway.Gateway, exceeding concurrency limit (500)"
    server.script["endorse"] = [(Code.RESOURCE_EXHAUSTED, text, [])]
    with pytest.raises(TooManyRequests) as caught:
        called(kind, endpoint, "endorse")
    assert caught.value.retryable and caught.value.grpc_code == "RESOURCE_EXHAUSTED"
    large = "grpc: received message larger than max (9 vs. 8)"
    server.script["endorse"] = [(Code.RESOURCE_EXHAUSTED, large, [])]
    with pytest.raises(EndorseError) as told:
        called(kind, endpoint, "endorse")
    assert not told.value.retryable


@both
def test_peers_at_different_heights_are_worth_another_try(kind: str, scripted: Peer) -> None:
    server, endpoint = scripted
    server.script["endorse"] = [(Code.ABORTED, "ProposalResponsePayloads do not match", [])]
    with pytest.raises(EndorseError) as caught:
        called(kind, endpoint, "endorse")
    assert caught.value.retryable


@both
def test_a_call_ends_at_its_deadline(kind: str, scripted: Peer) -> None:
    server, endpoint = scripted
    server.seconds = 0.5
    with pytest.raises(CommitStatusError) as caught:
        called(kind, endpoint, "commit_status", timeout=0.05)
    assert caught.value.grpc_code == "DEADLINE_EXCEEDED"
    called(kind, endpoint, "commit_status", timeout=None)


def test_calls_in_flight_are_bounded_and_wait_for_their_turn(scripted: Peer) -> None:
    server, endpoint = scripted
    server.seconds = 0.1

    def use(one: Any) -> None:
        request = REQUESTS["commit_status"][0]
        problems: list[Exception] = []

        def ask() -> None:
            try:
                one.transport.commit_status(request, None)
            except Exception as problem:
                problems.append(problem)

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not problems

    through("threads", endpoint, LIMITS, use)
    assert len(server.calls) == 12 and server.most <= LIMITS.in_flight


def test_tasks_in_flight_are_bounded_and_wait_for_their_turn(scripted: Peer) -> None:
    server, endpoint = scripted
    server.seconds = 0.1

    async def use(one: Any) -> None:
        ask = one.transport.commit_status
        await asyncio.gather(*(ask(REQUESTS["commit_status"][0], None) for _ in range(12)))

    through("asyncio", endpoint, LIMITS, use)
    assert len(server.calls) == 12 and server.most <= LIMITS.in_flight


# -- streams ------------------------------------------------------------------------------------


def events(number: int, *ids: str) -> Any:
    found = gateway.ChaincodeEventsResponse(block_number=number)
    found.events.extend(chaincode_event.ChaincodeEvent(tx_id=one) for one in ids)
    return found


@both
@pytest.mark.parametrize("end", [[Code.UNAVAILABLE], [Code.ABORTED], []])
def test_events_go_on_after_the_last_one(kind: str, end: list[Any], scripted: Peer) -> None:
    server, endpoint = scripted
    server.streams = [[events(5, "a", "b"), *end], [*end], [events(6, "c"), events(7, "d")]]

    def use(one: Any) -> Any:
        at = MemoryCheckpoint(Position(5, "z"))
        return taken(kind, one.network("one").chaincode_events("kv", checkpoint=at), 4)

    found = through(kind, endpoint, LIMITS, use)
    assert [(one.block, one.transaction_id) for one in found] == [
        (5, "a"),
        (5, "b"),
        (6, "c"),
        (7, "d"),
    ]
    places = [(a.start_position.specified.number, a.after_transaction_id) for a in server.asked]
    assert places == [(5, "z"), (5, "b"), (5, "b")]


@both
@pytest.mark.parametrize("end", [Code.UNAVAILABLE, common.SERVICE_UNAVAILABLE, None])
def test_blocks_go_on_to_their_stop_and_end_there(kind: str, end: Any, scripted: Peer) -> None:
    server, endpoint = scripted
    ends = [] if end is None else [end]
    server.streams = [[block(3), block(4), *ends], [block(5), *ends]]

    def use(one: Any) -> Any:
        return taken(kind, one.network("one").block_events(3, stop=5), 99)

    assert [one.number for one in through(kind, endpoint, LIMITS, use)] == [3, 4, 5]
    assert len(server.asked) == 2, "nobody is asked for blocks after the stop"


@both
def test_streams_that_are_refused_say_why(kind: str, scripted: Peer) -> None:
    server, endpoint = scripted
    wanted = {common.NOT_FOUND: NotFound, common.FORBIDDEN: AccessDenied}
    for status, error in {**wanted, common.BAD_REQUEST: LedgerError}.items():
        server.streams = [[status]]
        with pytest.raises(error, match="gives no blocks"):
            through(
                kind,
                endpoint,
                LIMITS,
                lambda one: taken(kind, one.network("one").block_events(0), 1),
            )
    server.streams = [[Code.PERMISSION_DENIED]]
    with pytest.raises(LedgerError) as caught:
        through(
            kind,
            endpoint,
            LIMITS,
            lambda one: taken(kind, one.network("one").chaincode_events("kv", 0), 1),
        )
    assert caught.value.grpc_code == "PERMISSION_DENIED"
