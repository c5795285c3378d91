"""The flows of the guide's chapters 7 to 9, whole: who is told what, and what follows.

Each runs over a ledger in a folder with front-end, role clients and books; docs/clauses.md names
the clauses that each shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ufmi.crypto import sm3_hex
from ufmi.errors import Refused
from ufmi.protocol import Code, Side
from ufmi.protocol.assets import P2Result
from ufmi.protocol.codes import USER, asset_code, mark_code
from ufmi.protocol.records import Mark
from ufmi.protocol.users import X1Bank, X1Result
from ufmi.protocol.withdrawals import Y2Received, Y2Result, Y2Status
from ufmi.sdk import Description

from .drafts import BANK_A, BANK_B, BROKER_A, REGISTRY, signer
from .guide import assert_reconciled, forget, forms, names, publish
from .market import MARK_A, MARK_B, WHOLE
from .node_market import CASH, SHARES, NodeMarket

RECEIVING = "receiving of "
PAYEE = sm3_hex(b"salt and account")


@pytest.fixture
def market(tmp_path: Path) -> Iterator[NodeMarket]:
    founded = NodeMarket.found(tmp_path)
    try:
        yield founded
    finally:
        founded.close()


# -- chapter 7 ------------------------------------------------------------------------------------


def test_x1_reaches_bank_registry_and_ufmi_and_their_answers_reach_the_broker(
    market: NodeMarket,
) -> None:
    forget(market)
    wallet = market.register("alice")
    unified = market.users["alice"]
    assert USER.fullmatch(unified)
    assert names(market, BANK_A)[0] == names(market, REGISTRY)[0] == "X1"
    heard = names(market, BROKER_A)
    assert sorted(heard) == ["X1.bank", "X1.registry", "X1.result", "X1.result"]
    (bank,) = forms(market, BROKER_A, "X1.bank")
    assert isinstance(bank, X1Bank)
    assert (bank.bank_user, bank.accepted) == ("alice at bank", True)
    last = forms(market, BROKER_A, "X1.result")[-1]
    assert last == X1Result("x1-alice", unified, Code.OK, BROKER_A)
    user = market.node.user(unified)
    assert user is not None and user.addresses == (wallet.address,)
    (account,) = user.accounts
    kept = (account.broker_user, account.bank_user, account.registry_user)
    assert kept == ("alice", "alice at bank", "alice at registry")
    assert account.document == sm3_hex(b"document alice")


def test_x2_changes_addresses_and_brings_the_latest_of_all_three(market: NodeMarket) -> None:
    old, new = market.register("alice"), market.wallet("alice-new")
    unified = market.users["alice"]
    forget(market)
    proofs = [new.bind(broker=BROKER_A, tx="x2", user="alice")]
    consent = old.consent(
        unified=unified, broker=BROKER_A, tx="x2", remove=[old.address], add=proofs
    )
    market.broker.update_user(
        unified=unified, remove=[old.address], add=proofs, consent=consent, tx="x2"
    )
    assert names(market, BANK_A)[0] == names(market, REGISTRY)[0] == "X2"
    assert names(market, BROKER_A) == ["X2.bank", "X2.registry"]
    market.broker.complete_update("x2", sm3_hex(b"latest"), ("latest",))
    assert market.told(BROKER_A)[-1] == f"X2.result(x2,{unified},OK,{BROKER_A},{new.address})"
    user = market.node.user(unified)
    assert user is not None and user.addresses == (new.address,)
    assert user.accounts[0].document == sm3_hex(b"latest")
    with pytest.raises(Refused) as refused:
        market.deposit("alice", 5)
    assert refused.value.result_code == Code.ADDRESS_MISMATCH


def test_x2_changes_no_address_on_the_word_of_the_broker_alone(market: NodeMarket) -> None:
    old, new = market.register("alice"), market.wallet("alice-new")
    unified = market.users["alice"]
    proofs = [new.bind(broker=BROKER_A, tx="x2", user="alice")]
    market.broker.update_user(unified=unified, add=proofs, tx="x2")
    market.broker.complete_update("x2")
    assert (
        market.told(BROKER_A)[-1] == f"X2.result(x2,{unified},NOT_AGREED,{BROKER_A},{old.address})"
    )
    user = market.node.user(unified)
    assert user is not None and user.addresses == (old.address,)


def test_x2_changes_addresses_where_the_bank_agrees(market: NodeMarket) -> None:
    market.bank.agrees = lambda x2: True
    old, new = market.register("alice"), market.wallet("alice-new")
    proofs = [new.bind(broker=BROKER_A, tx="x2", user="alice")]
    market.broker.update_user(unified=market.users["alice"], add=proofs, tx="x2")
    user = market.node.user(market.users["alice"])
    assert user is not None and user.addresses == (old.address, new.address)


def test_x3_shows_an_account_to_those_who_keep_it(market: NodeMarket) -> None:
    wallet = market.register("alice")
    unified = market.users["alice"]
    blocks = market.node.channel.height()
    found = market.broker.find_user(unified=unified)
    assert found == market.broker.find_user(broker_user="alice")
    assert found["id"] == unified
    (account,) = found["accounts"]
    assert (account["bank"], account["registry"]) == (BANK_A, REGISTRY)
    assert (account["addresses"], account["status"]) == ([wallet.address], "ACTIVE")
    with pytest.raises(Refused) as refused:
        market.broker_b.find_user(unified=unified)
    assert refused.value.result_code == Code.ACCESS_DENIED
    assert market.node.channel.height() == blocks


# -- chapter 8 ------------------------------------------------------------------------------------


def test_p1_gives_codes_and_brings_what_the_registry_knows(market: NodeMarket) -> None:
    market.registry.assets["600002"] = Description("Mill Co.", "BOND", 1, "CNY")
    forget(market)
    market.broker.register_asset(
        registry=REGISTRY, registry_asset="600002", bank=BANK_A, currency="CNY", tx="p1"
    )
    assert names(market, REGISTRY)[0] == "P1"
    assert names(market, BROKER_A) == ["P1.result", "P1.registry", "P1.result"]
    code = asset_code(REGISTRY, "600002")
    assert market.told(BROKER_A)[-1] == f"P1.result(p1,{code},OK,{BROKER_A},{MARK_A})"
    asset = market.node.asset(code)
    assert asset is not None
    assert (asset.name, asset.asset_class, asset.decimals) == ("Mill Co.", "BOND", 1)
    mark = market.node.record(f"mark/{MARK_A}", Mark)
    assert mark is not None and (mark.bank, mark.unit) == (BANK_A, 2)


def test_p2_brings_the_latest_of_the_registry_through_the_broker(market: NodeMarket) -> None:
    market.registry.assets["600001"] = Description("Tea and Coffee Co.", "STOCK", 0, "CNY")
    forget(market)
    market.broker.update_asset(registry=REGISTRY, registry_asset="600001", bank=BANK_A, tx="p2")
    assert names(market, BANK_A) == ["P2"]
    assert names(market, REGISTRY) == ["P2"]
    assert names(market, BROKER_A) == ["P2.registry"]
    asset = market.node.asset(WHOLE)
    assert asset is not None and asset.name == "Company 600001"
    market.broker.complete_asset_update("p2")
    asset = market.node.asset(WHOLE)
    assert asset is not None and asset.name == "Tea and Coffee Co."
    (result,) = forms(market, BROKER_A, "P2.result")
    assert result == P2Result("p2", WHOLE, "Tea and Coffee Co.", Code.OK, BROKER_A)


def test_p2_brings_nothing_where_the_registry_does_not_know_the_asset(market: NodeMarket) -> None:
    market.registry.assets.clear()
    market.broker.update_asset(registry=REGISTRY, registry_asset="600001", bank=BANK_A, tx="p2")
    assert market.told(BROKER_A)[-1] == f"P2.result(p2,{WHOLE},,NOT_AGREED,{BROKER_A})"
    asset = market.node.asset(WHOLE)
    assert asset is not None and asset.name == "Company 600001"


def test_p3_shows_an_asset_and_a_banks_money(market: NodeMarket) -> None:
    blocks = market.node.channel.height()
    found = market.broker.find_asset(WHOLE, BANK_B)
    assert (found["asset"]["code"], found["asset"]["registry_asset"]) == (WHOLE, "600001")
    assert [mark["code"] for mark in found["marks"]] == [mark_code(BANK_B, "CNY")]
    with pytest.raises(Refused) as refused:
        market.broker.find_asset(asset_code(REGISTRY, "none"), BANK_B)
    assert refused.value.result_code == Code.ASSET_UNKNOWN
    assert market.node.channel.height() == blocks


# -- chapter 9 ------------------------------------------------------------------------------------


def test_y1_tells_broker_and_bank_of_lock_and_tokens(market: NodeMarket) -> None:
    wallet = market.register("alice")
    forget(market)
    market.deposit("alice", 500, tx="y1")
    assert names(market, BANK_A) == ["Y1", "Y1.result"]
    assert names(market, BROKER_A) == ["Y1.locked", "Y1.result"]
    expected = f"Y1.result(y1,OK,{MARK_A},500,500,{BROKER_A})"
    assert market.told(BANK_A)[-1] == market.told(BROKER_A)[-1] == expected
    assert market.node.cash(wallet.address) == {MARK_A: 500}
    assert market.books[BANK_A].free("alice at bank", "CNY") == CASH - 500


def register_at(market: NodeMarket, name: str, bank: str) -> None:
    """A user of the first broker whose account is at another bank."""
    wallet, tx = market.wallet(name), f"x1-{name}"
    market.books[bank].credit(f"{name} at bank", "CNY", CASH)
    market.books[REGISTRY].credit(f"{name} at registry", "600001", SHARES)
    executed = market.broker.register_user(
        broker_user=name,
        bank=bank,
        bank_user=f"{name} at bank",
        registry=REGISTRY,
        registry_user=f"{name} at registry",
        person=sm3_hex(f"person {name}".encode()),
        document=sm3_hex(f"document {name}".encode()),
        proofs=[wallet.bind(broker=BROKER_A, tx=tx, user=name)],
        tx=tx,
    )
    market.users[name] = str(executed.result.data["unified"])


def with_money_of_two_banks(market: NodeMarket) -> None:
    """Alice's account is at the first bank; she has sold to Bob, whose bank is the second."""
    market.register("alice")
    register_at(market, "bob", BANK_B)
    market.deposit("alice", 300)
    market.deposit("bob", 1_000)
    market.bring("alice", 50)
    sell = publish(market, "alice", Side.SELL, 10, 40)
    buy = publish(market, "bob", Side.BUY, 10, 40)
    market.matcher.settle(buy, sell, 40, 10)
    for bank in (market.bank, market.bank_b):
        bank.name_receiving_address(signer(RECEIVING + bank.id))
    forget(market)


def withdraw(market: NodeMarket, amount: int) -> None:
    signed = market.wallet("alice").withdraw(
        broker=BROKER_A, bank=BANK_A, payee=PAYEE, currency="CNY", amount=amount, number="y2"
    )
    market.broker.withdraw(signed, market.users["alice"])


def test_y2_pays_tokens_of_two_banks_out_to_one_account(market: NodeMarket) -> None:
    with_money_of_two_banks(market)
    wallet = market.wallet("alice")
    assert market.node.cash(wallet.address) == {MARK_A: 300, MARK_B: 400}
    withdraw(market, 600)
    assert names(market, BROKER_A)[0] == "Y2.checked"
    for bank, mark, amount in ((BANK_A, MARK_A, 300), (BANK_B, MARK_B, 300)):
        (received,) = forms(market, bank, "Y2.received")
        assert isinstance(received, Y2Received)
        assert (received.mark, received.quantity, received.cash) == (mark, amount, amount)
        assert (received.bank, received.payee) == (BANK_A, PAYEE)
    steps = forms(market, BROKER_A, "Y2.status")
    for mark in (MARK_A, MARK_B):
        states = [one.status for one in steps if isinstance(one, Y2Status) and one.mark == mark]
        assert states == ["BURNING", "MOVED", "DESTROYED"]
    assert forms(market, BROKER_A, "Y2.result") == [
        Y2Result("y2", Code.OK, 600, 0, BROKER_A, wallet.address)
    ]
    assert market.node.cash(wallet.address) == {MARK_B: 100}
    record = market.node.withdrawal(wallet.address, "y2")
    assert record is not None and not record.open
    assert [part.receiving for part in record.parts] == [
        signer(RECEIVING + bank).address for bank in (BANK_A, BANK_B)
    ]
    assert market.books[BANK_A].free("alice at bank", "CNY") == CASH - 300 + 600
    assert (market.bank.locked(MARK_A), market.bank_b.locked(MARK_B)) == (0, 700)
    assert_reconciled(market)


def test_y2_beyond_what_the_address_has_is_refused_and_moves_nothing(market: NodeMarket) -> None:
    with_money_of_two_banks(market)
    with pytest.raises(Refused) as refused:
        withdraw(market, 701)
    assert refused.value.result_code == Code.INSUFFICIENT
    assert market.told(BROKER_A) == [f"Y2.checked(y2,N,INSUFFICIENT,{BROKER_A})"]
    assert market.told(BANK_A) == market.told(BANK_B) == []
    assert market.node.cash(market.wallet("alice").address) == {MARK_A: 300, MARK_B: 400}


def test_y2_asks_for_a_receiving_address_of_the_banks_own(market: NodeMarket) -> None:
    wallet = market.register("alice")
    market.deposit("alice", 300)
    with pytest.raises(Refused) as refused:
        withdraw(market, 100)
    assert refused.value.result_code == Code.NO_RECEIVING_ADDRESS
    with pytest.raises(Refused) as refused:
        market.bank.name_receiving_address(signer("alice"))
    assert refused.value.result_code == Code.ADDRESS_TAKEN
    assert market.node.cash(wallet.address) == {MARK_A: 300}


def test_y2_brings_tokens_back_that_their_bank_does_not_take(
    market: NodeMarket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_money_of_two_banks(market)
    monkeypatch.setattr(market.books[BANK_B], "locked_total", lambda item: 0)
    withdraw(market, 600)
    monkeypatch.undo()
    wallet = market.wallet("alice")
    assert forms(market, BROKER_A, "Y2.result") == [
        Y2Result("y2", "PARTLY", 300, 300, BROKER_A, wallet.address)
    ]
    assert market.node.cash(wallet.address) == {MARK_B: 400}
    assert_reconciled(market)
