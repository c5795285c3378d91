"""用户登记 (X1): one person is one user; an account is active after both confirmations."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ufmi.protocol import Code
from ufmi.protocol.codes import user_id
from ufmi.protocol.users import X1

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
    digest,
)
from .market import ALICE, BOB, Market

DORA = user_id(4)


def register_dora(market: Market, **changes: Any) -> X1:
    x1 = market.x1("dora", ["dora"], **changes)
    market.accept(x1, user=DORA)
    return x1


def account(market: Market, unified: str = DORA, broker: str = BROKER_A) -> dict[str, Any]:
    accounts = market.record(f"user/{unified}")["accounts"]
    [found] = [one for one in accounts if one["broker"] == broker]
    return dict(found)


def deposit_code(market: Market) -> str:
    return market.send(market.y1("dora", DORA, "dora", 5)).code


# -- a new user -------------------------------------------------------------------------------


def test_a_new_user_gets_the_allotted_id(market: Market) -> None:
    result = market.accept(market.x1("dora", ["dora"]), user=DORA)
    assert (result.code, result.data) == (Code.PENDING, {"unified": DORA})


def test_the_account_is_active_only_after_both_confirmations(market: Market) -> None:
    x1 = register_dora(market)
    assert deposit_code(market) == Code.ACCOUNT_INACTIVE
    market.accept(market.x1_bank(x1, DORA))
    assert deposit_code(market) == Code.ACCOUNT_INACTIVE
    result = market.accept(market.x1_registry(x1, DORA))
    assert result.data["account"] == "ACTIVE"
    assert deposit_code(market) == Code.PENDING


def test_the_order_of_the_confirmations_does_not_matter(market: Market) -> None:
    x1 = register_dora(market)
    market.accept(market.x1_registry(x1, DORA))
    assert market.accept(market.x1_bank(x1, DORA)).data["account"] == "ACTIVE"


@pytest.mark.parametrize("by", ["bank", "registry"])
def test_one_refusal_is_enough(market: Market, by: str) -> None:
    x1 = register_dora(market)
    refusing, other = market.x1_bank(x1, DORA, False), market.x1_registry(x1, DORA)
    if by == "registry":
        refusing, other = market.x1_registry(x1, DORA, False), market.x1_bank(x1, DORA)
    assert market.accept(refusing).data["account"] == "REFUSED"
    assert market.accept(other).data["account"] == "REFUSED"
    assert deposit_code(market) == Code.ACCOUNT_INACTIVE


def test_after_a_refusal_the_broker_may_register_again_with_the_same_address(
    market: Market,
) -> None:
    x1 = register_dora(market)
    market.accept(market.x1_bank(x1, DORA, accepted=False))
    again = market.x1("dora", ["dora"], unified=DORA)
    market.accept(again, market.x1_bank(again, DORA), market.x1_registry(again, DORA))
    assert deposit_code(market) == Code.PENDING


def test_an_answer_to_a_registration_that_was_replaced_finds_nothing(market: Market) -> None:
    x1 = register_dora(market)
    market.accept(market.x1_bank(x1, DORA, accepted=False))
    market.accept(market.x1("dora", ["dora"], unified=DORA))
    market.refuse(market.x1_registry(x1, DORA), Code.NOT_PENDING)


def test_an_allotted_id_in_use_is_refused(market: Market) -> None:
    market.refuse(market.x1("dora", ["dora"]), Code.USER_TAKEN, user=BOB)


def test_without_an_allotted_id_there_is_no_new_user(market: Market) -> None:
    market.refuse(market.x1("dora", ["dora"]), Code.USER_TAKEN)


def test_two_new_users_of_a_batch_do_not_get_one_id(market: Market) -> None:
    lines = [market.line(market.x1(who, [who])) for who in ("dora", "emil")]
    codes = [result.code for result in market.execute(lines, [DORA, DORA])]
    assert codes == [Code.PENDING, Code.USER_TAKEN]


# -- one person is one user -------------------------------------------------------------------


def test_the_refusal_of_a_known_person_names_the_user(market: Market) -> None:
    draft = market.x1("alice", ["alice-3"], broker=BROKER_B, bank=BANK_B)
    result = market.refuse(draft, Code.PERSON_KNOWN, user=DORA)
    assert result.data == {"unified": ALICE}


def test_a_second_broker_joins_the_user(market: Market) -> None:
    x1 = market.x1("bob", ["bob-2"], broker=BROKER_B, bank=BANK_B, unified=BOB)
    market.accept(x1, market.x1_bank(x1, BOB), market.x1_registry(x1, BOB))
    brokers = [one["broker"] for one in market.record(f"user/{BOB}")["accounts"]]
    assert brokers == [BROKER_A, BROKER_B]


def test_a_broker_has_one_account_of_a_user(market: Market) -> None:
    market.refuse(market.x1("bob", ["bob-2"], unified=BOB), Code.ACCOUNT_EXISTS)


def test_a_pending_account_is_not_opened_twice(market: Market) -> None:
    register_dora(market)
    market.refuse(market.x1("dora", ["dora-2"], unified=DORA), Code.ACCOUNT_EXISTS)


def test_nobody_joins_another_persons_user(market: Market) -> None:
    draft = market.x1("dora", ["dora"], broker=BROKER_B, unified=BOB)
    market.refuse(draft, Code.PERSON_MISMATCH)


def test_nobody_joins_a_user_who_does_not_exist(market: Market) -> None:
    market.refuse(market.x1("dora", ["dora"], unified=user_id(9)), Code.USER_UNKNOWN)


def test_a_user_has_at_most_sixteen_accounts(market: Market) -> None:
    brokers = [f"NBRO{letter}CNBJXXX" for letter in "CDEFGHIJKLMNOPQR"]
    for broker in brokers:
        market.admit_party(broker, "BROKER")
    for broker in brokers[:-1]:
        market.accept(market.x1("bob", [f"bob at {broker}"], broker=broker, unified=BOB))
    draft = market.x1("bob", ["bob-17"], broker=brokers[-1], unified=BOB)
    market.refuse(draft, Code.TOO_MANY)


# -- who speaks -------------------------------------------------------------------------------


def test_a_broker_registers_in_its_own_name(market: Market) -> None:
    market.refuse(market.x1("dora", ["dora"], ag=BROKER_B), Code.SENDER_MISMATCH, user=DORA)


@pytest.mark.parametrize("field", ["bank", "registry"])
@pytest.mark.parametrize("party", [STRANGER, BROKER_A])
def test_bank_and_registry_have_to_be_admitted_as_such(
    market: Market, field: str, party: str
) -> None:
    draft = replace(market.x1("dora", ["dora"]), **{field: party})
    market.refuse(draft, Code.PARTY_UNKNOWN, user=DORA)


# -- addresses --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [{"by": "mallory"}, {"ag": BROKER_B}, {"tx": "other"}, {"user": "other"},
     {"network": ELSEWHERE}, {"valid_until": 1}],
)  # fmt: skip
def test_an_address_needs_its_own_keys_proof_for_this_registration(
    market: Market, wrong: dict[str, Any]
) -> None:
    x1 = market.x1("dora", ["dora"])
    given = {"ag": BROKER_A, "tx": x1.tx, "user": x1.broker_user} | wrong
    proof = market.proof("dora", **given)
    market.refuse(replace(x1, proofs=(proof,)), Code.PROOF_INVALID, user=DORA)


def test_one_wrong_proof_of_two_is_enough(market: Market) -> None:
    x1 = market.x1("dora", ["dora", "dora-2"])
    forged = market.proof("dora-2", BROKER_A, x1.tx, x1.broker_user, by="dora")
    market.refuse(replace(x1, proofs=(x1.proofs[0], forged)), Code.PROOF_INVALID, user=DORA)


@pytest.mark.parametrize("taken", ["bob", OPERATORS[0], "frontend"])
def test_an_address_belongs_to_one(market: Market, taken: str) -> None:
    market.refuse(market.x1("dora", ["dora", taken]), Code.ADDRESS_TAKEN, user=DORA)


def test_an_address_is_named_once(market: Market) -> None:
    market.refuse(market.x1("dora", ["dora", "dora"]), Code.ADDRESS_TAKEN, user=DORA)


def test_an_address_of_the_user_at_another_broker_is_taken(market: Market) -> None:
    draft = market.x1("bob", ["bob"], broker=BROKER_B, bank=BANK_B, unified=BOB)
    market.refuse(draft, Code.ADDRESS_TAKEN)


def test_a_revoked_address_does_not_come_back(market: Market) -> None:
    x1 = register_dora(market)
    market.accept(market.x1_bank(x1, DORA, accepted=False))
    key = x1.proofs[0].bind.key
    market.accept(market.revoke(address("dora"), key, address("dora")))
    market.refuse(market.x1("dora", ["dora"], unified=DORA), Code.ADDRESS_TAKEN)


def test_somebody_elses_signed_proof_is_of_no_use_again(market: Market) -> None:
    x1 = register_dora(market)
    thief = replace(market.x1("emil", []), proofs=x1.proofs)
    market.refuse(thief, Code.PROOF_INVALID, user=user_id(5))


# -- confirmations ----------------------------------------------------------------------------


def test_a_confirmation_names_the_text_that_it_answers(market: Market) -> None:
    x1 = register_dora(market)
    market.refuse(market.x1_bank(x1, DORA, answered=ELSEWHERE), Code.DIGEST_MISMATCH)


def test_a_refused_answer_leaves_the_account_waiting(market: Market) -> None:
    x1 = register_dora(market)
    market.refuse(market.x1_registry(x1, DORA, registry_user="other"), Code.TERMS_DIFFER)
    assert account(market)["registry_confirmed"] == ""


def test_a_confirmation_repeats_the_users_id_there(market: Market) -> None:
    x1 = register_dora(market)
    market.refuse(market.x1_bank(x1, DORA, bank_user="other"), Code.TERMS_DIFFER)


def test_only_the_bank_that_was_asked_confirms(market: Market) -> None:
    x1 = register_dora(market)
    market.refuse(market.x1_bank(x1, DORA, sender=BANK_B), Code.SENDER_MISMATCH)
    market.refuse(market.x1_bank(x1, DORA, sender=REGISTRY), Code.ROLE_NOT_ALLOWED)


def test_only_the_registry_that_was_asked_confirms(market: Market) -> None:
    market.admit_party("NREGBCNBJXXX", "REGISTRY")
    x1 = register_dora(market)
    market.refuse(market.x1_registry(x1, DORA, sender="NREGBCNBJXXX"), Code.SENDER_MISMATCH)


def test_an_answer_for_nobody_is_refused(market: Market) -> None:
    x1 = market.x1("dora", ["dora"])
    market.refuse(market.x1_bank(x1, DORA), Code.USER_UNKNOWN)
    market.refuse(market.x1_registry(x1, BOB), Code.NOT_PENDING)


def test_a_bank_answers_once(market: Market) -> None:
    x1 = register_dora(market)
    market.accept(market.x1_bank(x1, DORA, accepted=False))
    market.refuse(market.x1_bank(x1, DORA), Code.ID_REUSED)


def test_two_brokers_may_use_the_same_number_at_one_bank(market: Market) -> None:
    first = market.x1("dora", ["dora"], tx="same")
    second = market.x1("emil", ["emil"], broker=BROKER_B, bank=BANK_A, tx="same")
    market.accept(first, user=DORA)
    market.accept(second, user=user_id(5))
    market.accept(market.x1_bank(first, DORA), market.x1_bank(second, user_id(5)))


def test_registration_and_confirmation_run_in_one_batch(market: Market) -> None:
    x1 = market.x1("dora", ["dora"])
    messages = [x1, market.x1_bank(x1, DORA), market.x1_registry(x1, DORA)]
    messages.append(market.z1("dora", DORA, "dora", "600001", 5))
    results = market.execute([market.line(one) for one in messages[:3]], [DORA])
    assert results[-1].data["account"] == "ACTIVE"
    # The wallet's key came onto the ledger with the X1.
    market.accept(messages[3])


def test_a_wallet_sends_in_the_batch_that_registers_it(market: Market) -> None:
    x1 = market.x1("dora", ["dora"])
    messages = [x1, market.x1_bank(x1, DORA), market.x1_registry(x1, DORA)]
    messages.append(market.z1("dora", DORA, "dora", "600001", 5))
    results = market.execute([market.line(one) for one in messages], [DORA])
    assert results[-1].code == Code.PENDING


def test_confirmations_name_the_text_not_its_signature(market: Market) -> None:
    x1 = market.x1("dora", ["dora"])
    lines = [market.line(x1), market.line(x1)]
    first, again = market.execute(lines, [DORA, user_id(5)])
    assert (first.repeated, again.repeated, again.data) == (False, True, {"unified": DORA})
    assert market.record(f"user/{DORA}")["accounts"][0]["answered"] == digest(x1)
    assert f"user/{user_id(5)}" not in market.state


def test_a_late_confirmation_still_counts(market: Market) -> None:
    x1 = register_dora(market)
    market.advance(10 * DAY_MS)
    market.accept(market.x1_bank(x1, DORA), market.x1_registry(x1, DORA))
    assert account(market)["bank"] == BANK_A


def test_what_nobody_confirmed_in_time_may_be_registered_anew(market: Market) -> None:
    first = register_dora(market)
    market.advance(first.valid_until - market.now)
    late = {"valid_until": first.valid_until + 1_000_000}
    market.refuse(market.x1("dora", ["dora-2"], unified=DORA, **late), Code.ACCOUNT_EXISTS)
    market.advance(1)
    second = market.x1("dora", ["dora", "dora-2"], unified=DORA)
    market.accept(second)
    market.refuse(market.x1_bank(first, DORA), Code.NOT_PENDING)
    market.accept(market.x1_bank(second, DORA), market.x1_registry(second, DORA))
    assert deposit_code(market) == Code.PENDING
