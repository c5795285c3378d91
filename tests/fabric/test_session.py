"""One peer's stream: transactions side by side, and whatever happens to one is its own."""

from __future__ import annotations

import gc
import random
from typing import Any

import msgspec
import pytest

from ufmi.ledger.fabric import session as module
from ufmi.ledger.fabric.session import Session
from ufmi.ledger.protos import chaincode

from .peer import NOW, PROBLEMS, FakePeer, Message, Trial, call, outcome, parameters


def made(many: tuple[int, int] | None = (100, 100), **options: Any) -> tuple[Session, FakePeer]:
    session = Session(Trial(), "trial:0123", **options)
    ready = Message(type=Message.READY, payload=parameters(*many) if many else b"")
    assert session.answer(Message(type=Message.REGISTERED).SerializeToString()) is None
    assert session.answer(ready.SerializeToString()) is None
    return session, FakePeer()


def done(session: Session, peer: FakePeer, function: str, *arguments: bytes) -> Any:
    completed = peer.run(session, call(function, *arguments))
    assert session.in_flight == 0
    return outcome(completed)


def test_the_first_message_says_which_package_this_is() -> None:
    said = Message.FromString(Session(Trial(), "trial:0123").opening())
    assert said.type == Message.REGISTER
    assert chaincode.ChaincodeID.FromString(said.payload).name == "trial:0123"


@pytest.mark.parametrize("many", [None, (100, 100), (2, 3)])
def test_calls_of_every_kind(many: tuple[int, int] | None) -> None:
    session, peer = made(many)
    pairs = [part for at in range(8) for part in (b"k%d" % at, b"v%d" % at)]
    assert done(session, peer, "put", *pairs).payload == b"done"
    assert peer.state == {f"k{at}": b'"v%d"' % at for at in range(8)}
    assert done(session, peer, "get", b"k1", b"none", b"k7").payload == b'["v1",null,"v7"]'
    assert done(session, peer, "put", b"k1", b"").status == 200
    assert "k1" not in peer.state
    rows = msgspec.json.decode(done(session, peer, "range", b"k0", b"k7", b"4").payload)
    assert [key for key, _ in rows] == ["k0", "k2", "k3", "k4"]
    past = msgspec.json.decode(done(session, peer, "past", b"k1", b"9").payload)
    assert [(time, gone) for _, time, gone in past] == [(NOW, True), (NOW, False)]
    used = "GET_STATE_MULTIPLE" in peer.asked and "WRITE_BATCH_STATE" in peer.asked
    assert used == (many is not None)
    assert max(peer.counts, default=0) <= 8


def test_the_contract_sees_who_asked_and_when() -> None:
    session, peer = made()
    message = call("who", channel="two")
    told = msgspec.json.decode(outcome(peer.run(session, message)).payload)
    assert told == ["two", message.txid, NOW, "AMSP", "a certificate"]


def test_the_event_goes_with_what_completes() -> None:
    session, peer = made()
    message = call("put", b"a", b"b")
    event = peer.run(session, message).chaincode_event
    # The peer sets the contract's name itself, whatever is said here.
    assert (event.event_name, event.payload, event.tx_id) == ("put", b"a|b", message.txid)
    assert not peer.run(session, call("get", b"a")).HasField("chaincode_event")


@pytest.mark.parametrize("kind", PROBLEMS)
def test_whatever_a_contract_raises_ends_its_transaction_alone(kind: bytes) -> None:
    session, peer = made()
    other = call("get", b"a")
    request = peer.sent(session, other)
    failed = outcome(peer.run(session, call("trouble", kind)))
    assert failed.status == 500
    assert 0 < len(failed.message) <= module.FAILURE_CHARACTERS_MAX
    assert session.in_flight == 1
    assert outcome(peer.sent(session, peer.response(request))).payload == b"[null]"


def test_failures_say_what_they_are() -> None:
    session, peer = made()
    assert done(session, peer, "trouble", b"failure").message == "UFMI-3005: not today"
    assert "RuntimeError: a defect" in done(session, peer, "trouble", b"defect").message
    assert "RecursionError" in done(session, peer, "deep").message
    assert "UFMI-3003" in done(session, peer, "nothing").message
    assert done(session, peer, "bad_event").status == 500


def test_the_peers_refusal_is_the_callers_error_at_once() -> None:
    session, peer = made()
    peer.refuse[Message.GET_STATE_MULTIPLE] = b"no ledger \xff context"
    failed = done(session, peer, "get", b"a")
    assert failed.status == 500 and "the peer refuses: no ledger" in failed.message
    assert peer.asked == ["GET_STATE_MULTIPLE"]


def test_a_contract_may_go_on_after_the_peers_refusal() -> None:
    session, peer = made()
    request = peer.sent(session, call("patient"))
    peer.refuse[Message.GET_STATE_MULTIPLE] = b"no"
    request = peer.sent(session, peer.response(request))
    peer.refuse.clear()
    assert outcome(peer.sent(session, peer.response(request))).payload == b"went on"


def test_life_signs_come_back_and_strange_messages_do_not() -> None:
    session, _ = made()
    alive = Message(type=Message.KEEPALIVE).SerializeToString()
    assert session.answer(alive) == alive
    for kind in (Message.UNDEFINED, Message.COMPLETED, Message.REGISTER, 99):
        assert session.answer(Message(type=kind).SerializeToString()) is None
    late = Message(type=Message.RESPONSE, txid="gone", channel_id="one")
    assert session.answer(late.SerializeToString()) is None


def test_an_initialisation_is_refused_with_words() -> None:
    session, peer = made()
    said = peer.sent(session, Message(type=Message.INIT, txid="t", channel_id="one"))
    assert outcome(said).status == 500 and "initialisation" in outcome(said).message


def test_times_too_far_from_the_clock_are_refused() -> None:
    for distance, status in ((1000, 200), (-1000, 200), (1001, 500), (-1001, 500)):
        session, peer = made(now_ms=lambda: NOW, skew_ms=1000)
        said = outcome(peer.run(session, call("get", time_ms=NOW + distance)))
        assert said.status == status
        assert status == 200 or "UFMI-3006" in said.message


def test_a_transaction_without_a_proposal_fails() -> None:
    session, peer = made()
    bare = Message(type=Message.TRANSACTION, txid="t", channel_id="one")
    assert outcome(peer.run(session, bare)).status == 500


def test_an_id_twice_in_flight_is_refused_and_the_first_goes_on() -> None:
    session, peer = made()
    message = call("get", b"a")
    request = peer.sent(session, message)
    refused = outcome(peer.sent(session, message))
    assert refused.status == 500 and "under way already" in refused.message
    assert outcome(peer.sent(session, peer.response(request))).status == 200


def test_an_id_on_two_channels_is_two_transactions() -> None:
    session, peer = made()
    one = call("get", b"a")
    two = Message.FromString(one.SerializeToString())
    two.channel_id = "two"
    requests = [peer.sent(session, message) for message in (one, two)]
    assert session.in_flight == 2
    peer.state["a"] = b'"x"'
    for request in reversed(requests):
        assert outcome(peer.sent(session, peer.response(request))).payload == b'["x"]'


def test_many_transactions_answered_in_any_order() -> None:
    session, peer = made((3, 2))
    peer.state = {f"k{at}": b'"%d"' % at for at in range(9)}
    chance = random.Random(7)
    waiting, ends = [], []
    for at in range(300):
        keys = [b"k%d" % (at % 9), b"k%d" % ((at + 1) % 9), b"k%d" % ((at + 2) % 9)]
        waiting.append(peer.sent(session, call("get", *keys)))
    assert session.in_flight == 300
    while waiting:
        request = waiting.pop(chance.randrange(len(waiting)))
        said = peer.sent(session, peer.response(request))
        (ends if said.type == Message.COMPLETED else waiting).append(said)
    assert len(ends) == 300 and session.in_flight == 0
    assert all(outcome(said).status == 200 for said in ends)


def test_too_many_in_flight_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TRANSACTIONS_MAX", 2)
    session, peer = made()
    requests = [peer.sent(session, call("get", b"a")) for _ in range(2)]
    assert "too much" in outcome(peer.sent(session, call("get", b"a"))).message
    peer.sent(session, peer.response(requests[0]))
    assert peer.sent(session, call("get", b"a")).type == Message.GET_STATE_MULTIPLE


def test_an_answer_that_the_peer_would_not_take_fails_alone() -> None:
    session, peer = made()
    failed = done(session, peer, "large", b"101")
    assert failed.status == 500 and "UFMI-3002" in failed.message
    assert len(done(session, peer, "large", b"30").payload) == 30 << 20


@pytest.mark.parametrize("stubborn", [b"", b"yes"])
def test_the_end_of_the_stream_cleans_up_what_is_under_way(stubborn: bytes) -> None:
    trial, closed, counted = Trial(), [], []
    session = Session(trial, "trial:0", ended=counted.append, closed=closed.append)
    peer = FakePeer()
    messages = [call("clean", stubborn) for _ in range(5)]
    for message in messages:
        peer.sent(session, message)
    session.close()
    gc.collect()
    if not stubborn:  # who asks on in his `finally` is told that nobody answers
        assert trial.cleaned == [message.txid for message in messages]
    assert session.in_flight == 0 and closed == [session] and counted == []


def test_ends_are_counted() -> None:
    counted: list[bool] = []
    session, peer = made(ended=counted.append)
    for function in ("get", "trouble", "nothing", "who"):
        done(session, peer, function, *([b"base"] if function == "trouble" else []))
    assert counted == [True, False, False, True]
