"""Steps that change what is there: withdrawals, updates, subscriptions, cancellations, standing."""

from __future__ import annotations

from typing import Any

from ufmi.crypto import sm3_hex
from ufmi.errors import Refused, ScenarioError
from ufmi.frontend import Executed
from ufmi.protocol.orders import S4, S2Cancelled
from ufmi.scenario.cast import account_at
from ufmi.scenario.model import Step
from ufmi.scenario.steps import Play, action
from ufmi.sdk import Client, Matcher, Registry, reference


@action
def receiving(play: Play, step: Step) -> Executed | None:
    """party (a bank): RECEIVE, its address for tokens that are to be paid out."""
    bank = play.cast.bank(step.party)
    return bank.name_receiving_address(play.cast.signer(f"receiving-{step.party}"))


@action
def withdraw(play: Play, step: Step) -> Executed | None:
    """user, wallet, amount, currency: WITHDRAW and Y2; the banks do the rest."""
    cast, user = play.cast, play.cast.user(step.user)
    broker = cast.broker(user.spec.broker)
    tx = broker.new_tx()
    signed = cast.wallet(step.user, step.wallet).withdraw(
        broker=broker.id,
        bank=cast.client(user.spec.bank).id,
        payee=sm3_hex(f"{tx} {account_at(step.user, 'bank')}".encode()),
        currency=step.currency,
        amount=cast.money(step.amount, step.currency),
        number=tx,
    )
    return broker.withdraw(signed, user.unified)


@action
def update_user(play: Play, step: Step) -> Executed | None:
    """user, add, remove (wallets), agreed_by: X2, its answers, and X2.update."""
    cast, user = play.cast, play.cast.user(step.user)
    broker = cast.broker(user.spec.broker)
    bank, registry = cast.bank(user.spec.bank), cast.registry(user.spec.registry)
    tx = broker.new_tx()
    pseudonym = account_at(step.user, "broker")
    add = []
    if step.add:
        wallet = cast.wallet(step.user, step.add)
        add.append(wallet.bind(broker=broker.id, tx=tx, user=pseudonym))
    remove = [cast.wallet(step.user, step.remove).address] if step.remove else []
    consent = None
    if step.agreed_by == "owner":
        consent = user.wallet.consent(
            unified=user.unified, broker=broker.id, tx=tx, remove=remove, add=add
        )
    elif step.agreed_by not in ("bank", "registry", "nobody"):
        raise ScenarioError("agreed_by is owner, bank, registry or nobody")
    bank.agrees = lambda x2: step.agreed_by == "bank"
    registry.agrees = lambda x2: step.agreed_by == "registry"
    broker.update_user(unified=user.unified, remove=remove, add=add, consent=consent, tx=tx)
    return broker.complete_update(tx)


@action
def update_asset(play: Play, step: Step) -> Executed | None:
    """asset, party (a bank), text: the registry's new name of the asset; P2 and P2.update."""
    cast = play.cast
    spec, _ = cast.asset(step.asset)
    registry, broker = cast.registry(spec.registry), cast.broker(spec.broker)
    if step.text:
        registry.assets[spec.id] = registry.assets[spec.id]._replace(name=step.text)
    tx = broker.new_tx()
    broker.update_asset(
        registry=registry.id, registry_asset=spec.id, bank=cast.bank(step.party).id, tx=tx
    )
    return broker.complete_asset_update(tx)


def _asked(play: Play, question: str, asker: Client, answer: Any) -> None:
    play.asked.append({"question": question, "by": asker.id, "answer": str(answer)})


@action
def find_user(play: Play, step: Step) -> Executed | None:
    """user, party (a broker; his own if empty): X3."""
    cast, user = play.cast, play.cast.user(step.user)
    broker = cast.broker(step.party or user.spec.broker)
    try:
        _asked(play, "X3", broker, broker.find_user(unified=user.unified))
    except Refused as refusal:
        _asked(play, "X3", broker, refusal.result_code)
        raise
    return None


@action
def find_asset(play: Play, step: Step) -> Executed | None:
    """asset, party (a bank): P3."""
    cast = play.cast
    spec, code = cast.asset(step.asset)
    broker = cast.broker(spec.broker)
    _asked(play, "P3", broker, broker.find_asset(code, cast.bank(step.party).id))
    return None


@action
def subscribe(play: Play, step: Step) -> Executed | None:
    """matcher (or party), asset, asset_class, side: S3; a registry in `party`: Z2 of `asset`."""
    cast = play.cast
    client = cast.client(step.party or step.matcher)
    if isinstance(client, Registry):
        return client.follow(cast.asset(step.asset)[1], not step.refuse)
    if not isinstance(client, Matcher):
        raise ScenarioError("a matcher or a registry subscribes")
    return client.subscribe(
        asset_class=step.asset_class,
        asset=cast.asset(step.asset)[1] if step.asset else "",
        side=step.side.upper(),
        subscribe=not step.refuse,
    )


@action
def adopt(play: Play, step: Step) -> Executed | None:
    """order, matcher, refuse: S4.adopted of an order that was broadcast."""
    order = play.order(step.order).order
    publisher, tx = play.published[step.order]
    broadcast = S4(
        tx=tx,
        number=order.number,
        asset_class=order.asset_class,
        asset=order.asset,
        side=order.side,
        network=order.network,
        publisher=publisher,
        address=order.address,
        price=order.price,
        quantity=order.quantity,
        currency=order.currency,
        valid_until=order.valid_until,
    )
    return play.cast.matcher(step.matcher).adopt(broadcast, not step.refuse)


@action
def cancel(play: Play, step: Step) -> Executed | None:
    """order, by matcher or its owner (user, wallet): S2, CANCEL; party: S2.removed by it."""
    cast, signed = play.cast, play.order(step.order)
    order = signed.order
    if step.user:
        wallet = cast.wallet(step.user, step.wallet)
        tx, by = wallet.new_tx(), wallet.address
        executed = wallet.cancel(order, tx)
    else:
        matcher = cast.matcher(step.matcher)
        tx, by = matcher.new_tx(), matcher.id
        executed = matcher.cancel(reference(signed), tx)
    if step.party:
        cancelled = S2Cancelled(
            tx=tx,
            number=order.number,
            asset_class=order.asset_class,
            asset=order.asset,
            side=order.side,
            network=order.network,
            by=by,
            address=order.address,
        )
        return cast.matcher(step.party).removed(cancelled)
    return executed


@action
def rotate(play: Play, step: Step) -> Executed | None:
    """party: signs with a new key from now on."""
    return play.cast.client(step.party).rotate_key(play.cast.signer(f"{step.party}-next"))


@action
def status(play: Play, step: Step) -> Executed | None:
    """kind (party, address, asset, network) with party, user or asset; status: by the operators."""
    cast = play.cast
    subject = {
        "party": lambda: cast.client(step.party).id,
        "address": lambda: cast.wallet(step.user, step.wallet).address,
        "asset": lambda: cast.asset(step.asset)[1],
        "network": lambda: cast.node.network,
    }.get(step.kind)
    if subject is None:
        raise ScenarioError("kind is party, address, asset or network")
    return cast.operator.set_status(step.kind.upper(), subject(), step.status.upper())


@action
def activate(play: Play, step: Step) -> Executed | None:
    """rules: puts new rules in force, by the operators."""
    return play.cast.operator.activate(step.rules)
