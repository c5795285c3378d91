"""What the steps of a scenario do, one function each."""

from __future__ import annotations

from collections.abc import Callable

from ufmi.amounts import parse_amount
from ufmi.crypto import sm3_hex
from ufmi.errors import ScenarioError
from ufmi.frontend import Executed
from ufmi.protocol import Line, Side
from ufmi.protocol.codes import CURRENCIES
from ufmi.protocol.governance import Expire
from ufmi.protocol.settlement import Leg
from ufmi.scenario.cast import Cast, account_at, milliseconds
from ufmi.scenario.model import LegSpec, Step
from ufmi.sdk import Client, SignedOrder, Wallet, reference
from ufmi.system import ControlledClock


class Play:
    """What steps work with: the cast, and what earlier steps left."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast
        self.orders: dict[str, SignedOrder] = {}
        self.published: dict[str, tuple[str, str]] = {}  # order → publisher, tx of the S1
        self.asked: list[dict[str, str]] = []  # questions and their answers
        self.lines: dict[str, Line] = {}  # of named steps

    def order(self, name: str) -> SignedOrder:
        """An order that an earlier step made. Raises ScenarioError."""
        if name not in self.orders:
            raise ScenarioError(f"no step before this one makes an order {name!r}")
        return self.orders[name]


# Returns what became of the step's own message; raises Refused where it was refused.
Action = Callable[[Play, Step], Executed | None]
ACTIONS: dict[str, Action] = {}


def action(function: Action) -> Action:
    """Registers the function for steps with `do` = its name."""
    ACTIONS[function.__name__] = function
    return function


@action
def admit(play: Play, step: Step) -> Executed | None:
    """party: is admitted by m of n operator keys."""
    cast = play.cast
    client = cast.client(step.party)
    spec = cast.scenario.parties[step.party]
    return cast.operator.admit(
        client.id, spec.role, client.signer.public_key, spec.name or step.party, spec.market
    )


@action
def register_user(play: Play, step: Step) -> Executed | None:
    """user: X1 by his broker, with his wallet's proof."""
    cast, user = play.cast, play.cast.user(step.user)
    broker = cast.broker(user.spec.broker)
    tx = broker.new_tx()
    pseudonym = account_at(step.user, "broker")
    executed = broker.register_user(
        broker_user=pseudonym,
        bank=cast.client(user.spec.bank).id,
        bank_user=account_at(step.user, "bank"),
        registry=cast.client(user.spec.registry).id,
        registry_user=account_at(step.user, "registry"),
        person=sm3_hex(f"identity document of {step.user}".encode()),
        document=sm3_hex(f"salted document about {step.user}".encode()),
        proofs=[user.wallet.bind(broker=broker.id, tx=tx, user=pseudonym)],
        tx=tx,
    )
    user.unified = str(executed.result.data["unified"])
    return executed


@action
def register_asset(play: Play, step: Step) -> Executed | None:
    """asset, party (a bank): P1; the bank's money gets its code with it."""
    cast = play.cast
    spec, _ = cast.asset(step.asset)
    return cast.broker(spec.broker).register_asset(
        registry=cast.client(spec.registry).id,
        registry_asset=spec.id,
        bank=cast.client(step.party).id,
        currency=spec.currency,
    )


@action
def deposit(play: Play, step: Step) -> Executed | None:
    """user, amount, currency: Y1 by the user's broker."""
    cast, user = play.cast, play.cast.user(step.user)
    return cast.broker(user.spec.broker).deposit(
        unified=user.unified,
        address=cast.wallet(step.user, step.wallet).address,
        amount=cast.money(step.amount, step.currency),
        currency=step.currency,
    )


@action
def onchain(play: Play, step: Step) -> Executed | None:
    """user, asset, quantity: Z1 by the user's wallet."""
    cast, user = play.cast, play.cast.user(step.user)
    spec, _ = cast.asset(step.asset)
    return cast.wallet(step.user, step.wallet).bring_onchain(
        unified=user.unified,
        broker=cast.client(user.spec.broker).id,
        broker_user=account_at(step.user, "broker"),
        registry=cast.client(spec.registry).id,
        registry_asset=spec.id,
        quantity=parse_amount(step.quantity, spec.decimals),
    )


@action
def order(play: Play, step: Step) -> Executed | None:
    """name, user, wallet, side, asset, quantity, price, matcher, lasts: ORDER and its S1.

    `broadcast` lets other matchers have it, `matchers` only these.

    `signed_by` makes it a forgery: the order of `user`, signed with somebody else's key.
    """
    cast = play.cast
    if step.side not in ("buy", "sell"):
        raise ScenarioError("side is buy or sell")
    spec, code = cast.asset(step.asset)
    signed = cast.wallet(step.user, step.wallet).order(
        side=Side.BUY if step.side == "buy" else Side.SELL,
        asset=code,
        asset_class=spec.asset_class,
        price=cast.money(step.price, spec.currency),
        quantity=parse_amount(step.quantity, spec.decimals),
        currency=spec.currency,
        valid_until=cast.node.clock.now_ms() + milliseconds(step.lasts),
        matchers=[cast.client(name).id for name in step.matchers],
        broadcast=step.broadcast,
    )
    if step.signed_by:
        forger = cast.signer_of(step.signed_by)
        signature = forger.sign(signed.order.text().encode()).hex()
        signed = SignedOrder(signed.order, signature)
    matcher = cast.matcher(step.matcher)
    tx = matcher.new_tx()
    if step.name:
        play.orders[step.name] = signed
        play.published[step.name] = (matcher.id, tx)
    return matcher.publish(signed, tx)


@action
def trade(play: Play, step: Step) -> Executed | None:
    """buy, sell, quantity, price (or legs of these), matcher: T1 over named orders."""
    legs = step.legs or [LegSpec(step.buy, step.sell, step.quantity, step.price)]
    names = list(dict.fromkeys(name for leg in legs for name in (leg.buy, leg.sell)))
    orders = [play.order(name) for name in names]
    asset = play.cast.node.asset(orders[0].order.asset)
    decimals = asset.decimals if asset else 0
    money = CURRENCIES[orders[0].order.currency]
    return play.cast.matcher(step.matcher).settle_legs(
        [reference(signed) for signed in orders],
        [
            Leg(
                names.index(leg.buy),
                names.index(leg.sell),
                parse_amount(leg.quantity, decimals),
                parse_amount(leg.price, money),
            )
            for leg in legs
        ],
    )


@action
def wait(play: Play, step: Step) -> Executed | None:
    """time: goes by, such as 90s or 2h. What expires meanwhile is ended by the front-end."""
    clock = play.cast.node.clock
    if not isinstance(clock, ControlledClock):
        raise ScenarioError("`wait` needs a ledger that was founded on a controlled clock")
    clock.advance(milliseconds(step.time))
    play.cast.node.frontend.tick()
    return None


@action
def expire(play: Play, step: Step) -> Executed | None:
    """order, party: EXPIRE of an order by anybody."""
    client = play.cast.client(step.party)
    found = play.order(step.order).order
    return client.send(
        Expire(
            tx=client.new_tx(),
            kind="ORDER",
            owner=found.address,
            number=found.number,
            network=play.cast.node.network,
            sender=client.id,
            valid_until=client.valid_until(),
            side=str(found.side),
            asset=found.asset,
        )
    )


@action
def revoke(play: Play, step: Step) -> Executed | None:
    """party or user: the operators revoke the key."""
    cast = play.cast
    signer = cast.signer_of(step.party or step.user)
    subject = cast.client(step.party).id if step.party else signer.address
    return cast.operator.revoke(subject, signer.public_key)


@action
def send(play: Play, step: Step) -> Executed | None:
    """party or user, text: any text, signed by its sender, or with the key of `signed_by`."""
    cast = play.cast
    client: Client | Wallet = cast.user(step.user).wallet if step.user else cast.client(step.party)
    signer = cast.signer_of(step.signed_by) if step.signed_by else client.signer
    return client.send_line(Line(step.text, signer.sign(step.text.encode()).hex()))


@action
def again(play: Play, step: Step) -> Executed | None:
    """step, replace, by, signed_by: sends the message of an earlier step once more.

    As it was; or with something in its text replaced, the signature as it was or made anew by
    `signed_by`.
    """
    if step.step not in play.lines:
        raise ScenarioError(f"no step before this one is named {step.step!r}")
    line = play.lines[step.step]
    if step.replace:
        if step.replace not in line.text:
            raise ScenarioError(f"the text of {step.step!r} does not hold {step.replace!r}")
        line = Line(line.text.replace(step.replace, step.by, 1), line.signature)
    if step.signed_by:
        signer = play.cast.signer_of(step.signed_by)
        line = Line(line.text, signer.sign(line.text.encode()).hex())
    return play.cast.operator.client.send_line(line)
