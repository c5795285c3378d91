"""What a message declares: the state that it may touch, and its identity."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from ufmi.protocol import Entry, Form, Keys, Message, decode

from . import builders, strategies

ENTRY = Entry(7, 1_800_000_000_000, "L000000007")
A, B = builders.address(1), builders.address(2)
ASSET, MARK, PERSON = builders.ASSET, builders.MARK, builders.x1().person
BROKER, BANK, REGISTRY = builders.BROKER, builders.BANK, builders.REGISTRY
# Parts of a key after its first word.
PARTS = {
    "network": 0,
    **dict.fromkeys(["party", "address", "user", "person", "asset", "mark", "cash"], 1),
    **dict.fromkeys(["listing", "deposit", "onchain", "holding", "order", "proposal"], 2),
}
# name, sender, and transaction id; with the instruction's sender before it in follow-ups.
FOLLOW_UPS = {"X1.bank", "X1.registry", "P1.registry", "Y1.locked", "Z1.locked"}

# Message, reads, writes: those beyond network, signer and result.
TOUCHED: list[tuple[Message, set[str], set[str]]] = [
    (
        builders.x1(proofs=(builders.proof(name=1), builders.proof(name=2))),
        {f"party/{BANK}", f"party/{REGISTRY}"},
        {"user/L000000007", f"person/{PERSON}", f"address/{A}", f"address/{B}"},
    ),
    (
        builders.x1(unified="L000000003", proofs=()),
        {f"party/{BANK}", f"party/{REGISTRY}"},
        {"user/L000000003", f"person/{PERSON}"},
    ),
    (builders.x1_bank(), set(), {"user/L000000001"}),
    (builders.x1_registry(), set(), {"user/L000000001"}),
    (
        builders.p1(),
        {f"party/{BANK}", f"party/{REGISTRY}", f"asset/{ASSET}"},
        {f"mark/{MARK}", f"listing/{BROKER}/P1-1"},
    ),
    (builders.p1_registry(), set(), {f"listing/{BROKER}/P1-1", f"asset/{ASSET}"}),
    (
        builders.y1(),
        {f"party/{BANK}", "user/L000000001", f"address/{A}", f"mark/{MARK}"},
        {f"deposit/{BROKER}/Y1-1"},
    ),
    (builders.y1_locked(), {f"address/{A}"}, {f"deposit/{BROKER}/Y1-1", f"cash/{A}"}),
    (
        builders.z1(),
        {"user/L000000001", f"party/{REGISTRY}", f"asset/{ASSET}"},
        {f"onchain/{B}/Z1-1"},
    ),
    (
        builders.z1_locked(),
        {f"address/{B}", f"asset/{ASSET}"},
        {f"onchain/{B}/Z1-1", f"holding/{B}/{ASSET}"},
    ),
    (
        builders.s1(),
        {f"party/{builders.MARKET}", f"asset/{ASSET}", f"address/{A}"},
        {f"order/{A}/O-1", f"cash/{A}"},
    ),
    (
        builders.s1(of=builders.order(side=builders.Side.SELL)),
        {f"party/{builders.MARKET}", f"asset/{ASSET}", f"address/{A}"},
        {f"order/{A}/O-1", f"holding/{A}/{ASSET}"},
    ),
    (
        builders.t1(),
        {f"party/{builders.MARKET}", f"asset/{ASSET}", f"address/{A}", f"address/{B}"},
        {f"order/{A}/O-1", f"cash/{A}", f"holding/{A}/{ASSET}", f"order/{B}/O-2", f"cash/{B}"},
    ),
    (builders.admit(), set(), {"proposal/ADMIT/ADMIT-1", f"party/{BANK}"}),
    (builders.revoke(), set(), {"network", f"party/{BANK}", "proposal/REVOKE/REVOKE-1"}),
    (builders.revoke(subject=A), set(), {"network", f"address/{A}", "proposal/REVOKE/REVOKE-1"}),
    (builders.expire(), set(), {f"order/{A}/O-1", f"holding/{A}/{ASSET}"}),
    (builders.expire(side="BUY", asset=""), set(), {f"order/{A}/O-1", f"cash/{A}"}),
    # Refused, since it does not name what to return; then there is nothing to write.
    (builders.expire(side="SELL", asset=""), set(), {f"order/{A}/O-1"}),
    (builders.expire(side="", asset=""), set(), {f"order/{A}/O-1"}),
    (builders.expire(kind="DEPOSIT", owner=BROKER), set(), {f"deposit/{BROKER}/O-1"}),
    (builders.expire(kind="ONCHAIN"), set(), {f"onchain/{A}/O-1"}),
    (builders.expire(kind="LISTING", owner=BROKER), set(), {f"listing/{BROKER}/O-1"}),
]


def signer_key(sender: str) -> str:
    return f"address/{sender}" if sender.startswith("u") else f"party/{sender}"


def all_keys(keys: Keys) -> list[str]:
    return [*keys.reads, *keys.writes]


@pytest.mark.parametrize(
    ("made", "reads", "writes"),
    TOUCHED,
    ids=[f"{at}-{one[0].NAME}" for at, one in enumerate(TOUCHED)],
)
def test_a_message_declares_exactly_what_it_may_touch(
    made: Message, reads: set[str], writes: set[str]
) -> None:
    keys = made.keys(ENTRY)
    assert set(keys.reads) == reads | {"network", signer_key(made.sender)}
    assert set(keys.writes) == writes | {f"result/{made.identity}"}


@settings(deadline=None, max_examples=300)
@given(strategies.any_form())
def test_every_message_declares_network_signer_and_result(made: Form) -> None:
    if not isinstance(made, Message):
        return
    keys = made.keys(ENTRY)
    assert {"network", signer_key(made.sender)} <= set(keys.reads)
    assert f"result/{made.identity}" in keys.writes
    assert made.identity.startswith(f"{made.NAME}/{made.sender}/")
    assert made.identity.endswith(f"/{made.tx}")


@settings(deadline=None, max_examples=200)
@given(strategies.any_form())
def test_keys_follow_from_text_and_entry_alone(made: Form) -> None:
    if not isinstance(made, Message):
        return
    again = decode(made.text())
    assert isinstance(again, Message)
    assert made.keys(ENTRY) == made.keys(ENTRY) == again.keys(ENTRY)
    assert made.identity == again.identity
    later = Entry(99, 1_800_000_000_999, ENTRY.user)
    assert made.keys(later) == made.keys(ENTRY)


@settings(deadline=None, max_examples=400)
@given(strategies.any_form())
def test_keys_have_their_parts_and_none_is_empty(made: Form) -> None:
    if not isinstance(made, Message):
        return
    for key in all_keys(made.keys(ENTRY)):
        first, *parts = key.split("/")
        if first == "result":
            assert len(parts) == (4 if made.NAME in FOLLOW_UPS else 3), key
        else:
            assert len(parts) == PARTS[first], key
        assert "" not in parts, key
        assert key.isascii()
        assert key.isprintable()


def test_a_registration_without_a_number_declares_no_user() -> None:
    """An X1 that the header gives no number has no user's record to touch."""
    keys = builders.x1().keys(Entry(1, 1))
    assert not [key for key in all_keys(keys) if key.startswith("user/")]


def test_an_allotted_number_does_not_replace_a_named_user() -> None:
    x1 = builders.x1(unified="L000000003")
    assert x1.account(ENTRY) == "L000000003"
    assert builders.x1().account(ENTRY) == ENTRY.user


@pytest.mark.parametrize(
    "make",
    [builders.x1_bank, builders.x1_registry, builders.y1_locked, builders.p1_registry],
)
def test_two_brokers_may_use_one_number_at_one_institution(make: Any) -> None:
    one, other = make(), make(ag=builders.OTHER_BROKER)
    assert one.identity != other.identity
    assert one.identity == f"{one.NAME}/{one.sender}/{BROKER}/{one.tx}"


def test_two_wallets_may_use_one_number_at_one_registry() -> None:
    one, other = builders.z1_locked(), builders.z1_locked(address=A)
    assert one.identity != other.identity
    assert one.identity == f"Z1.locked/{REGISTRY}/{B}/Z1-1"


def test_a_follow_up_does_not_repeat_its_instruction() -> None:
    names = [one.identity for one in builders.messages()]
    assert len(set(names)) == len(names)
    assert builders.y1().identity == f"Y1/{BROKER}/Y1-1"
    assert builders.y1_locked(sender=BROKER).identity != builders.y1().identity


def test_the_terms_of_a_message_are_not_its_identity() -> None:
    """Another text under the same number must meet the first one's result, and be refused."""
    y1 = builders.y1()
    for change in ({"amount": 1}, {"bank": "NBANKSBCN001"}, {"valid_until": 1}, {"address": B}):
        assert builders.y1(**change).identity == y1.identity
    assert builders.y1(tx="Y1-2").identity != y1.identity
    assert builders.y1(sender=builders.OTHER_BROKER).identity != y1.identity
