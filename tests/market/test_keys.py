"""New keys (ROTATE): of parties by themselves, of operators and front-end by m of n operators."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from ufmi.contract.context import encode_record
from ufmi.errors import ContractFailure
from ufmi.protocol import Code, Entry
from ufmi.protocol.governance import Rotate

from .drafts import BANK_A, BROKER_A, DAY_MS, ELSEWHERE, OPERATORS, address, public_key
from .market import Market, certificate

FIRST, SECOND, THIRD = [address(name) for name in OPERATORS]


def rotate_service(market: Market, old: str, new: str, **changes: Any) -> Rotate:
    """As the first operator would send it."""
    return market.rotate(address(old), old, new, FIRST, **changes)


def by_two(market: Market, message: Rotate) -> None:
    """As two operators send it."""
    assert market.accept(message).code == Code.PENDING
    assert market.accept(replace(message, sender=SECOND)).code == Code.OK


# -- parties ----------------------------------------------------------------------------------


def test_a_party_changes_its_key_itself(market: Market) -> None:
    market.accept(market.rotate(BROKER_A, BROKER_A, "new"))
    market.refuse(market.p1("600009"), Code.SIGNATURE_INVALID)
    market.keys[BROKER_A] = "new"
    market.accept(market.p1("600009"))
    keys = market.record(f"party/{BROKER_A}")["keys"]
    assert [key["until"] != 0 for key in keys] == [True, False]


def test_the_new_key_counts_within_the_batch(market: Market) -> None:
    lines = [market.line(market.rotate(BROKER_A, BROKER_A, "new"))]
    p1 = market.p1("600009")
    codes = [one.code for one in market.execute([*lines, market.line(p1), market.line(p1, "new")])]
    assert codes == [Code.OK, Code.SIGNATURE_INVALID, Code.PENDING]


def test_the_old_key_is_what_signs_and_is_named(market: Market) -> None:
    message = market.rotate(BROKER_A, BROKER_A, "new")
    market.refuse(message, Code.SIGNATURE_INVALID, by="new")
    market.refuse(market.rotate(BROKER_A, "other", "new"), Code.KEY_UNKNOWN)


def test_a_revoked_key_gets_no_successor(market: Market) -> None:
    market.accept(market.revoke(BROKER_A, public_key(BROKER_A), BROKER_A))
    market.refuse(market.rotate(BROKER_A, BROKER_A, "new"), Code.KEY_REVOKED)


def test_a_key_is_used_once(market: Market) -> None:
    market.refuse(market.rotate(BROKER_A, BROKER_A, BROKER_A), Code.KEY_UNKNOWN)
    market.accept(market.rotate(BROKER_A, BROKER_A, "new"))
    market.keys[BROKER_A] = "new"
    market.refuse(market.rotate(BROKER_A, "new", BROKER_A), Code.KEY_UNKNOWN)


def test_nobody_changes_a_partys_key_for_it(market: Market) -> None:
    market.refuse(market.rotate(BROKER_A, BROKER_A, "new", BANK_A), Code.ROLE_NOT_ALLOWED)
    market.refuse(market.rotate(BROKER_A, BROKER_A, "new", FIRST), Code.ROLE_NOT_ALLOWED)


def test_a_wallets_key_does_not_change(market: Market) -> None:
    home = address("alice")
    market.refuse(market.rotate(home, "alice", "new"), Code.ROLE_NOT_ALLOWED)
    market.refuse(market.rotate(home, "alice", "new", FIRST), Code.ROLE_NOT_ALLOWED)


@pytest.mark.parametrize(
    "wrong",
    [{"by": "mallory"}, {"possess": {"network": ELSEWHERE}}, {"possess": {"tx": "other"}},
     {"possess": {"subject": BANK_A}}, {"possess": {"valid_until": 1}}],
)  # fmt: skip
def test_the_new_key_is_proven(market: Market, wrong: dict[str, Any]) -> None:
    market.refuse(market.rotate(BROKER_A, BROKER_A, "new", **wrong), Code.PROOF_INVALID)


def test_a_party_has_no_certificate(market: Market) -> None:
    message = market.rotate(BROKER_A, BROKER_A, "new", certificate=ELSEWHERE)
    market.refuse(message, Code.STATUS_INVALID)


def test_a_party_with_too_many_keys_gets_no_more(market: Market) -> None:
    old = [{"key": public_key(f"old {at}"), "since": 1, "until": 2} for at in range(31)]
    now = [{"key": public_key(BROKER_A), "since": 2, "until": 0}]
    market.change(f"party/{BROKER_A}", keys=old + now)
    market.refuse(market.rotate(BROKER_A, BROKER_A, "new"), Code.TOO_MANY)


# -- operators and front-end ------------------------------------------------------------------


def test_operators_change_an_operators_key(market: Market) -> None:
    by_two(market, rotate_service(market, OPERATORS[2], "operator-4"))
    market.keys[address("operator-4")] = "operator-4"
    status = market.status("PARTY", BANK_A, "FROZEN")
    market.refuse(replace(status, sender=THIRD), Code.KEY_REVOKED)
    market.accept(replace(status, sender=address("operator-4")))
    assert market.accept(replace(status, sender=FIRST)).code == Code.OK


def test_an_approval_of_the_old_key_does_not_count(market: Market) -> None:
    status = market.status("PARTY", BANK_A, "FROZEN", THIRD)
    market.accept(status)
    by_two(market, rotate_service(market, OPERATORS[2], "operator-4"))
    assert market.accept(replace(status, sender=FIRST)).code == Code.PENDING
    assert market.accept(replace(status, sender=SECOND)).code == Code.OK


def test_an_operator_does_not_change_a_key_alone(market: Market) -> None:
    message = rotate_service(market, OPERATORS[0], "operator-4")
    assert market.accept(message).code == Code.PENDING
    market.refuse(replace(message, valid_until=message.valid_until + 1), Code.ID_REUSED)
    market.refuse(replace(message, sender=BANK_A), Code.ROLE_NOT_ALLOWED)
    other = market.rotate(FIRST, OPERATORS[0], "other", SECOND, tx=message.tx)
    market.refuse(other, Code.PROPOSAL_DIFFERS)


def test_a_third_approval_comes_too_late(market: Market) -> None:
    message = rotate_service(market, "frontend", "frontend-2")
    by_two(market, message)
    result = market.send(replace(message, sender=THIRD))
    assert result.code in (Code.ALREADY_APPROVED, Code.KEY_UNKNOWN, Code.ADDRESS_TAKEN)


@pytest.mark.parametrize("taken", ["alice", OPERATORS[1], "frontend", OPERATORS[2]])
def test_a_key_of_ufmi_is_nobody_elses(market: Market, taken: str) -> None:
    market.refuse(rotate_service(market, OPERATORS[2], taken), Code.ADDRESS_TAKEN)


def test_no_user_registers_a_key_of_ufmi(market: Market) -> None:
    by_two(market, rotate_service(market, OPERATORS[2], "dora"))
    market.refuse(market.x1("dora", ["dora"]), Code.ADDRESS_TAKEN, user="L000000004")
    market.refuse(market.receive(BANK_A, "dora"), Code.ADDRESS_TAKEN)


def test_only_the_valid_key_of_an_operator_is_changed(market: Market) -> None:
    wrong = market.rotate(THIRD, "other", "operator-4", FIRST)
    market.refuse(wrong, Code.KEY_UNKNOWN)
    by_two(market, rotate_service(market, OPERATORS[2], "operator-4"))
    market.refuse(rotate_service(market, OPERATORS[2], "operator-5"), Code.KEY_UNKNOWN)


def test_an_operator_has_no_certificate(market: Market) -> None:
    message = rotate_service(market, OPERATORS[2], "operator-4", certificate=ELSEWHERE)
    market.refuse(message, Code.STATUS_INVALID)


def test_the_front_ends_signing_key_changes_alone(market: Market) -> None:
    by_two(market, rotate_service(market, "frontend", "frontend-2"))
    market.keys[address("frontend-2")] = "frontend-2"
    old = market.expire("DEPOSIT", BROKER_A, "none", address("frontend"))
    market.refuse(old, Code.KEY_REVOKED)
    new = market.expire("DEPOSIT", BROKER_A, "none", address("frontend-2"))
    market.refuse(new, Code.NOT_PENDING)


def test_the_front_end_gets_a_new_certificate(market: Market) -> None:
    new = x509.load_pem_x509_certificate(certificate("frontend-2")).public_bytes(Encoding.DER)
    fingerprint = hashlib.sha256(new).hexdigest()
    network = market.network
    message = rotate_service(market, "frontend", "frontend-2", certificate=fingerprint)
    by_two(market, message)
    line = market.line(market.p1("600009")).encode()
    market.number += 1
    header = encode_record([Entry(market.number, market.now)])
    with pytest.raises(ContractFailure):
        market.invoke("execute", header, line)
    market.invoke("execute", header, line, caller="frontend-2")
    # The network stays the one that texts are signed for.
    assert market.record("network")["digest"] == network


def test_too_many_keys_of_ufmi(market: Market) -> None:
    services = market.record("network")["services"]
    key = {"key": public_key("old"), "since": 1, "until": 2}
    more = {address(f"old {at}"): {"role": "OPERATOR", "key": key} for at in range(128)}
    market.change("network", services=services | more)
    market.refuse(rotate_service(market, OPERATORS[2], "operator-4"), Code.TOO_MANY)


def test_an_approval_does_not_outlive_its_time(market: Market) -> None:
    message = rotate_service(market, OPERATORS[2], "operator-4",
                             possess={"valid_until": market.now + 9 * DAY_MS})  # fmt: skip
    market.accept(message)
    market.advance(2 * DAY_MS)
    late = replace(message, sender=SECOND, valid_until=market.now + DAY_MS)
    assert market.accept(late).code == Code.PENDING
