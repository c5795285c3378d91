"""Admission, revocation, expiry of nothing: who may act, and how many operators it takes."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ufmi.protocol import Code

from .drafts import (
    BANK_A,
    BROKER_A,
    DAY_MS,
    ELSEWHERE,
    MARKET,
    MATCHER_A,
    OPERATORS,
    REGISTRY,
    STRANGER,
    address,
    public_key,
)
from .market import ALICE, Market

NEW = "NNEWACNBJXXX"


def test_an_admission_takes_effect_with_the_second_of_three_operators(market: Market) -> None:
    first = market.admit(NEW, "BANK", tx="a")
    assert market.send(first).code == Code.PENDING
    assert f"party/{NEW}" not in market.state
    second = market.admit(NEW, "BANK", operator=1, tx="a")
    assert market.send(second).code == Code.OK
    assert market.record(f"party/{NEW}")["role"] == "BANK"


def test_a_third_approval_comes_too_late(market: Market) -> None:
    for operator in (0, 1):
        market.accept(market.admit(NEW, "BANK", operator=operator, tx="a"))
    market.refuse(market.admit(NEW, "BANK", operator=2, tx="a"), Code.ALREADY_APPROVED)


def test_one_operator_does_not_count_twice(market: Market) -> None:
    first = market.admit(NEW, "BANK", tx="a")
    market.accept(first)
    later = replace(first, valid_until=first.valid_until + 1)
    market.refuse(later, Code.ID_REUSED)
    assert market.send(first).repeated
    assert f"party/{NEW}" not in market.state


@pytest.mark.parametrize(
    "changed",
    [{"role": "BROKER"}, {"key": public_key("other")}, {"name": "other"}, {"market": MARKET},
     {"party": "NOTHRCNBJXXX"}],
)  # fmt: skip
def test_operators_have_to_agree_in_everything(market: Market, changed: dict[str, str]) -> None:
    first = market.admit(NEW, "BANK", tx="a")
    market.accept(first)
    second = replace(market.admit(NEW, "BANK", operator=1, tx="a"), **changed)
    market.refuse(second, Code.PROPOSAL_DIFFERS)


def test_operators_may_choose_different_times(market: Market) -> None:
    market.accept(market.admit(NEW, "BANK", tx="a"))
    second = market.admit(NEW, "BANK", operator=1, tx="a")
    assert market.accept(replace(second, valid_until=market.now + 1)).code == Code.OK


def test_an_approval_does_not_outlive_its_time(market: Market) -> None:
    """Nothing that was signed runs after its valid_until (messages, rule 2)."""
    market.accept(market.admit(NEW, "BANK", tx="a", valid_until=market.now + 1_000))
    market.advance(400 * DAY_MS)
    market.send(market.admit(NEW, "BANK", operator=1, tx="a"))
    assert f"party/{NEW}" not in market.state


def test_the_approval_of_a_revoked_operator_does_not_count(market: Market) -> None:
    market.accept(market.admit(NEW, "BANK", tx="a"))
    subject, key = address(OPERATORS[0]), public_key(OPERATORS[0])
    for operator in (1, 2):
        market.accept(market.revoke(subject, key, address(OPERATORS[operator]), tx="r"))
    assert market.accept(market.admit(NEW, "BANK", operator=1, tx="a")).code == Code.PENDING
    assert market.accept(market.admit(NEW, "BANK", operator=2, tx="a")).code == Code.OK


def test_a_party_is_admitted_once(market: Market) -> None:
    again = market.admit(BANK_A, "BANK", key=public_key("new"))
    market.refuse(again, Code.PARTY_EXISTS)
    market.refuse(market.admit(BANK_A, "BROKER", key=public_key("new")), Code.PARTY_EXISTS)


def test_a_market_has_an_id_of_a_market(market: Market) -> None:
    market.refuse(market.admit(NEW, "MARKET"), Code.SENDER_MISMATCH)
    market.refuse(market.admit("MXNEW", "BANK"), Code.SENDER_MISMATCH)
    market.refuse(market.admit("MXNEW", "MARKET", MARKET), Code.SENDER_MISMATCH)


def test_only_operators_admit(market: Market) -> None:
    market.refuse(market.admit(NEW, "BANK", sender=BANK_A), Code.ROLE_NOT_ALLOWED)
    market.refuse(market.admit(NEW, "BANK", sender=address("frontend")), Code.ROLE_NOT_ALLOWED)


def test_a_subject_revokes_its_own_key_at_once(market: Market) -> None:
    market.accept(market.revoke(BROKER_A, public_key(BROKER_A), BROKER_A))
    market.refuse(market.p1("600009"), Code.KEY_REVOKED)


def test_a_wallet_revokes_its_own_key_at_once(funded: Market) -> None:
    funded.accept(funded.revoke(address("alice"), public_key("alice"), address("alice")))
    assert funded.record(f"address/{address('alice')}")["key"]["until"] == funded.now


def test_nobody_else_revokes(market: Market) -> None:
    draft = market.revoke(BROKER_A, public_key(BROKER_A), BANK_A)
    market.refuse(draft, Code.ROLE_NOT_ALLOWED)


@pytest.mark.parametrize("subject", [BROKER_A, address("alice"), address(OPERATORS[2])])
def test_operators_revoke_by_m_of_n(market: Market, subject: str) -> None:
    key = public_key(market.keys.get(subject, subject))
    first = market.revoke(subject, key, address(OPERATORS[0]), tx="r")
    assert market.accept(first).code == Code.PENDING
    second = market.revoke(subject, key, address(OPERATORS[1]), tx="r")
    assert market.accept(second).code == Code.OK


def test_an_operator_does_not_revoke_its_own_key_alone(market: Market) -> None:
    own = address(OPERATORS[0])
    draft = market.revoke(own, public_key(OPERATORS[0]), own)
    assert market.accept(draft).code == Code.PENDING


def test_enough_operators_have_to_remain(market: Market) -> None:
    subject, key = address(OPERATORS[2]), public_key(OPERATORS[2])
    for operator in (0, 1):
        market.accept(market.revoke(subject, key, address(OPERATORS[operator]), tx="r"))
    other, key = address(OPERATORS[1]), public_key(OPERATORS[1])
    market.refuse(market.revoke(other, key, address(OPERATORS[0])), Code.TOO_FEW_OPERATORS)


@pytest.mark.parametrize(
    ("subject", "key"),
    [(BROKER_A, "other"), (STRANGER, STRANGER), (address("nobody"), "nobody"),
     (address("frontend"), "frontend")],
)  # fmt: skip
def test_only_a_valid_key_of_its_subject_is_revoked(market: Market, subject: str, key: str) -> None:
    draft = market.revoke(subject, public_key(key), address(OPERATORS[0]))
    market.refuse(draft, Code.KEY_UNKNOWN)


def test_the_frontend_does_not_revoke_its_own_key(market: Market) -> None:
    own = address("frontend")
    market.refuse(market.revoke(own, public_key("frontend"), own), Code.KEY_UNKNOWN)


def test_a_revoked_key_is_not_revoked_again(market: Market) -> None:
    market.accept(market.revoke(BROKER_A, public_key(BROKER_A), BROKER_A))
    draft = market.revoke(BROKER_A, public_key(BROKER_A), address(OPERATORS[0]))
    market.refuse(draft, Code.KEY_UNKNOWN)


def test_after_a_revocation_a_party_gets_a_new_key(market: Market) -> None:
    market.accept(market.revoke(BROKER_A, public_key(BROKER_A), BROKER_A))
    market.refuse(market.admit(BROKER_A, "BROKER"), Code.KEY_UNKNOWN)
    market.refuse(market.admit(BROKER_A, "BANK", key=public_key("new")), Code.PARTY_EXISTS)
    market.admit_party(BROKER_A, "BROKER", MARKET, key=public_key("new"))
    market.refuse(market.p1("600009"), Code.SIGNATURE_INVALID)
    market.keys[BROKER_A] = "new"
    market.accept(market.p1("600009"))


def test_a_message_in_the_batch_that_revokes_its_key_is_refused(market: Market) -> None:
    revocation = market.line(market.revoke(BROKER_A, public_key(BROKER_A), BROKER_A))
    lines = [market.line(market.p1("600008")), revocation, market.line(market.p1("600009"))]
    codes = [result.code for result in market.execute(lines)]
    assert codes == [Code.PENDING, Code.OK, Code.KEY_REVOKED]


def test_a_party_sends_in_the_batch_that_admits_it(market: Market) -> None:
    lines = [market.line(market.admit(NEW, "BROKER", operator=at, tx="a")) for at in (0, 1)]
    p1 = market.p1("600009", ag=NEW, sender=NEW)
    codes = [result.code for result in market.execute([*lines, market.line(p1)])]
    assert codes == [Code.PENDING, Code.OK, Code.PENDING]


def test_a_new_key_counts_within_the_batch_and_the_old_one_no_more(market: Market) -> None:
    admissions = [
        market.admit(BROKER_A, "BROKER", MARKET, at, tx="a", key=public_key("new")) for at in (0, 1)
    ]
    lines = [market.line(market.revoke(BROKER_A, public_key(BROKER_A), BROKER_A))]
    lines += [market.line(one) for one in admissions]
    p1 = market.p1("600009")
    lines += [market.line(p1), market.line(p1, by="new")]
    codes = [result.code for result in market.execute(lines)]
    assert codes[-2:] == [Code.SIGNATURE_INVALID, Code.PENDING]


def test_a_party_with_too_many_keys_gets_no_more(market: Market) -> None:
    party = market.record(f"party/{BROKER_A}")
    old = [{"key": public_key(f"old {at}"), "since": 1, "until": 2} for at in range(32)]
    market.change(f"party/{BROKER_A}", keys=old)
    assert party["role"] == "BROKER"
    market.refuse(market.admit(BROKER_A, "BROKER"), Code.TOO_MANY)


def test_a_suspended_party_neither_sends_nor_serves(market: Market) -> None:
    market.set_status("PARTY", BANK_A, "SUSPENDED")
    market.refuse(market.p1("600009"), Code.PARTY_INACTIVE)
    market.set_status("PARTY", BANK_A, "ACTIVE")
    market.set_status("PARTY", BROKER_A, "FROZEN")
    market.refuse(market.p1("600009"), Code.PARTY_INACTIVE)


def test_anybody_may_ask_for_expiry_but_there_has_to_be_something(market: Market) -> None:
    for sender in (BROKER_A, MATCHER_A, REGISTRY, address("alice"), address("frontend")):
        draft = market.expire("DEPOSIT", BROKER_A, "none", sender)
        market.refuse(draft, Code.NOT_PENDING)
    market.refuse(market.expire("ORDER", address("alice"), "none"), Code.ORDER_UNKNOWN)


# -- what holds for every message -------------------------------------------------------------


def test_the_same_text_again_gives_the_first_result(market: Market) -> None:
    p1 = market.p1("600009")
    first = market.accept(p1)
    state = dict(market.state)
    again = market.send(p1)
    assert (again.code, again.repeated, again.data) == (first.code, True, first.data)
    assert market.state == state


def test_the_same_text_in_one_batch_runs_once(market: Market) -> None:
    line = market.line(market.p1("600009"))
    first, again = market.execute([line, line])
    assert (first.repeated, again.repeated) == (False, True)


def test_a_refusal_too_is_repeated(market: Market) -> None:
    draft = market.p1("600009", STRANGER)
    market.refuse(draft, Code.PARTY_UNKNOWN)
    again = market.send(draft)
    assert (again.code, again.repeated) == (Code.PARTY_UNKNOWN, True)


def test_another_text_with_the_same_identity_is_refused(market: Market) -> None:
    market.accept(market.p1("600009", tx="same"))
    market.refuse(market.p1("600008", tx="same"), Code.ID_REUSED)


def test_the_same_number_of_another_sender_is_another_message(market: Market) -> None:
    market.accept(market.p1("600009", tx="same"))
    market.accept(market.revoke(BANK_A, public_key(BANK_A), BANK_A, tx="same"))


def test_a_revoked_keys_earlier_result_is_still_given(market: Market) -> None:
    p1 = market.p1("600009")
    market.accept(p1, market.revoke(BROKER_A, public_key(BROKER_A), BROKER_A))
    assert market.send(p1).repeated


def test_a_wrong_signature_occupies_no_id(market: Market) -> None:
    p1 = market.p1("600009")
    market.refuse(p1, Code.SIGNATURE_INVALID, by=BANK_A)
    market.accept(p1)


def test_a_stranger_is_refused(market: Market) -> None:
    market.refuse(market.p1("600009", sender=STRANGER), Code.SIGNER_UNKNOWN)
    draft = market.z1("alice", ALICE, "alice", "600001", 1, sender=address("nobody"))
    market.refuse(draft, Code.SIGNER_UNKNOWN, by="nobody")


def test_a_text_for_another_network_is_refused(market: Market) -> None:
    market.refuse(market.p1("600009", network=ELSEWHERE), Code.WRONG_NETWORK)


def test_a_text_is_valid_up_to_its_last_millisecond(market: Market) -> None:
    market.accept(market.p1("600008", valid_until=market.now))
    market.refuse(market.p1("600009", valid_until=market.now - 1), Code.EXPIRED)


def test_a_role_sends_only_its_own_messages(market: Market) -> None:
    market.refuse(market.p1("600009", sender=BANK_A), Code.ROLE_NOT_ALLOWED)
