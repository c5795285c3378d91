"""查询 (X3, P3): asked and never ordered; an account is shown to those who keep it, no one else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from ufmi.crypto import sm3_hex
from ufmi.protocol import Code, Line, Message, decode
from ufmi.protocol.assets import P3Result
from ufmi.protocol.codes import asset_code, user_id
from ufmi.protocol.users import X3Result

from .drafts import (
    BANK_A,
    BANK_B,
    BROKER_A,
    BROKER_B,
    ELSEWHERE,
    MATCHER_A,
    REGISTRY,
    REGULATOR,
    STRANGER,
    public_key,
)
from .market import ALICE, BOB, CAROL, MARK_B, TENTHS, WALLETS, WHOLE, Market

ASKERS = (BROKER_A, BROKER_B, BANK_A, BANK_B, REGISTRY)
NAMES = {ALICE: "alice", BOB: "bob", CAROL: "carol"}


def ask_line(market: Market, line: bytes) -> dict[str, Any]:
    before = dict(market.state)
    answer: dict[str, Any] = json.loads(market.invoke("ask", line))
    assert market.state == before
    return answer


def ask(market: Market, question: Message, by: str = "") -> dict[str, Any]:
    return ask_line(market, market.line(question, by).encode())


def refused(market: Market, question: Message, code: Code, by: str = "") -> None:
    answer = ask(market, question, by)
    assert (answer["code"], answer["text"]) == (code, "")


def accounts(market: Market, question: Message) -> list[dict[str, Any]]:
    """The accounts that an answer shows."""
    answer = ask(market, question)
    assert answer["code"] == Code.OK, answer
    form = decode(answer["text"])
    assert isinstance(form, X3Result)
    assert (form.tx, form.code) == (question.tx, Code.OK)
    shown = json.loads(form.account)
    assert shown["id"] == form.unified
    found: list[dict[str, Any]] = shown["accounts"]
    return found


# -- accounts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("unified", list(NAMES))
@pytest.mark.parametrize("asker", ASKERS)
def test_each_gets_the_accounts_that_it_keeps(market: Market, asker: str, unified: str) -> None:
    keeps = [
        broker
        for _, user, broker, bank in WALLETS.values()
        if user == unified and asker in (broker, bank, REGISTRY)
    ]
    question = market.x3(asker, unified)
    if not keeps:
        refused(market, question, Code.ACCESS_DENIED)
        return
    shown = accounts(market, question)
    assert [one["broker"] for one in shown] == sorted(keeps)
    assert all(one["status"] == "ACTIVE" for one in shown)


def test_the_account_is_the_records(market: Market) -> None:
    [shown] = accounts(market, market.x3(BROKER_A, BOB))
    [kept] = market.record(f"user/{BOB}")["accounts"]
    assert shown == kept | {"status": "ACTIVE"}


def test_a_user_is_found_by_the_brokers_own_id(market: Market) -> None:
    for asker in (BROKER_A, BANK_A, REGISTRY):
        question = market.x3(asker, broker_user=f"alice at {BROKER_A}")
        assert [one["broker"] for one in accounts(market, question)] == [BROKER_A]
    question = market.x3(BROKER_B, ag=BROKER_B, broker_user=f"alice at {BROKER_B}")
    [account] = accounts(market, question)
    assert account["bank"] == BANK_B


def test_another_brokers_id_tells_nothing(market: Market) -> None:
    """Not even which user it is."""
    question = market.x3(BROKER_B, broker_user=f"bob at {BROKER_A}")
    answer = ask(market, question)
    assert (answer["code"], answer["text"]) == (Code.ACCESS_DENIED, "")
    assert BOB not in answer["detail"]


def test_both_ids_have_to_be_of_one_user(market: Market) -> None:
    question = market.x3(BROKER_A, ALICE, broker_user=f"bob at {BROKER_A}")
    refused(market, question, Code.ACCESS_DENIED)


def test_a_pending_account_is_shown_as_such(market: Market) -> None:
    market.accept(market.x1("dora", ["dora"]), user=user_id(4))
    [account] = accounts(market, market.x3(BROKER_A, user_id(4)))
    assert account["status"] == "PENDING"


def test_nobody_is_found_who_is_not_there(market: Market) -> None:
    refused(market, market.x3(BROKER_A, user_id(9)), Code.USER_UNKNOWN)
    refused(market, market.x3(BROKER_A, broker_user="nobody"), Code.USER_UNKNOWN)
    refused(market, market.x3(BROKER_A), Code.USER_UNKNOWN)


# -- who asks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("asker", [MATCHER_A, REGULATOR])
def test_nobody_else_asks_for_accounts(market: Market, asker: str) -> None:
    refused(market, market.x3(asker, ALICE), Code.ROLE_NOT_ALLOWED)


def test_a_question_is_signed(market: Market) -> None:
    refused(market, market.x3(BROKER_A, BOB), Code.SIGNATURE_INVALID, by=BROKER_B)
    refused(market, market.x3(STRANGER, BOB), Code.SIGNER_UNKNOWN)
    market.accept(market.revoke(BROKER_A, public_key(BROKER_A), BROKER_A))
    refused(market, market.x3(BROKER_A, BOB), Code.KEY_REVOKED)


def test_a_question_is_for_this_network_and_time(market: Market) -> None:
    refused(market, market.x3(BROKER_A, BOB, network=ELSEWHERE), Code.WRONG_NETWORK)
    refused(market, market.x3(BROKER_A, BOB, valid_until=market.now - 1), Code.EXPIRED)


@pytest.mark.parametrize("status", ["SUSPENDED", "FROZEN"])
def test_who_is_not_active_asks_nothing(market: Market, status: str) -> None:
    market.set_status("PARTY", BROKER_A, status)
    refused(market, market.x3(BROKER_A, BOB), Code.PARTY_INACTIVE)
    refused(market, market.p3(WHOLE), Code.PARTY_INACTIVE)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", Code.MALFORMED),
        (b"{}", Code.MALFORMED),
        (Line("X3()", "00").encode(), Code.MALFORMED),
        (Line("X3(1,2,3,4,5,6,7)", "0g").encode(), Code.MALFORMED),
        (Line("X3(1,2,3,4,5,6,7)", "00").encode(), Code.FIELD_INVALID),
        (Line("Q9(1)", "00").encode(), Code.UNKNOWN_MESSAGE),
        (Line("X3(" + "x" * 16_384 + ")", "00").encode(), Code.TOO_LONG),
    ],
)
def test_what_is_no_question_is_refused(market: Market, line: bytes, code: Code) -> None:
    assert ask_line(market, line)["code"] == code


def test_a_message_is_no_question_and_a_question_no_message(market: Market) -> None:
    refused(market, market.p1("600009"), Code.UNKNOWN_MESSAGE)
    for question in (market.x3(BROKER_A, BOB), market.p3(WHOLE)):
        [result] = market.execute([market.line(question)])
        assert (result.code, result.id) == (Code.UNKNOWN_MESSAGE, "")


# -- assets -----------------------------------------------------------------------------------


@pytest.mark.parametrize("asker", [BROKER_A, BROKER_B, BANK_A, REGISTRY, MATCHER_A, REGULATOR])
def test_an_asset_is_public_among_parties(market: Market, asker: str) -> None:
    answer = ask(market, market.p3(WHOLE, asker, BANK_B))
    form = decode(answer["text"])
    assert isinstance(form, P3Result)
    shown = json.loads(form.information)
    assert shown["asset"] == market.record(f"asset/{WHOLE}")
    assert shown["marks"] == [market.record(f"mark/{MARK_B}")]


def test_an_asset_is_shown_as_it_was_updated(market: Market) -> None:
    p2 = market.p2("600002")
    answer = market.p2_registry(p2)
    market.accept(p2, answer, market.p2_update(p2, answer))
    shown = decode(ask(market, market.p3(TENTHS))["text"])
    assert isinstance(shown, P3Result)
    asset = json.loads(shown.information)["asset"]
    assert (asset["name"], asset["document"]) == (answer.name, sm3_hex(b"new prospectus"))


def test_an_asset_without_a_code_is_unknown(market: Market) -> None:
    question = market.p3(asset_code(REGISTRY, "600009"))
    refused(market, question, Code.ASSET_UNKNOWN)


def test_a_bank_without_marks_has_none(market: Market) -> None:
    answer = ask(market, replace(market.p3(WHOLE), bank=STRANGER))
    form = decode(answer["text"])
    assert isinstance(form, P3Result)
    assert json.loads(form.information)["marks"] == []
