"""更新账户 (X2): who has to agree to other addresses, and what becomes of the information."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ufmi.crypto import sm3_hex
from ufmi.protocol import Code
from ufmi.protocol.codes import user_id
from ufmi.protocol.users import X2

from .drafts import (
    BANK_A,
    BANK_B,
    BROKER_A,
    BROKER_B,
    DAY_MS,
    ELSEWHERE,
    OPERATORS,
    REGISTRY,
    address,
    public_key,
)
from .market import ALICE, BOB, Market

HOME = address("bob")
OTHER_REGISTRY = "NREGBCNBJXXX"


def addresses(market: Market, unified: str = BOB, broker: str = BROKER_A) -> list[str]:
    accounts = market.record(f"user/{unified}")["accounts"]
    [found] = [one["addresses"] for one in accounts if one["broker"] == broker]
    return list(found)


def asked(market: Market, remove: Any = (), add: Any = (), **changes: Any) -> X2:
    """An accepted X2 of Bob's broker."""
    x2 = market.x2("bob", BOB, remove, add, **changes)
    assert market.accept(x2).code == Code.PENDING
    return x2


def change(market: Market, remove: Any = (), add: Any = ()) -> None:
    """Bob's addresses change with his own consent."""
    asked(market, remove, add, by="bob")


# -- who agrees -------------------------------------------------------------------------------


def test_with_the_owners_consent_the_addresses_change_at_once(market: Market) -> None:
    asked(market, ["bob"], ["dora"], by="bob")
    assert addresses(market) == [address("dora")]


@pytest.mark.parametrize("by", ["bank", "registry"])
def test_bank_or_registry_is_enough(market: Market, by: str) -> None:
    x2 = asked(market, ["bob"], ["dora"])
    assert addresses(market) == [HOME]
    answer = market.x2_bank(x2, "bob") if by == "bank" else market.x2_registry(x2, "bob")
    market.accept(answer)
    assert addresses(market) == [address("dora")]


def test_a_broker_alone_changes_nothing(market: Market) -> None:
    x2 = asked(market, ["bob"], ["dora"])
    market.accept(market.x2_bank(x2, "bob", False), market.x2_registry(x2, "bob", False))
    result = market.accept(market.x2_update(x2, "bob"))
    assert result.data["outcome"] == Code.NOT_AGREED
    assert addresses(market) == [HOME]
    assert market.record(f"user/{BOB}")["accounts"][0]["bank_document"] == ""


def test_new_information_that_nobody_agrees_to_is_not_taken_over(market: Market) -> None:
    x2 = asked(market)
    market.accept(market.x2_bank(x2, "bob", False), market.x2_registry(x2, "bob", False))
    assert market.accept(market.x2_update(x2, "bob")).data["outcome"] == Code.NOT_AGREED
    assert market.record(f"user/{BOB}")["accounts"][0]["document"] == sm3_hex(b"document of bob")


def test_one_who_agrees_outweighs_one_who_does_not(market: Market) -> None:
    x2 = asked(market, (), ["dora"])
    market.accept(market.x2_bank(x2, "bob", False), market.x2_registry(x2, "bob"))
    assert market.accept(market.x2_update(x2, "bob")).data["outcome"] == Code.OK
    assert addresses(market) == [HOME, address("dora")]


def test_the_account_takes_over_the_latest_information(market: Market) -> None:
    x2 = asked(market)
    market.accept(market.x2_bank(x2, "bob"), market.x2_registry(x2, "bob"))
    market.accept(market.x2_update(x2, "bob", document=""))
    [account] = market.record(f"user/{BOB}")["accounts"]
    assert account["document"] == sm3_hex(b"document of bob")
    assert account["bank_document"] == sm3_hex(f"bob at {BANK_A} now".encode())
    assert account["registry_document"] == sm3_hex(f"bob at {REGISTRY} now".encode())


def test_the_update_comes_once(market: Market) -> None:
    x2 = asked(market)
    market.accept(market.x2_bank(x2, "bob"), market.x2_registry(x2, "bob"))
    update = market.x2_update(x2, "bob")
    market.accept(update)
    market.refuse(replace(update, valid_until=update.valid_until + 1), Code.ID_REUSED)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"by": "mallory"}, Code.PROOF_INVALID),
        ({"network": ELSEWHERE}, Code.PROOF_INVALID),
        ({"ag": BROKER_B}, Code.PROOF_INVALID),
        ({"tx": "other"}, Code.PROOF_INVALID),
        ({"unified": ALICE}, Code.PROOF_INVALID),
        ({"remove": ()}, Code.PROOF_INVALID),
        ({"add": ()}, Code.PROOF_INVALID),
        ({"valid_until": 1}, Code.PROOF_INVALID),
    ],
)
def test_a_consent_is_to_exactly_this_change(
    market: Market, changes: dict[str, Any], code: Code
) -> None:
    x2 = market.x2("bob", BOB, ["bob"], ["dora"])
    market.refuse(replace(x2, consent=(market.consent(x2, "bob", **changes),)), code)


@pytest.mark.parametrize("wallet", ["alice", "mallory", "dora"])
def test_only_an_address_that_the_user_has_consents(market: Market, wallet: str) -> None:
    x2 = market.x2("bob", BOB, (), ["dora"], by=wallet)
    result = market.send(x2)
    assert result.code in (Code.ADDRESS_MISMATCH, Code.PROOF_INVALID)


def test_a_removed_address_consents_to_nothing(market: Market) -> None:
    change(market, ["bob"], ["dora"])
    result = market.send(market.x2("bob", BOB, (), ["bob"], by="bob"))
    assert result.code == Code.PROOF_INVALID


def test_a_revoked_address_consents_to_nothing(market: Market) -> None:
    change(market, (), ["dora"])
    market.accept(market.revoke(HOME, public_key("bob"), HOME))
    market.refuse(market.x2("bob", BOB, ["dora"], by="bob"), Code.PROOF_INVALID)
    asked(market, ["bob"], by="dora")


# -- what changes -----------------------------------------------------------------------------


@pytest.mark.parametrize("taken", ["alice", "bob", OPERATORS[0], "frontend", f"vault of {BANK_A}"])
def test_an_address_belongs_to_one(funded: Market, taken: str) -> None:
    funded.refuse(funded.x2("bob", BOB, (), [taken]), Code.ADDRESS_TAKEN)


def test_an_address_of_the_users_other_account_is_taken(market: Market) -> None:
    market.refuse(market.x2("alice", ALICE, (), ["alice-2"]), Code.ADDRESS_TAKEN)


def test_an_address_is_added_once(market: Market) -> None:
    market.refuse(market.x2("bob", BOB, (), ["dora", "dora"]), Code.ADDRESS_MISMATCH)


@pytest.mark.parametrize("removed", [["alice"], ["dora"], ["bob", "bob"]])
def test_only_what_the_account_has_is_removed(market: Market, removed: list[str]) -> None:
    market.refuse(market.x2("bob", BOB, removed), Code.ADDRESS_MISMATCH)


def test_another_accounts_address_is_not_removed(market: Market) -> None:
    market.refuse(market.x2("alice", ALICE, ["alice-2"]), Code.ADDRESS_MISMATCH)


def test_removing_and_adding_the_same_is_no_change(market: Market) -> None:
    market.refuse(market.x2("bob", BOB, ["bob"], ["bob"]), Code.ADDRESS_MISMATCH)


@pytest.mark.parametrize(
    "wrong", [{"by": "mallory"}, {"ag": BROKER_B}, {"tx": "other"}, {"user": "other"},
              {"network": ELSEWHERE}, {"valid_until": 1}],
)  # fmt: skip
def test_a_new_address_proves_its_key(market: Market, wrong: dict[str, Any]) -> None:
    x2 = market.x2("bob", BOB, (), ["dora"])
    given = {"ag": BROKER_A, "tx": x2.tx, "user": f"bob at {BROKER_A}"} | wrong
    proof = market.proof("dora", **given)
    market.refuse(replace(x2, add=(proof,)), Code.PROOF_INVALID)


def test_an_account_has_at_most_sixteen_addresses(market: Market) -> None:
    change(market, (), [f"bob-{at}" for at in range(8)])
    change(market, (), [f"bob-{at}" for at in range(8, 15)])
    market.refuse(market.x2("bob", BOB, (), ["bob-15"]), Code.TOO_MANY)
    change(market, ["bob-3"], ["bob-15"])
    assert len(addresses(market)) == 16


def test_the_limit_holds_when_somebody_agrees_later(market: Market) -> None:
    late = asked(market, (), ["late"])
    change(market, (), [f"bob-{at}" for at in range(8)])
    change(market, (), [f"bob-{at}" for at in range(8, 15)])
    market.refuse(market.x2_registry(late, "bob"), Code.TOO_MANY)


def test_the_rules_hold_again_when_somebody_agrees(market: Market) -> None:
    x2 = asked(market, (), ["dora"])
    market.accept(market.x1("emil", ["dora"]), user=user_id(5))
    market.refuse(market.x2_bank(x2, "bob"), Code.ADDRESS_TAKEN)
    market.accept(market.x2_registry(x2, "bob", False))
    assert addresses(market) == [HOME]


def test_two_updates_remove_an_address_once(market: Market) -> None:
    first, second = asked(market, ["bob"], ["dora"]), asked(market, ["bob"], ["emil"])
    market.accept(market.x2_bank(first, "bob"))
    market.refuse(market.x2_bank(second, "bob"), Code.ADDRESS_MISMATCH)


def test_a_key_that_was_revoked_meanwhile_is_not_added(market: Market) -> None:
    change(market, (), ["dora"])
    change(market, ["dora"])
    x2 = asked(market, (), ["dora"])
    market.accept(market.revoke(address("dora"), public_key("dora"), address("dora")))
    market.refuse(market.x2_bank(x2, "bob"), Code.ADDRESS_TAKEN)


def test_freezing_outlives_removal(funded: Market) -> None:
    """Removing and adding an address is no way around the regulator."""
    funded.set_status("ADDRESS", HOME, "FROZEN")
    x2 = asked(funded, ["bob"])
    funded.accept(funded.x2_bank(x2, "bob"))
    x2 = asked(funded, (), ["bob"])
    funded.accept(funded.x2_bank(x2, "bob"))
    draft = funded.y1("bob", BOB, "bob", 5)
    funded.refuse(draft, Code.ADDRESS_FROZEN)


# -- what has to fit --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"ag": BROKER_B}, Code.SENDER_MISMATCH),
        ({"bank": BANK_B}, Code.TERMS_DIFFER),
        ({"registry": OTHER_REGISTRY}, Code.TERMS_DIFFER),
        ({"sender": BANK_A}, Code.ROLE_NOT_ALLOWED),
    ],
)
def test_an_update_has_to_fit_the_account(
    market: Market, changes: dict[str, Any], code: Code
) -> None:
    market.refuse(replace(market.x2("bob", BOB), **changes), code)


def test_a_broker_updates_its_own_accounts(market: Market) -> None:
    market.refuse(market.x2("bob", user_id(9)), Code.USER_UNKNOWN)
    draft = market.x2("bob", BOB, broker=BROKER_B)
    market.refuse(draft, Code.ACCOUNT_UNKNOWN)
    x1 = market.x1("dora", ["dora"])
    market.accept(x1, user=user_id(4))
    market.refuse(market.x2("dora", user_id(4)), Code.ACCOUNT_INACTIVE)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"answered": ELSEWHERE}, Code.DIGEST_MISMATCH),
        ({"unified": ALICE}, Code.TERMS_DIFFER),
        ({"addresses": ()}, Code.TERMS_DIFFER),
        ({"addresses": (address("dora"), HOME)}, Code.TERMS_DIFFER),
        ({"tx": "other"}, Code.NOT_PENDING),
    ],
)
@pytest.mark.parametrize("by", ["bank", "registry"])
def test_an_answer_repeats_what_it_agrees_to(
    market: Market, by: str, changes: dict[str, Any], code: Code
) -> None:
    x2 = asked(market, ["bob"], ["dora"])
    make: Any = market.x2_bank if by == "bank" else market.x2_registry
    market.refuse(make(x2, "bob", **changes), code)
    market.refuse(make(x2, "bob", **{f"{by}_user": "other", "valid_until": market.now}),
                  Code.ID_REUSED if code != Code.NOT_PENDING else Code.TERMS_DIFFER)  # fmt: skip


def test_only_who_was_asked_answers(market: Market) -> None:
    market.admit_party(OTHER_REGISTRY, "REGISTRY")
    x2 = asked(market)
    market.refuse(market.x2_bank(x2, "bob", sender=BANK_B), Code.SENDER_MISMATCH)
    other = market.x2_registry(x2, "bob", sender=OTHER_REGISTRY)
    market.refuse(other, Code.SENDER_MISMATCH)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"bank_document": ""}, Code.TERMS_DIFFER),
        ({"registry_document": ELSEWHERE}, Code.TERMS_DIFFER),
        ({"answered": ELSEWHERE}, Code.DIGEST_MISMATCH),
        ({"unified": ALICE}, Code.TERMS_DIFFER),
        ({"sender": BROKER_B}, Code.NOT_PENDING),
        ({"tx": "other"}, Code.NOT_PENDING),
    ],
)
def test_the_broker_brings_what_was_answered(
    market: Market, changes: dict[str, Any], code: Code
) -> None:
    x2 = asked(market)
    market.accept(market.x2_bank(x2, "bob"), market.x2_registry(x2, "bob"))
    market.refuse(market.x2_update(x2, "bob", **changes), code)


@pytest.mark.parametrize("answered", ["", "bank", "registry"])
def test_the_broker_waits_for_both(market: Market, answered: str) -> None:
    x2 = asked(market)
    if answered == "bank":
        market.accept(market.x2_bank(x2, "bob"))
    elif answered == "registry":
        market.accept(market.x2_registry(x2, "bob"))
    early = market.x2_update(x2, "bob")
    market.refuse(early, Code.NOT_ANSWERED)
    if answered != "bank":
        market.accept(market.x2_bank(x2, "bob"))
    if answered != "registry":
        market.accept(market.x2_registry(x2, "bob"))
    market.accept(early)


def test_an_update_that_nobody_answers_ends_by_expire(market: Market) -> None:
    x2 = asked(market, (), ["dora"], by="bob")
    market.refuse(market.expire("UPDATE", BROKER_A, x2.tx), Code.NOT_EXPIRED)
    market.advance(DAY_MS + 1)
    market.accept(market.expire("UPDATE", BROKER_A, x2.tx))
    market.refuse(market.x2_bank(x2, "bob"), Code.NOT_PENDING)
    market.refuse(market.expire("UPDATE", BROKER_A, x2.tx), Code.NOT_PENDING)
    # What the owner agreed to stays.
    assert addresses(market) == [HOME, address("dora")]


# -- one id of a broker is one user -----------------------------------------------------------


def test_a_brokers_own_id_names_one_user(market: Market) -> None:
    draft = market.x1("dora", ["dora"])
    taken = f"bob at {BROKER_A}"
    proof = market.proof("dora", BROKER_A, draft.tx, taken)
    draft = replace(draft, broker_user=taken, proofs=(proof,))
    market.refuse(draft, Code.ACCOUNT_EXISTS, user=user_id(4))


def test_two_brokers_may_use_the_same_id(market: Market) -> None:
    draft = market.x1("dora", ["dora"], broker=BROKER_B)
    own = f"bob at {BROKER_A}"
    proof = market.proof("dora", BROKER_B, draft.tx, own)
    market.accept(replace(draft, broker_user=own, proofs=(proof,)), user=user_id(4))
