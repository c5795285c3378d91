"""What each message brings, case by case: fields, versions, and what brings nothing."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from tests.market.drafts import (
    BANK_A,
    BANK_B,
    BROKER_A,
    BROKER_B,
    MARKET,
    MATCHER_A,
    OPERATORS,
    REGISTRY,
    address,
    digest,
    public_key,
    signer,
)
from tests.market.market import ALICE, BOB, MARK_A, MARK_B, TENTHS, WHOLE, fund, open_up
from ufmi.errors import StoreCorrupted, UsageError
from ufmi.protocol import Entry, Line, Result, Side
from ufmi.protocol.codes import user_id
from ufmi.protocol.governance import Status
from ufmi.protocol.settlement import Leg
from ufmi.protocol.users import X2, Consent, Consented
from ufmi.regulatory import check
from ufmi.regulatory.builders import Builder, Draft

from .reports import Reported, group, lone, of_type


@cache
def _funded() -> Reported:
    market = Reported()
    fund(open_up(market))
    market.model = None  # it does not know every message that is sent here
    return market


@pytest.fixture
def market() -> Reported:
    found = _funded().copy()
    assert isinstance(found, Reported)
    found.builder = Builder.resume(found.builder.checkpoint(), found.known.get)
    found.archive = deepcopy(found.archive)
    found.blocks = list(found.blocks)
    return found


def kinds(drafts: list[Draft]) -> list[str]:
    return [f"{one.type} {one.operation}" for one in drafts]


def status(
    market: Reported, kind: str, subject: str, value: str, sender: str = "", tx: str = ""
) -> None:
    """STATUS by the regulator, or by two operators."""
    senders = [sender] if sender else [address(name) for name in OPERATORS[:2]]
    tx = tx or market.new_tx()
    for one in senders:
        head = market._head(one, tx)
        market.accept(Status(kind=kind, subject=subject, status=value, **head))


def account(market: Reported, unified: str, broker: str, kind: str) -> dict[str, Any]:
    id = f"{market.network[:12]}-AC-{unified}-{broker}-{kind}"
    history = market.archive.histories[id]
    assert history.latest is not None
    found: dict[str, Any] = history.merged(history.latest)["body"]["account_information"]
    return found


# -- parties ----------------------------------------------------------------------------------


def test_only_the_approval_that_completes_an_admission_brings_a_subject(market: Reported) -> None:
    before = market.count
    market.accept(market.admit("NNEWACNBJXXX", "BANK", operator=0, tx="a1", name="新银行"))
    assert market.since(before) == []
    market.accept(market.admit("NNEWACNBJXXX", "BANK", operator=1, tx="a1", name="新银行"))
    (draft,) = market.since(before)
    assert draft.reference == f"{market.network[:12]}-SU-NNEWACNBJXXX/0" and not draft.private
    enterprise = group(draft)["organization_subject_information"]["basic_information_of_enterprise"]
    assert enterprise["basic_information_description"]["subject_company_name"] == "新银行"


def test_a_party_that_is_admitted_again_is_updated(market: Reported) -> None:
    before = market.count
    market.accept(market.revoke(BANK_A, public_key(BANK_A), BANK_A))
    assert market.since(before) == []
    market.admit_party(BANK_A, "BANK", key=public_key("another"), name="Bank A")
    (draft,) = market.since(before)
    assert (draft.operation, draft.version) == ("update", 1)
    assert market.builder.state.parties[BANK_A].name == "Bank A"


def test_measures_against_parties_are_disclosed(market: Reported) -> None:
    before = market.count
    market.admit_party("NREGUCNBJXXX", "REGULATOR")
    status(market, "PARTY", MATCHER_A, "FROZEN", "NREGUCNBJXXX", tx="same")
    status(market, "PARTY", MATCHER_A, "SUSPENDED", tx="same")
    status(market, "PARTY", MARKET, "HALTED")
    status(market, "NETWORK", market.network, "HALTED")
    drafts = of_type(market.since(before), "infodisclosure")
    assert len(drafts) == 4 and kinds(drafts) == ["infodisclosure create"] * 4
    basics = [group(one)["disclosure_basic_information"] for one in drafts]
    assert [one["disclosure_submit_type"] for one in basics] == [2, 255, 255, 255]
    prefix = f"{market.network[:12]}-SU-"
    subjects = [one["disclosure_subject_ref"] for one in basics]
    assert subjects == [f"{prefix}{id}/0" for id in (MATCHER_A, MATCHER_A, MARKET, MARKET)]
    assert basics[0]["disclosure_referer_subject_ref"] == f"{prefix}NREGUCNBJXXX/0"
    assert "disclosure_referer_subject_ref" not in basics[1]
    (measure,) = group(drafts[1])["regulatory_information"]
    assert "SUSPENDED" in measure["disclosure_regulatory_measures"]


# -- users ------------------------------------------------------------------------------------


def test_an_account_is_unverified_then_normal(market: Reported) -> None:
    before = market.count
    x1 = market.x1("dora", ["dora"])
    market.accept(x1, user=user_id(9))
    opened = market.since(before)
    assert kinds(opened) == ["subject create", "account create", "account create"]
    assert all(draft.private for draft in opened)
    basics = [group(one)["basic_account_information"] for one in opened[1:]]
    assert [(one["account_type"], one["account_status"]) for one in basics] == [(1, 4), (2, 4)]
    assert [one["account_number"] for one in basics] == [f"dora at {REGISTRY}", f"dora at {BANK_A}"]
    linked = group(opened[2])["account_related_information"]
    assert linked["account_associated_account_ref"] == opened[1].reference
    assert opened[1].header["metadata"]["addresses"] == [address("dora")]
    before = market.count
    market.accept(market.x1_bank(x1, user_id(9)))
    assert market.since(before) == []
    market.accept(market.x1_registry(x1, user_id(9)))
    assert kinds(market.since(before)) == ["account update"] * 2
    found = account(market, user_id(9), BROKER_A, "C")
    assert found["basic_account_information"]["account_status"] == 1
    cycle = found["account_cycle_information"]["account_opening_information"]
    assert cycle["account_opening_date"] == "2025-06-15"


def test_a_refused_account_is_closed_and_may_be_opened_anew(market: Reported) -> None:
    x1 = market.x1("dora", ["dora"])
    market.accept(x1, user=user_id(9))
    before = market.count
    market.accept(market.x1_bank(x1, user_id(9), accepted=False))
    assert kinds(market.since(before)) == ["account update"] * 2
    found = account(market, user_id(9), BROKER_A, "S")
    assert found["basic_account_information"]["account_status"] == 2
    cancelled = found["account_cycle_information"]["account_cancellation_information"]
    assert cancelled["account_closing_date"] == "2025-06-15"
    market.accept(market.x1_registry(x1, user_id(9)))  # too late to change anything
    assert market.count == before + 2
    again = market.x1("dora", ["dora"], unified=user_id(9))
    market.accept(again)
    assert kinds(market.since(before + 2)) == ["account update"] * 2
    found = account(market, user_id(9), BROKER_A, "S")
    assert found["basic_account_information"]["account_status"] == 4
    assert "account_cancellation_information" not in found["account_cycle_information"]


def test_a_joined_account_with_another_document_updates_the_subject(market: Reported) -> None:
    before = market.count
    market.accept(market.x1("bob", ["emil"], broker=BROKER_B, unified=BOB, document="0" * 64))
    assert kinds(market.since(before)) == ["subject update", "account create", "account create"]
    before = market.count
    market.advance(2 * 86_400_000)
    market.accept(market.x1("bob", ["emil"], broker=BROKER_B, unified=BOB, document="0" * 64))
    # The registration that nobody confirmed begins anew; the person is as he was.
    assert kinds(market.since(before)) == ["account update"] * 2


def test_addresses_change_with_consent(market: Reported) -> None:
    before = market.count
    head = market._head(BROKER_A)
    proof = market.proof("dora", BROKER_A, head["tx"], f"bob at {BROKER_A}")
    consent = Consent(
        network=market.network, valid_until=head["valid_until"], ag=BROKER_A, tx=head["tx"],
        unified=BOB, remove=(), add=(public_key("dora"),), key=public_key("bob"),
    )  # fmt: skip
    signature = signer("bob").sign(consent.text().encode()).hex()
    x2 = X2(
        ag=BROKER_A, unified=BOB, remove=(), add=(proof,), bank=BANK_A, registry=REGISTRY,
        consent=(Consented(consent, signature),), **head,
    )  # fmt: skip
    market.accept(x2)
    drafts = market.since(before)
    assert kinds(drafts) == ["account update"] * 2
    for draft in drafts:
        assert draft.header["metadata"]["addresses"] == [address("bob"), address("dora")]


def test_a_frozen_address_freezes_both_accounts(market: Reported) -> None:
    before = market.count
    status(market, "ADDRESS", address("alice"), "FROZEN")
    assert kinds(market.since(before)) == ["account update"] * 2
    found = account(market, ALICE, BROKER_A, "C")
    assert found["basic_account_information"]["account_status"] == 3
    freeze = found["account_cycle_information"]["freeze_information"]
    assert freeze["account_frozen_date"] == "2025-06-15"
    assert address("alice") in freeze["account_frozen_remark"]
    # Her account with the other broker is another one.
    other = account(market, ALICE, BROKER_B, "C")["basic_account_information"]
    assert other["account_status"] == 1
    before = market.count
    status(market, "ADDRESS", address("alice"), "FROZEN")
    assert market.since(before) == []
    status(market, "ADDRESS", address("alice"), "ACTIVE")
    found = account(market, ALICE, BROKER_A, "S")
    assert found["basic_account_information"]["account_status"] == 1
    assert "unfreezing_information" in found["account_cycle_information"]


# -- assets -----------------------------------------------------------------------------------


def test_a_banks_money_is_a_product_once(market: Reported) -> None:
    before = market.count
    market.accept(market.p1("600003"))
    assert market.since(before) == []
    market.accept(market.p1("600003", currency="USD", tx="usd"))
    (draft,) = market.since(before)
    basics = group(draft)["essential_information"]["basic_product_information"]
    assert basics["product_scale_currency"] == "840"
    assert basics["product_issuer_subject_ref"].endswith(f"-SU-{BANK_A}/0")


def test_an_asset_is_a_product_when_its_registry_accepts(market: Reported) -> None:
    before = market.count
    p1 = market.p1("600004")
    market.accept(p1, market.p1_registry(p1, accepted=False))
    assert market.since(before) == []
    p1 = market.p1("600004")
    market.accept(p1, market.p1_registry(p1, asset_class="BOND", name="Bond"))
    (draft,) = market.since(before)
    basics = group(draft)["essential_information"]["basic_product_information"]
    assert (basics["product_type"], basics["product_scale_unit"]) == (4, 3)
    assert (basics["product_code"], basics["product_name"]) == (p1.asset, "Bond")


def test_a_halted_asset_is_updated(market: Reported) -> None:
    before = market.count
    status(market, "ASSET", WHOLE, "HALTED")
    status(market, "ASSET", WHOLE, "ACTIVE")
    halted, active = market.since(before)
    trading = [group(one)["transaction_information"] for one in (halted, active)]
    found = [one["transaction_status"]["product_transaction_status"] for one in trading]
    assert found == [2, 1]
    assert "HALTED" in trading[0]["listing_information"]["product_listing_remarks"]


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
