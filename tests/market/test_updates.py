"""更新账户, 更新资产信息 (X2, P2): who has to agree, and what a removed address still may."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ufmi.crypto import sm3_hex
from ufmi.protocol import Code, Side
from ufmi.protocol.codes import user_id
from ufmi.protocol.settlement import Leg
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
    STRANGER,
    address,
    public_key,
)
from .market import ALICE, BOB, MARK_A, WHOLE, Market

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


# -- a removed address ------------------------------------------------------------------------


def test_a_removed_address_takes_nothing_in(market: Market) -> None:
    change(market, ["bob"], ["dora"])
    market.refuse(market.y1("bob", BOB, "bob", 5), Code.ADDRESS_MISMATCH)
    market.refuse(market.z1("bob", BOB, "bob", "600001", 5), Code.ADDRESS_MISMATCH)


def test_what_was_asked_before_the_removal_does_not_come(market: Market) -> None:
    y1, z1 = market.y1("bob", BOB, "bob", 5), market.z1("bob", BOB, "bob", "600001", 5)
    market.accept(y1, z1)
    change(market, ["bob"], ["dora"])
    market.refuse(market.y1_locked(y1), Code.ADDRESS_MISMATCH)
    market.refuse(market.z1_locked(z1), Code.ADDRESS_MISMATCH)


def test_a_removed_address_sells_and_does_not_buy(funded: Market) -> None:
    change(funded, ["bob"], ["dora"])
    funded.refuse(funded.s1(funded.order("bob", Side.BUY, WHOLE, 1, 1)), Code.ADDRESS_MISMATCH)
    sell, buy = (
        funded.order("bob", Side.SELL, WHOLE, 1, 5),
        funded.order("alice", Side.BUY, WHOLE, 1, 5),
    )
    funded.accept(funded.s1(sell), funded.s1(buy))
    funded.accept(funded.t1([buy, sell], [Leg(0, 1, 5, 1)]))
    assert funded.free_cash("bob") == {MARK_A: 805}


def test_open_orders_of_a_removed_address_still_settle(funded: Market) -> None:
    buy, sell = (
        funded.order("bob", Side.BUY, WHOLE, 2, 5),
        funded.order("alice", Side.SELL, WHOLE, 1, 5),
    )
    funded.accept(funded.s1(sell), funded.s1(buy))
    change(funded, ["bob"], ["dora"])
    funded.accept(funded.t1([buy, sell], [Leg(0, 1, 5, 1)]))
    assert funded.holding("bob") == 105


def test_money_on_a_removed_address_is_withdrawn_and_goes_back_there(funded: Market) -> None:
    change(funded, ["bob"], ["dora"])
    y2 = funded.withdraw("bob", BOB, "bob", 100, [MARK_A])
    funded.accept(y2, funded.burn(y2, BANK_A, 100, False))
    assert funded.free_cash("bob") == {MARK_A: 800}


def test_the_owner_of_a_removed_address_cancels_his_orders(funded: Market) -> None:
    order = funded.order("bob", Side.BUY, WHOLE, 2, 5)
    funded.accept(funded.s1(order))
    change(funded, ["bob"], ["dora"])
    funded.accept(funded.cancel(order))
    assert funded.free_cash("bob") == {MARK_A: 800}


def test_the_same_user_may_add_a_removed_address_again(market: Market) -> None:
    change(market, ["bob"], ["dora"])
    asked(market, (), ["bob"], by="dora")
    assert addresses(market) == [address("dora"), HOME]
    market.deposit("bob", 5)


def test_another_broker_of_the_user_may_take_a_removed_address(market: Market) -> None:
    change(market, ["bob"], ["dora"])
    x1 = market.x1("bob", ["bob"], broker=BROKER_B, bank=BANK_B, unified=BOB)
    market.accept(x1, market.x1_bank(x1, BOB), market.x1_registry(x1, BOB))
    market.deposit("bob", 5)
    market.bring("bob", "600001", 5)
    market.accept(market.s1(market.order("bob", Side.BUY, WHOLE, 1, 1)))


def test_nobody_else_gets_a_removed_address(market: Market) -> None:
    change(market, ["bob"], ["dora"])
    market.refuse(market.x1("emil", ["bob"]), Code.ADDRESS_TAKEN, user=user_id(5))
    market.refuse(market.x2("alice", ALICE, (), ["bob"]), Code.ADDRESS_TAKEN)


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
    market.refuse(market.x2_update(x2, "bob"), Code.NOT_PENDING)


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


# -- assets -----------------------------------------------------------------------------------


def test_the_registrys_answer_becomes_the_assets_information(market: Market) -> None:
    p2 = market.p2("600001")
    assert market.accept(p2).code == Code.PENDING
    answer = market.p2_registry(p2)
    market.accept(answer)
    assert market.record(f"asset/{WHOLE}")["name"] == "Company 600001"
    market.accept(market.p2_update(p2, answer))
    asset = market.record(f"asset/{WHOLE}")
    assert (asset["name"], asset["document"]) == (answer.name, answer.document)
    again = market.p2_update(p2, answer, valid_until=market.now + 1)
    market.refuse(again, Code.ID_REUSED)


def test_the_registry_may_refuse_an_update(market: Market) -> None:
    p2 = market.p2("600001")
    market.accept(p2)
    answer = market.p2_registry(p2, accepted=False)
    assert market.accept(answer).data["outcome"] == Code.NOT_AGREED
    market.refuse(market.p2_update(p2, answer), Code.NOT_PENDING)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"registry_asset": "600009"}, Code.ASSET_UNKNOWN),
        ({"bank": STRANGER}, Code.PARTY_UNKNOWN),
        ({"registry": BANK_A}, Code.PARTY_UNKNOWN),
        ({"ag": BROKER_B, "sender": BROKER_A}, Code.SENDER_MISMATCH),
    ],
)
def test_an_amendment_has_to_fit(market: Market, changes: dict[str, Any], code: Code) -> None:
    draft = replace(market.p2("600001"), **changes)
    assert market.send(draft).code in {code, Code.ASSET_UNKNOWN}


def test_an_amendment_through_a_suspended_party_is_refused(market: Market) -> None:
    market.set_status("PARTY", REGISTRY, "SUSPENDED")
    market.refuse(market.p2("600001"), Code.PARTY_INACTIVE)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"answered": ELSEWHERE}, Code.DIGEST_MISMATCH),
        ({"registry_asset": "600002"}, Code.TERMS_DIFFER),
        ({"tx": "other"}, Code.NOT_PENDING),
        ({"sender": BANK_A}, Code.ROLE_NOT_ALLOWED),
    ],
)
def test_an_answer_is_to_the_amendment(market: Market, changes: dict[str, Any], code: Code) -> None:
    p2 = market.p2("600001")
    market.accept(p2)
    market.refuse(market.p2_registry(p2, **changes), code)


def test_another_registry_answers_no_amendment(market: Market) -> None:
    market.admit_party(OTHER_REGISTRY, "REGISTRY")
    p2 = market.p2("600001")
    market.accept(p2)
    result = market.send(market.p2_registry(p2, sender=OTHER_REGISTRY))
    assert result.code in (Code.SENDER_MISMATCH, Code.TERMS_DIFFER)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": "other"}, Code.TERMS_DIFFER),
        ({"document": ""}, Code.TERMS_DIFFER),
        ({"answered": ELSEWHERE}, Code.DIGEST_MISMATCH),
        ({"sender": BROKER_B}, Code.NOT_PENDING),
        ({"tx": "other"}, Code.NOT_PENDING),
    ],
)
def test_the_broker_brings_it_unchanged(
    market: Market, changes: dict[str, Any], code: Code
) -> None:
    p2 = market.p2("600001")
    answer = market.p2_registry(p2)
    market.accept(p2, answer)
    market.refuse(market.p2_update(p2, answer, **changes), code)


def test_nothing_is_brought_before_the_registry_answered(market: Market) -> None:
    p2 = market.p2("600001")
    market.accept(p2)
    market.refuse(market.p2_update(p2, market.p2_registry(p2)), Code.NOT_PENDING)


def test_an_amendment_ends_by_expire(market: Market) -> None:
    p2 = market.p2("600001")
    answer = market.p2_registry(p2)
    market.accept(p2, answer)
    market.refuse(market.expire("AMENDMENT", BROKER_A, p2.tx), Code.NOT_EXPIRED)
    market.advance(DAY_MS + 1)
    market.accept(market.expire("AMENDMENT", BROKER_A, p2.tx))
    market.refuse(market.p2_update(p2, answer), Code.NOT_PENDING)
