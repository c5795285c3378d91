"""Banks and registries that do not answer, at every step: nothing is lost, nothing stays stuck."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ufmi.auditor import Auditor
from ufmi.crypto import Signer, Sm2PrivateKey, sm3_hex
from ufmi.errors import Refused
from ufmi.frontend import deliveries_of
from ufmi.frontend.expiry import scan
from ufmi.protocol import Message, decode
from ufmi.protocol.governance import Expire
from ufmi.protocol.withdrawals import Y2Status
from ufmi.scenario.cast import account_at
from ufmi.scenario.sandbox import Sandbox, sandbox
from ufmi.sdk import Institution, Wallet

CASH = 500_000
LATE_MS = 25 * 3_600_000


@pytest.fixture
def market() -> Iterator[Sandbox]:
    with sandbox() as found:
        found.bank.name_receiving_address(Signer.of(Sm2PrivateKey.generate()))
        found.broker.deposit(
            unified=found.user("wang").unified,
            address=found.user("wang").wallet.address,
            amount=CASH,
            currency="CNY",
        )
        yield found


def reconciled(market: Sandbox) -> bool:
    return Auditor(market.node).reconcile(market.play.cast.books).ok


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes institutions keep back their answers of one name; "" ends that."""
    held = {"name": ""}
    reply = Institution.reply

    def replying(self: Institution, name: tuple[str, str], message: Message, *rest: Any) -> Any:
        return None if held["name"] == message.NAME else reply(self, name, message, *rest)

    monkeypatch.setattr(Institution, "reply", replying)
    return lambda name: held.update(name=name)


# -- what brokers and wallets start -------------------------------------------------------------


def deposit(market: Sandbox) -> str:
    wang = market.user("wang")
    tx = market.broker.new_tx()
    market.broker.deposit(
        unified=wang.unified, address=wang.wallet.address, amount=700, currency="CNY", tx=tx
    )
    return f"deposit/{market.broker.id}/{tx}"


def onchain(market: Sandbox) -> str:
    li = market.user("li")
    tx = li.wallet.new_tx()
    li.wallet.bring_onchain(
        unified=li.unified,
        broker=market.broker.id,
        broker_user=account_at("li", "broker"),
        registry=market.registry.id,
        registry_asset="600001",
        quantity=10,
        tx=tx,
    )
    return f"onchain/{li.wallet.address}/{tx}"


def listing(market: Sandbox) -> str:
    tx = market.broker.new_tx()
    market.broker.register_asset(
        registry=market.registry.id,
        registry_asset="600099",
        bank=market.bank.id,
        currency="CNY",
        tx=tx,
    )
    return f"listing/{market.broker.id}/{tx}"


def update(market: Sandbox) -> str:
    wang = market.user("wang")
    second = Wallet(market.node, Signer.of(Sm2PrivateKey.generate()))
    tx = market.broker.new_tx()
    add = [second.bind(broker=market.broker.id, tx=tx, user=account_at("wang", "broker"))]
    market.broker.update_user(unified=wang.unified, add=add, tx=tx)
    return f"update/{market.broker.id}/{tx}"


def amendment(market: Sandbox) -> str:
    tx = market.broker.new_tx()
    market.broker.update_asset(
        registry=market.registry.id, registry_asset="600001", bank=market.bank.id, tx=tx
    )
    return f"amendment/{market.broker.id}/{tx}"


def withdrawal(market: Sandbox) -> str:
    wang = market.user("wang")
    signed = wang.wallet.withdraw(
        broker=market.broker.id,
        bank=market.bank.id,
        payee=sm3_hex(b"account"),
        currency="CNY",
        amount=120_000,
    )
    market.broker.withdraw(signed, wang.unified)
    return f"withdrawal/{wang.wallet.address}/{signed.order.number}"


STEPS = [
    (deposit, "Y1.locked"),
    (onchain, "Z1.locked"),
    (listing, "P1.registry"),
    (update, "X2.bank"),
    (update, "X2.registry"),
    (amendment, "P2.registry"),
    (withdrawal, "Y2.burn"),
]
AFTER_BURNING = ["Y2.moved", "Y2.credited"]


def record(market: Sandbox, key: str) -> dict[str, Any]:
    ((_, found),) = scan(market.node.channel.contract("udl"), key)
    return found


@pytest.mark.parametrize(("start", "name"), STEPS, ids=[name for _, name in STEPS])
def test_what_is_never_answered_ends_by_itself(
    market: Sandbox, silent: Callable[[str], None], start: Callable[[Sandbox], str], name: str
) -> None:
    silent(name)
    key = start(market)
    assert record(market, key)["open"]
    assert reconciled(market)
    market.clock.advance(LATE_MS)
    market.node.frontend.tick()
    assert not record(market, key)["open"]
    assert reconciled(market)
    wang = market.user("wang")
    assert sum(market.node.cash(wang.wallet.address).values()) == CASH


@pytest.mark.parametrize(("start", "name"), STEPS, ids=[name for _, name in STEPS])
def test_who_comes_back_answers_what_came_meanwhile(
    market: Sandbox, silent: Callable[[str], None], start: Callable[[Sandbox], str], name: str
) -> None:
    silent(name)
    key = start(market)
    silent("")
    for institution in (market.bank, market.registry):
        institution.catch_up()
        institution.catch_up()  # what was dealt with changes nothing
    if start in (update, amendment):
        tx = key.split("/")[2]
        complete = {
            update: market.broker.complete_update,
            amendment: market.broker.complete_asset_update,
        }
        complete[start](tx)
    found = record(market, key)
    assert not found["open"]
    assert reconciled(market)


@pytest.mark.parametrize("name", AFTER_BURNING)
def test_what_a_bank_agreed_to_burn_waits_for_it_and_is_paid_once(
    market: Sandbox, silent: Callable[[str], None], name: str
) -> None:
    silent(name)
    key = withdrawal(market)
    market.clock.advance(LATE_MS)
    market.node.frontend.tick()
    stuck = record(market, key)
    assert stuck["open"] and stuck["parts"][0]["status"] == (
        "BURNING" if name == "Y2.moved" else "MOVED"
    )
    with pytest.raises(Refused) as refused:  # nobody can take it back any more
        market.play.cast.operator.client.send(expire(market, key))
    assert refused.value.result_code == "OUT_OF_TURN"
    silent("")
    before = market.play.cast.books[market.bank.id].free(account_at("wang", "bank"), "CNY")
    for _ in range(2):
        market.bank.catch_up()
    assert record(market, key)["outcome"] == "OK"
    after = market.play.cast.books[market.bank.id].free(account_at("wang", "bank"), "CNY")
    paid = 120_000 if name == "Y2.moved" else 0  # else it was credited, and only not told
    assert after - before == paid
    assert reconciled(market)


def expire(market: Sandbox, key: str) -> Message:
    _, owner, number = key.split("/")
    client = market.operator.client
    return Expire(
        tx=client.new_tx(),
        kind="WITHDRAWAL",
        owner=owner,
        number=number,
        network=market.node.network,
        sender=client.id,
        valid_until=client.valid_until(),
        side="",
        asset="",
    )


def test_a_bank_that_refuses_to_burn_gives_the_tokens_back(
    market: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(market.bank.book), "locked_total", lambda self, item: 0)
    key = withdrawal(market)
    assert record(market, key)["outcome"] == "RETURNED"
    monkeypatch.undo()
    assert sum(market.node.cash(market.user("wang").wallet.address).values()) == CASH
    assert reconciled(market)


def test_a_transfer_that_fails_is_tried_again(
    market: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(market.bank.book), "move_out", lambda self, name, item, amount: False)
    key = withdrawal(market)
    monkeypatch.undo()
    assert record(market, key)["parts"][0]["status"] == "BURNING"
    statuses = [
        form
        for block in market.node.channel.past_blocks()
        for delivery in deliveries_of(block)
        if isinstance(form := decode(delivery.text), Y2Status) and form.status == "BURNING"
    ]
    market.bank.move(statuses[-1], attempt=1)
    assert record(market, key)["outcome"] == "OK"
    assert reconciled(market)
