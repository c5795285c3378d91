"""What moves value as objects, case by case; and the fold: order, beginnings, checkpoints."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.market.drafts import (
    BANK_A,
    BANK_B,
    digest,
)
from tests.market.market import BOB, MARK_A, MARK_B, TENTHS, WHOLE
from ufmi.errors import StoreCorrupted, UsageError
from ufmi.protocol import Entry, Line, Result, Side
from ufmi.protocol.settlement import Leg
from ufmi.regulatory import check
from ufmi.regulatory.builders import Builder

from .reports import Reported, funded, group, kinds, lone


@pytest.fixture
def market() -> Reported:
    return funded()


# -- value ------------------------------------------------------------------------------------


def test_a_deposit_that_was_locked_is_settled(market: Reported) -> None:
    before = market.count
    y1 = market.y1("bob", BOB, "bob", 250)
    market.accept(y1)
    market.accept(market.y1_locked(y1))
    (draft,) = market.since(before)
    body = group(draft)
    assert body["basic_information_capital_settlement"]["settlement_value"] == Decimal("2.5")
    payee = body["transferee_information"]
    amounts = [
        payee[f"settlement_in_account_balance_{one}_transfer"] for one in ("before", "after")
    ]
    assert amounts == [8, Decimal("10.5")]
    assert payee["settlement_in_account_name"] == BOB
    before = market.count
    y1 = market.y1("bob", BOB, "bob", 250)
    market.accept(y1, market.y1_locked(y1, False))
    assert market.since(before) == []


def test_an_order_is_a_report_and_its_end_an_increment(market: Reported) -> None:
    before = market.count
    signed = market.order("bob", Side.SELL, TENTHS, 4, 25, broadcast=True)
    market.accept(market.s1(signed))
    report, notice = market.since(before)
    assert kinds([report, notice]) == ["transactionreport create", "infodisclosure create"]
    content = group(report)["transaction_information"]["transaction_content_information"]
    # 2.5 is no whole number, which is all that this field can hold.
    assert "transaction_settlement_quantity" not in content
    assert "2.5" in content["transaction_settlement_description"]
    assert content["transaction_settlement_price"] == Decimal("0.04")
    parties = group(report)["transaction_information"]["transaction_party_information"]
    assert parties["transaction_investor_original_name"] == BOB
    assert "transaction_investor_counterparty_ref" not in parties
    market.advance(2 * 86_400_000)
    market.accept(market.expire_order(signed))
    (ended,) = market.since(before + 2)
    assert (ended.reference, ended.operation) == (f"{report.object_id}/1", "update")
    assert ended.header["metadata"]["body"] == "increment"
    whole = market.archive.whole(ended)["basic_transaction_information"]
    assert "已过期" in whole["basic_information_remark"]["transaction_description"]


def test_a_settlement_paid_with_the_money_of_two_banks(market: Reported) -> None:
    """Alice has money of both banks: one settlement for each that paid, balances in between."""
    sell = market.order("bob", Side.SELL, WHOLE, 30, 40)
    buy = market.order("alice", Side.BUY, WHOLE, 30, 40)
    for signed in (sell, buy):
        market.accept(market.s1(signed))
    before = market.count
    market.accept(market.t1([buy, sell], [Leg(0, 1, 35, 30), Leg(0, 1, 5, 30)]))
    drafts = market.since(before)
    first = ["transactionreport create", *["registration create"] * 2, "settlement create"]
    assert kinds(drafts) == [*first, "settlement create", *first]
    trade, seller, buyer, one, two = drafts[:5]
    basics = [group(draft)["basic_information_capital_settlement"] for draft in (one, two)]
    assert [each["settlement_value"] for each in basics] == [10, Decimal("0.5")]
    assert [draft.header["metadata"]["mark"] for draft in (one, two)] == [MARK_A, MARK_B]
    assert {each["settlement_transaction_ref"] for each in basics} == {trade.reference}
    banks = [
        group(draft)["transferor_information"]["settlement_out_bank_code"] for draft in (one, two)
    ]
    assert banks == [BANK_A, BANK_B]
    changes = [
        group(draft)["registration_rights"]["basic_information_rights"]["available_registration"]
        for draft in (seller, buyer)
    ]
    assert [change["register_asset_balance_change"] for change in changes] == [-35, 35]
    metadata = trade.header["metadata"]
    assert metadata["sell_order"].endswith(f"-{sell.order.number}/0")
    proofs = group(trade)["transaction_information"]["transaction_verification_information"]
    hashes = [each["hash"] for each in proofs["transaction_orderplacing_verification_doc"]]
    assert hashes == [digest(sell.order), digest(buy.order)]
    assert market.builder.state.orders == {}


def test_a_trade_with_oneself_and_a_time_that_is_no_date(market: Reported) -> None:
    sell = market.order("bob", Side.SELL, WHOLE, 3, 4)
    buy = market.order("bob", Side.BUY, WHOLE, 5, 4)
    for signed in (sell, buy):
        market.accept(market.s1(signed))
    before = market.count
    t1 = market.t1([buy, sell], [Leg(0, 1, 4, 3)], trade_time=2**53 - 1)
    market.accept(t1)
    trade = market.since(before)[0]
    content = group(trade)["transaction_information"]["transaction_content_information"]
    assert content["transaction_settlement_time"].startswith("2025-06-15T")


def test_a_currency_that_the_model_lacks_is_left_out_where_that_is_legal(market: Reported) -> None:
    """Settlements must name it: those go to the exception log, and nothing refers to them."""
    market.accept(market.p1("600005", currency="JPY"))
    market.strict = False
    before = market.count
    y1 = market.y1("bob", BOB, "bob", 250, currency="JPY", unit=0)
    market.accept(y1, market.y1_locked(y1))
    (draft,) = market.since(before)
    (finding,) = check(draft.snapshot)
    assert finding.pointer.endswith("/settlement_currency") and finding.code == "ENUM"
    basics = group(draft)["basic_information_capital_settlement"]
    assert (basics["settlement_currency"], basics["settlement_value"]) == ("392", 250)


def test_what_is_refused_or_repeated_brings_nothing(market: Reported) -> None:
    before = market.count
    y1 = market.y1("bob", BOB, "bob", 250)
    locked = market.y1_locked(y1)
    market.refuse(locked, "NOT_PENDING")
    market.accept(y1)
    fresh = market.y1_locked(y1, valid_until=market.now + 5)
    market.refuse(fresh, "ID_REUSED")
    assert market.since(before) == []
    signed = market.order("bob", Side.SELL, WHOLE, 3, 4)
    s1 = market.s1(signed)
    market.accept(s1)
    before = market.count
    market.send(s1)
    assert market.since(before) == []


# -- the fold ---------------------------------------------------------------------------------


def test_blocks_come_in_order(market: Reported) -> None:
    with pytest.raises(UsageError, match="is next"):
        market.builder.block(market.blocks[0])
    market.accept(market.y1("bob", BOB, "bob", 1))  # the next one is taken


def test_what_does_not_follow_from_the_blocks_before_is_found(market: Reported) -> None:
    """A builder that begins in the middle says so, and makes no object up."""
    y1 = market.y1("bob", BOB, "bob", 250)
    locked = market.y1_locked(y1)
    line = Line(locked.text(), "00")
    block = lone(0, Entry(1, market.now), line, Result(locked.identity, "OK"))
    with pytest.raises(StoreCorrupted, match="does not follow"):
        Builder().block(block)


@pytest.mark.parametrize("raw", [b"", b"{}x", b"[]", b'{"v":2}', b'{"v":1,"block":"x"}'])
def test_a_checkpoint_that_cannot_be_read(raw: bytes) -> None:
    with pytest.raises(StoreCorrupted):
        Builder.resume(raw)
