"""What a message declares: the state that it may touch, and its identity."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from ufmi.crypto import sm3_hex
from ufmi.protocol import Entry, Keys, Message, decode
from ufmi.protocol.codes import mark_code

from . import builders, examples, strategies, transfers, updates

ENTRY = Entry(7, 1_800_000_000_000, "L000000007")
A, B, C = builders.address(1), builders.address(2), builders.address(3)
ASSET, MARK, PERSON = builders.ASSET, builders.MARK, builders.x1().person
BROKER, BANK, REGISTRY = builders.BROKER, builders.BANK, builders.REGISTRY
MATCHER = builders.MATCHER
# A broker's own id of a user may hold anything: its key has a digest.
ACCOUNT = f"account/{BROKER}/{sm3_hex(b'b-1')[:32]}"
# Parts of a key after its first word.
PARTS = {
    **dict.fromkeys(["network", "subscriptions"], 0),
    **dict.fromkeys(["party", "address", "user", "person", "asset", "mark", "cash"], 1),
    **dict.fromkeys(["listing", "deposit", "onchain", "holding", "order", "proposal"], 2),
    **dict.fromkeys(["account", "update", "amendment", "withdrawal"], 2),
}
# What follows name and sender in an identity, where it is not the transaction id alone.
REFERENCES = {
    **dict.fromkeys(["X1.bank", "X1.registry", "X2.bank", "X2.registry"], "ag tx"),
    **dict.fromkeys(["P1.registry", "P2.registry", "Y1.locked"], "ag tx"),
    "Z1.locked": "address tx",
    "Y2.burn": "ag tx mark",
    "Y2.moved": "ag tx mark attempt",
    "Y2.credited": "ag tx paying mark attempt",
    "S2.removed": "by tx",
    "S4.adopted": "publisher tx",
}

# Written by several messages: those of an update, of a withdrawal.
UPDATED = {"user/L000000001", f"update/{BROKER}/X2-1", f"address/{B}", f"address/{C}"}
WITHDRAWN = {f"withdrawal/{A}/Y2-1", f"cash/{A}"}
# Message, reads, writes: those beyond network, signer and result.
TOUCHED: list[tuple[Message, set[str], set[str]]] = [
    (
        builders.x1(proofs=(builders.proof(name=1), builders.proof(name=2))),
        {f"party/{BANK}", f"party/{REGISTRY}"},
        {"user/L000000007", f"person/{PERSON}", ACCOUNT, f"address/{A}", f"address/{B}"},
    ),
    (
        builders.x1(unified="L000000003", proofs=()),
        {f"party/{BANK}", f"party/{REGISTRY}"},
        {"user/L000000003", f"person/{PERSON}", ACCOUNT},
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
        {f"party/{builders.MARKET}", f"asset/{ASSET}", f"address/{A}", "subscriptions"},
        {f"order/{A}/O-1", f"cash/{A}"},
    ),
    (
        builders.s1(of=builders.order(side=builders.Side.SELL)),
        {f"party/{builders.MARKET}", f"asset/{ASSET}", f"address/{A}", "subscriptions"},
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
    (builders.expire(kind="UPDATE", owner=BROKER), set(), {f"update/{BROKER}/O-1"}),
    (builders.expire(kind="AMENDMENT", owner=BROKER), set(), {f"amendment/{BROKER}/O-1"}),
    (builders.expire(kind="WITHDRAWAL"), set(), {f"withdrawal/{A}/O-1", f"cash/{A}"}),
    (
        updates.x2(),
        {f"address/{A}"},
        {"user/L000000001", f"update/{BROKER}/X2-1", f"address/{B}", f"address/{C}"},
    ),
    (
        updates.x2(add=(), consent=(), remove=()),
        set(),
        {"user/L000000001", f"update/{BROKER}/X2-1"},
    ),
    (updates.x2_bank(), set(), UPDATED),
    (updates.x2_registry(), set(), UPDATED),
    (updates.x2_update(), set(), {"user/L000000001", f"update/{BROKER}/X2-1"}),
    (updates.x3(), set(), set()),
    (
        updates.p2(),
        {f"party/{BANK}", f"party/{REGISTRY}", f"asset/{ASSET}"},
        {f"amendment/{BROKER}/P2-1"},
    ),
    (updates.p2_registry(), set(), {f"amendment/{BROKER}/P2-1"}),
    (updates.p2_update(), set(), {f"amendment/{BROKER}/P2-1", f"asset/{ASSET}"}),
    (updates.p3(), set(), set()),
    (transfers.receive(), set(), {f"party/{BANK}", f"address/{builders.address('till')}"}),
    (
        transfers.y2(bank="NBANKSBCN001", marks=(MARK, mark_code("NBANKSCCN001", "CNY"))),
        {
            *("party/NBANKSBCN001", f"party/{BANK}", "party/NBANKSCCN001"),
            *("user/L000000001", f"address/{A}"),
        },
        WITHDRAWN,
    ),
    (transfers.y2_burn(), set(), WITHDRAWN),
    (transfers.y2_moved(), set(), WITHDRAWN),
    (transfers.y2_credited(), set(), WITHDRAWN),
    (transfers.z2(), set(), {f"asset/{ASSET}"}),
    (transfers.s2(), {"subscriptions"}, {f"order/{A}/O-1", f"cash/{A}"}),
    (
        transfers.s2(side=builders.Side.SELL),
        {"subscriptions"},
        {f"order/{A}/O-1", f"holding/{A}/{ASSET}"},
    ),
    (transfers.cancel(), {"subscriptions"}, {f"order/{A}/O-1", f"holding/{A}/{ASSET}"}),
    (
        transfers.cancel(side=builders.Side.BUY),
        {"subscriptions"},
        {f"order/{A}/O-1", f"cash/{A}"},
    ),
    (transfers.s2_removed(), set(), {f"order/{A}/O-1"}),
    (transfers.s3(), set(), {"subscriptions"}),
    (transfers.s4_adopted(), set(), {f"order/{A}/O-1"}),
    (
        updates.rotate(),
        set(),
        {
            *("network", f"party/{BANK}", "proposal/ROTATE/ROTATE-1"),
            f"address/{builders.address('new bank')}",
        },
    ),
    (
        updates.status(),
        set(),
        {f"party/{BANK}", "proposal/STATUS/STATUS-1", "subscriptions"},
    ),
    (
        updates.status(kind="ADDRESS", subject=A),
        set(),
        {f"address/{A}", "proposal/STATUS/STATUS-1"},
    ),
    (
        updates.status(kind="ASSET", subject=ASSET),
        set(),
        {f"asset/{ASSET}", "proposal/STATUS/STATUS-1"},
    ),
    (
        updates.status(kind="NETWORK", subject=builders.NETWORK),
        set(),
        {"network", "proposal/STATUS/STATUS-1"},
    ),
    (updates.activate(), set(), {"network", "proposal/ACTIVATE/ACTIVATE-1"}),
]


def signer_key(sender: str) -> str:
    return f"address/{sender}" if sender.startswith("u") else f"party/{sender}"


def all_keys(keys: Keys) -> list[str]:
    return [*keys.reads, *keys.writes]


def test_the_keys_of_every_message_are_stated_here() -> None:
    stated = {made.NAME for made, *_ in TOUCHED}
    assert stated == {made.NAME for made in (*examples.messages(), *examples.queries())}


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
@given(strategies.any_message())
def test_every_message_declares_network_signer_and_result(made: Message) -> None:
    keys = made.keys(ENTRY)
    assert {"network", signer_key(made.sender)} <= set(keys.reads)
    assert f"result/{made.identity}" in keys.writes
    parts = [str(getattr(made, name)) for name in REFERENCES.get(made.NAME, "tx").split()]
    assert made.identity == "/".join([made.NAME, made.sender, *parts])


@settings(deadline=None, max_examples=200)
@given(strategies.any_message())
def test_keys_follow_from_text_and_entry_alone(made: Message) -> None:
    again = decode(made.text())
    assert isinstance(again, Message)
    assert made.keys(ENTRY) == made.keys(ENTRY) == again.keys(ENTRY)
    assert made.identity == again.identity
    later = Entry(99, 1_800_000_000_999, ENTRY.user)
    assert made.keys(later) == made.keys(ENTRY)


@settings(deadline=None, max_examples=400)
@given(strategies.any_message())
def test_keys_have_their_parts_and_none_is_empty(made: Message) -> None:
    for key in all_keys(made.keys(ENTRY)):
        first, *parts = key.split("/")
        if first == "result":
            assert len(parts) == 2 + len(REFERENCES.get(made.NAME, "tx").split()), key
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
    [
        *(builders.x1_bank, builders.x1_registry, updates.x2_bank, updates.x2_registry),
        *(builders.p1_registry, updates.p2_registry, builders.y1_locked),
    ],
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
    names = [one.identity for one in (*examples.messages(), *examples.queries())]
    assert len(set(names)) == len(names)
    assert builders.y1().identity == f"Y1/{BROKER}/Y1-1"
    assert builders.y1_locked(sender=BROKER).identity != builders.y1().identity


def test_every_step_of_a_withdrawal_and_every_attempt_is_a_message_of_its_own() -> None:
    other_mark, other_bank = mark_code("NBANKSCCN001", "CNY"), "NBANKSCCN001"
    steps = [
        *(transfers.y2_burn(), transfers.y2_burn(mark=other_mark)),
        *(transfers.y2_burn(ag=builders.OTHER_BROKER), transfers.y2_burn(sender=other_bank)),
        *(transfers.y2_moved(), transfers.y2_moved(attempt=1)),
        *(transfers.y2_moved(mark=other_mark), transfers.y2_moved(ag=builders.OTHER_BROKER)),
        *(transfers.y2_credited(), transfers.y2_credited(attempt=1)),
        *(transfers.y2_credited(paying=other_bank), transfers.y2_credited(mark=other_mark)),
    ]
    assert len({one.identity for one in steps}) == len(steps)
    # What a bank decides, it decides once.
    assert transfers.y2_burn(burn=False).identity == transfers.y2_burn().identity
    assert transfers.y2_moved(moved=False).identity == transfers.y2_moved().identity
    assert transfers.y2_credited(received=False).identity == transfers.y2_credited().identity


def test_an_order_is_named_by_its_publisher_and_a_cancellation_by_who_cancelled() -> None:
    other = builders.OTHER_MATCHER
    assert transfers.s4_adopted().identity == f"S4.adopted/{other}/{MATCHER}/S1-1"
    assert transfers.s2_removed().identity == f"S2.removed/{other}/{MATCHER}/S2-1"
    assert transfers.s2_removed(by=A).identity == f"S2.removed/{other}/{A}/S2-1"


def test_the_terms_of_a_message_are_not_its_identity() -> None:
    """Another text under the same number must meet the first one's result, and be refused."""
    y1 = builders.y1()
    for change in ({"amount": 1}, {"bank": "NBANKSBCN001"}, {"valid_until": 1}, {"address": B}):
        assert builders.y1(**change).identity == y1.identity
    assert builders.y1(tx="Y1-2").identity != y1.identity
    assert builders.y1(sender=builders.OTHER_BROKER).identity != y1.identity
