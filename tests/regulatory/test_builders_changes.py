"""Withdrawals that go back, changes of addresses and documents: what the day does not show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.market.drafts import (
    BANK_A,
    BANK_B,
    BROKER_A,
    BROKER_B,
    DAY_MS,
    REGISTRY,
    address,
    digest,
    public_key,
    signer,
)
from tests.market.market import ALICE, MARK_A, MARK_B
from ufmi.crypto import sm3_hex
from ufmi.protocol.codes import mark_bank
from ufmi.protocol.users import X2, Consent, Consented, X2Bank, X2Registry, X2Update
from ufmi.protocol.withdrawals import Y2, Receive, Withdraw, Y2Burn, Y2Credited, Y2Moved
from ufmi.regulatory.builders import MISSING, Builder

from .reports import (
    Reported,
    account,
    assert_balances_follow,
    fold,
    funded,
    group,
    kinds,
    status,
)


@pytest.fixture
def market() -> Reported:
    return funded()


# -- withdrawals ------------------------------------------------------------------------------


def receive(market: Reported, bank: str) -> None:
    head = market._head(bank)
    market.accept(Receive(proof=(market.proof(f"{bank} in", bank, head["tx"], bank),), **head))


def withdraw(market: Reported, amount: int) -> Y2:
    """Alice takes out money of both banks."""
    for bank in (BANK_A, BANK_B):
        receive(market, bank)
    head = market._head(BROKER_A)
    order = Withdraw(
        number=head["tx"],
        network=market.network,
        valid_until=head["valid_until"],
        address=address("alice"),
        key=public_key("alice"),
        ag=BROKER_A,
        bank=BANK_A,
        payee="0" * 64,
        currency="CNY",
        amount=amount,
    )
    y2 = Y2(
        ag=BROKER_A,
        bank=BANK_A,
        unified=ALICE,
        broker_user=f"alice at {BROKER_A}",
        bank_user=f"alice at {BANK_A}",
        currency="CNY",
        amount=amount,
        unit=2,
        address=address("alice"),
        marks=(MARK_A, MARK_B),
        order=order,
        signature=signer("alice").sign(order.text().encode()).hex(),
        **head,
    )
    market.accept(y2)
    return y2


def part(market: Reported, y2: Y2, mark: str, amount: int) -> dict[str, Any]:
    return {
        **market._head(mark_bank(mark), y2.tx),
        "ag": y2.ag,
        "address": y2.address,
        "mark": mark,
        "amount": amount,
        "answered": digest(y2),
    }


def pay(market: Reported, y2: Y2, mark: str, amount: int) -> None:
    own = part(market, y2, mark, amount)
    market.accept(Y2Burn(burn=True, **own), Y2Moved(moved=True, attempt=0, **own))
    own["sender"] = y2.bank
    paying = mark_bank(mark)
    market.accept(Y2Credited(paying=paying, received=True, attempt=0, **own))


def test_a_part_that_a_bank_refuses_goes_back_and_is_not_reported(market: Reported) -> None:
    before = market.count
    y2 = withdraw(market, 1_200)
    market.accept(Y2Burn(burn=False, **part(market, y2, MARK_B, 200)))
    assert market.since(before) == []
    pay(market, y2, MARK_A, 1_000)
    (draft,) = market.since(before)
    assert kinds([draft]) == ["settlement create"]
    body = group(draft)
    assert body["basic_information_capital_settlement"]["settlement_value"] == 10
    payer, payee = body["transferor_information"], body["transferee_information"]
    names = [f"settlement_out_account_balance_{one}_transfer" for one in ("before", "after")]
    assert [payer[name] for name in names] == [15, 5]
    assert payee["settlement_in_bank_code"] == BANK_A
    assert "settlement_in_account_object_ref" not in payee
    assert draft.header["metadata"]["account"] == "0" * 64
    assert_balances_follow(market.archive.drafts)


def test_what_no_bank_agreed_to_goes_back_after_the_deadline(market: Reported) -> None:
    before = market.count
    y2 = withdraw(market, 1_200)
    market.accept(Y2Burn(burn=True, **part(market, y2, MARK_A, 1_000)))
    market.advance(DAY_MS + 1)
    market.accept(market.expire("WITHDRAWAL", y2.address, y2.tx))
    assert market.since(before) == []
    # The other part goes on: it is still one withdrawal.
    own = part(market, y2, MARK_A, 1_000)
    market.accept(Y2Moved(moved=False, attempt=0, **own), Y2Moved(moved=True, attempt=1, **own))
    own["sender"] = BANK_A
    market.accept(Y2Credited(paying=BANK_A, received=True, attempt=0, **own))
    assert kinds(market.since(before)) == ["settlement create"]


def test_a_banks_frozen_receiving_address_is_disclosed(market: Reported) -> None:
    receive(market, BANK_A)
    before = market.count
    status(market, "ADDRESS", address(f"{BANK_A} in"), "FROZEN")
    (draft,) = market.since(before)
    subject = group(draft)["disclosure_basic_information"]["disclosure_subject_ref"]
    assert subject.endswith(f"-SU-{BANK_A}/0")


# -- addresses and documents ------------------------------------------------------------------


def change(
    market: Reported, broker: str, bank: str, *, add: str = "", remove: str = "", consent: str = ""
) -> X2:
    """An X2 for Alice's account with a broker."""
    head = market._head(broker)
    user = f"alice at {broker}"
    proofs = (market.proof(add, broker, head["tx"], user),) if add else ()
    removed = (address(remove),) if remove else ()
    consented: tuple[Consented, ...] = ()
    if consent:
        text = Consent(
            network=market.network,
            valid_until=head["valid_until"],
            ag=broker,
            tx=head["tx"],
            unified=ALICE,
            remove=removed,
            add=tuple([proof.bind.key for proof in proofs]),
            key=public_key(consent),
        )
        signature = signer(consent).sign(text.text().encode()).hex()
        consented = (Consented(text, signature),)
    x2 = X2(
        ag=broker,
        unified=ALICE,
        remove=removed,
        add=proofs,
        bank=bank,
        registry=REGISTRY,
        consent=consented,
        **head,
    )
    market.accept(x2)
    return x2


def answer(market: Reported, x2: X2, accepted: bool, bank: str = "", registry: str = "") -> None:
    """Bank and registry answer, with documents; the broker closes it without one of its own."""
    terms: dict[str, Any] = {
        "ag": x2.ag, "unified": ALICE, "answered": digest(x2), "addresses": x2.addresses,
        "accepted": accepted,
    }  # fmt: skip
    market.accept(
        X2Bank(
            bank_user=f"alice at {x2.bank}", document=bank, **terms, **market._head(x2.bank, x2.tx)
        ),
        X2Registry(
            registry_user=f"alice at {REGISTRY}", document=registry, **terms,
            **market._head(REGISTRY, x2.tx),
        ),
        X2Update(
            unified=ALICE, document="", bank_document=bank, registry_document=registry,
            answered=digest(x2), **market._head(x2.ag, x2.tx),
        ),
    )  # fmt: skip


def test_a_change_that_nobody_agrees_to_brings_nothing(market: Reported) -> None:
    before = market.count
    x2 = change(market, BROKER_A, BANK_A, add="dora")
    answer(market, x2, accepted=False, bank="1" * 64)
    assert market.since(before) == []
    assert market.builder.state.updates == {}


def test_new_documents_update_what_they_are_about(market: Reported) -> None:
    said = {"account_cycle_information": {"account_opening_information": {
        "account_opening_agent_contact_number": "010"}}}  # fmt: skip
    whole = {"salt": "00" * 16, "structure": {"account_information": said}, "text": "", "v": 1}
    raw = json.dumps(whole).encode()
    market.known[sm3_hex(raw)] = raw
    before = market.count
    x2 = change(market, BROKER_A, BANK_A)
    answer(market, x2, accepted=True, bank=sm3_hex(raw))
    (draft,) = market.since(before)
    assert (draft.type, draft.documents) == ("account", (sm3_hex(raw),))
    opening = group(draft)["account_cycle_information"]["account_opening_information"]
    assert opening["account_opening_agent_contact_number"] == "010"
    # Whoever has not got the document builds the same object with another body.
    other = fold(market.blocks, Builder())[-1]
    assert other.header == draft.header
    opening = group(other)["account_cycle_information"]["account_opening_information"]
    assert opening["account_opening_doc"] == [{"hash": sm3_hex(raw), "summary": MISSING}]


def test_an_update_that_runs_out_of_time_is_forgotten(market: Reported) -> None:
    before = market.count
    x2 = change(market, BROKER_A, BANK_A, add="dora")
    market.advance(DAY_MS + 1)
    market.accept(market.expire("UPDATE", BROKER_A, x2.tx))
    assert market.since(before) == [] and market.builder.state.updates == {}


def test_a_frozen_address_takes_its_freeze_to_another_account(market: Reported) -> None:
    """Removed at one broker, frozen, and added at the other: the freeze is where the address is."""
    change(market, BROKER_A, BANK_A, add="dora", consent="alice")
    change(market, BROKER_A, BANK_A, remove="dora", consent="alice")
    status(market, "ADDRESS", address("dora"), "FROZEN")
    before = market.count
    change(market, BROKER_B, BANK_B, add="dora", consent="alice-2")
    assert kinds(market.since(before)) == ["account update"] * 4
    for broker, wanted in ((BROKER_A, 1), (BROKER_B, 3)):
        basics = account(market, ALICE, broker, "C")["basic_account_information"]
        assert basics["account_status"] == wanted
    status(market, "ADDRESS", address("dora"), "ACTIVE")
    basics = account(market, ALICE, BROKER_B, "S")["basic_account_information"]
    assert basics["account_status"] == 1
