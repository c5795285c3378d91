"""Standing (STATUS) and rules (ACTIVATE): what operators do, what the regulator alone."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ufmi.protocol import Code
from ufmi.protocol.codes import asset_code

from .drafts import (
    BANK_A,
    BROKER_A,
    DAY_MS,
    ELSEWHERE,
    MARKET,
    MATCHER_A,
    OPERATORS,
    REGISTRY,
    REGULATOR,
    STRANGER,
    address,
    public_key,
)
from .market import WHOLE, Market

HOME = address("alice")
SECOND, THIRD = address(OPERATORS[1]), address(OPERATORS[2])


def by_regulator(market: Market, kind: str, subject: str, status: str) -> None:
    result = market.accept(market.status(kind, subject, status, REGULATOR))
    assert result.code == Code.OK


# -- m of n operators -------------------------------------------------------------------------


def test_a_status_changes_with_the_second_of_three_operators(market: Market) -> None:
    first = market.status("PARTY", BANK_A, "SUSPENDED")
    assert market.accept(first).code == Code.PENDING
    market.accept(market.p1("600009"))
    result = market.accept(replace(first, sender=SECOND))
    assert (result.code, result.data["told"]) == (Code.OK, [BANK_A])
    market.refuse(market.p1("600008"), Code.PARTY_INACTIVE)
    market.refuse(replace(first, sender=THIRD), Code.ALREADY_APPROVED)


@pytest.mark.parametrize("changed", [{"status": "FROZEN"}, {"subject": BROKER_A}])
def test_operators_have_to_agree(market: Market, changed: dict[str, str]) -> None:
    first = market.status("PARTY", BANK_A, "SUSPENDED")
    market.accept(first)
    market.refuse(replace(first, sender=SECOND, **changed), Code.PROPOSAL_DIFFERS)


@pytest.mark.parametrize(
    ("kind", "subject", "status"),
    [
        ("PARTY", BANK_A, "HALTED"),
        ("ADDRESS", HOME, "SUSPENDED"),
        ("ADDRESS", HOME, "REMOVED"),
        ("ADDRESS", HOME, "HALTED"),
        ("ASSET", WHOLE, "SUSPENDED"),
        ("ASSET", WHOLE, "REMOVED"),
        ("NETWORK", "", "FROZEN"),
        ("NETWORK", "", "SUSPENDED"),
        ("NETWORK", ELSEWHERE, "HALTED"),
    ],
)
@pytest.mark.parametrize("by", [address(OPERATORS[0]), REGULATOR])
def test_what_the_text_names_cannot_have_the_status(
    market: Market, kind: str, subject: str, status: str, by: str
) -> None:
    result = market.send(market.status(kind, subject or market.network, status, by))
    alone = by == REGULATOR and status in ("SUSPENDED", "REMOVED")
    assert result.code == Code.STATUS_INVALID or (alone and result.code == Code.ROLE_NOT_ALLOWED)


@pytest.mark.parametrize(
    ("kind", "subject", "status", "code"),
    [
        ("PARTY", STRANGER, "FROZEN", Code.PARTY_UNKNOWN),
        ("PARTY", ELSEWHERE, "FROZEN", Code.PARTY_UNKNOWN),
        ("ADDRESS", address("dora"), "FROZEN", Code.ADDRESS_UNKNOWN),
        ("ADDRESS", address(OPERATORS[0]), "FROZEN", Code.ADDRESS_UNKNOWN),
        ("ASSET", asset_code(REGISTRY, "600009"), "FROZEN", Code.ASSET_UNKNOWN),
        ("ASSET", HOME, "HALTED", Code.ASSET_UNKNOWN),
    ],
)
def test_there_has_to_be_something(
    market: Market, kind: str, subject: str, status: str, code: Code
) -> None:
    market.refuse(market.status(kind, subject, status), code)
    market.refuse(market.status(kind, subject, status, REGULATOR), code)


@pytest.mark.parametrize("sender", [BANK_A, MARKET, HOME, address("frontend")])
def test_nobody_else_changes_a_status(market: Market, sender: str) -> None:
    draft = market.status("ADDRESS", HOME, "FROZEN", sender)
    market.refuse(draft, Code.ROLE_NOT_ALLOWED)


def test_an_approval_does_not_outlive_its_time(market: Market) -> None:
    first = market.status("PARTY", BANK_A, "SUSPENDED")
    market.accept(first)
    market.advance(2 * DAY_MS)
    late = replace(first, sender=SECOND, valid_until=market.now)
    assert market.accept(late).code == Code.PENDING


# -- the regulator ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "subject", "status", "told"),
    [
        ("PARTY", BANK_A, "FROZEN", [BANK_A]),
        ("PARTY", MARKET, "HALTED", [MARKET]),
        ("ADDRESS", HOME, "FROZEN", [HOME]),
        ("ASSET", WHOLE, "FROZEN", [REGISTRY]),
        ("ASSET", WHOLE, "HALTED", [REGISTRY]),
        ("NETWORK", "", "HALTED", []),
    ],
)
def test_the_regulator_freezes_and_halts_alone(
    market: Market, kind: str, subject: str, status: str, told: list[str]
) -> None:
    subject = subject or market.network
    for value in (status, status, "ACTIVE"):
        result = market.accept(market.status(kind, subject, value, REGULATOR))
        assert (result.code, result.data["told"]) == (Code.OK, told)
    assert f"proposal/STATUS/{result.id.split('/')[-1]}" not in market.state


def test_the_regulator_neither_suspends_nor_removes(market: Market) -> None:
    for status in ("SUSPENDED", "REMOVED"):
        draft = market.status("PARTY", BANK_A, status, REGULATOR)
        market.refuse(draft, Code.ROLE_NOT_ALLOWED)


def test_the_regulator_does_not_undo_what_operators_did(market: Market) -> None:
    market.set_status("PARTY", BANK_A, "SUSPENDED")
    by_regulator(market, "PARTY", BANK_A, "FROZEN")
    by_regulator(market, "PARTY", BANK_A, "ACTIVE")
    market.refuse(market.p1("600009"), Code.PARTY_INACTIVE)
    market.set_status("PARTY", BANK_A, "ACTIVE")
    market.accept(market.p1("600008"))


def test_operators_undo_what_the_regulator_did(market: Market) -> None:
    by_regulator(market, "PARTY", BANK_A, "FROZEN")
    market.set_status("PARTY", BANK_A, "ACTIVE")
    market.accept(market.p1("600009"))


def test_a_suspended_regulator_changes_nothing(market: Market) -> None:
    market.set_status("PARTY", REGULATOR, "SUSPENDED")
    draft = market.status("ADDRESS", HOME, "FROZEN", REGULATOR)
    market.refuse(draft, Code.PARTY_INACTIVE)


def test_a_regulator_is_admitted_by_operators_and_sends_nothing_of_trade(market: Market) -> None:
    market.admit_party("NREGVCNBJXXX", "REGULATOR")
    market.refuse(market.p1("600009", sender="NREGVCNBJXXX"), Code.ROLE_NOT_ALLOWED)
    market.refuse(market.admit(STRANGER, "BANK", sender=REGULATOR), Code.ROLE_NOT_ALLOWED)


# -- removed for good -------------------------------------------------------------------------


def test_a_removed_party_is_removed_for_good(market: Market) -> None:
    market.set_status("PARTY", BROKER_A, "REMOVED")
    market.refuse(market.p1("600009"), Code.KEY_REVOKED)
    market.refuse(market.rotate(BROKER_A, BROKER_A, "new"), Code.KEY_REVOKED)
    for status in ("ACTIVE", "SUSPENDED", "FROZEN", "REMOVED"):
        market.refuse(market.status("PARTY", BROKER_A, status), Code.PARTY_INACTIVE)
    draft = market.admit(BROKER_A, "BROKER", MARKET, key=public_key("new"))
    market.refuse(draft, Code.PARTY_INACTIVE)
    assert market.record(f"party/{BROKER_A}")["keys"][0]["until"] == market.now


def test_a_party_whose_key_was_revoked_is_removed_too(market: Market) -> None:
    market.accept(market.revoke(BROKER_A, public_key(BROKER_A), BROKER_A))
    revoked = market.record(f"party/{BROKER_A}")["keys"][0]["until"]
    market.advance(1)
    market.set_status("PARTY", BROKER_A, "REMOVED")
    assert market.record(f"party/{BROKER_A}")["keys"][0]["until"] == revoked
    draft = market.admit(BROKER_A, "BROKER", MARKET, key=public_key("new"))
    market.refuse(draft, Code.PARTY_INACTIVE)


def test_a_removed_party_serves_nobody(market: Market) -> None:
    market.set_status("PARTY", BANK_A, "REMOVED")
    market.refuse(market.p1("600009"), Code.PARTY_INACTIVE)


def test_the_key_is_dead_within_the_batch(market: Market) -> None:
    status = market.status("PARTY", BROKER_A, "REMOVED")
    lines = [market.line(replace(status, sender=address(one))) for one in OPERATORS[:2]]
    codes = [one.code for one in market.execute([*lines, market.line(market.p1("600009"))])]
    assert codes == [Code.PENDING, Code.OK, Code.KEY_REVOKED]


def test_a_frozen_party_keeps_its_standing_through_a_new_key(market: Market) -> None:
    market.set_status("PARTY", MATCHER_A, "FROZEN")
    market.refuse(market.rotate(MATCHER_A, MATCHER_A, "new"), Code.PARTY_INACTIVE)
    key = public_key(MATCHER_A)
    for operator in OPERATORS[:2]:
        market.accept(market.revoke(MATCHER_A, key, address(operator), tx="r"))
    market.admit_party(MATCHER_A, "MATCHER", MARKET, key=public_key("new"))
    market.keys[MATCHER_A] = "new"
    market.refuse(market.s3(MATCHER_A), Code.PARTY_INACTIVE)


# -- rules ------------------------------------------------------------------------------------


def test_rules_that_the_contract_does_not_know_are_refused(market: Market) -> None:
    market.refuse(market.activate(2), Code.RULES_UNKNOWN)
    assert market.record("network")["rules"] == 1


@pytest.mark.parametrize("rules", [0, 1])
def test_rules_do_not_go_back(market: Market, rules: int) -> None:
    market.refuse(market.activate(rules), Code.STATUS_INVALID)


def test_only_operators_activate(market: Market) -> None:
    for sender in (REGULATOR, BANK_A, HOME):
        market.refuse(replace(market.activate(2), sender=sender), Code.ROLE_NOT_ALLOWED)
