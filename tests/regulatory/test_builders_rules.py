"""Who takes part and what is listed, case by case: fields, versions, what brings nothing."""

from __future__ import annotations

import pytest

from tests.market.drafts import (
    BANK_A,
    BROKER_A,
    BROKER_B,
    MARKET,
    MATCHER_A,
    REGISTRY,
    address,
    public_key,
    signer,
)
from tests.market.market import ALICE, BOB, WHOLE
from ufmi.protocol.codes import user_id
from ufmi.protocol.users import X2, Consent, Consented

from .reports import Reported, account, funded, group, kinds, of_type, status


@pytest.fixture
def market() -> Reported:
    return funded()


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
