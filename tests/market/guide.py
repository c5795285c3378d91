"""What the tests of the guide's flows have in common."""

from __future__ import annotations

from ufmi.protocol import Form, Side, decode
from ufmi.sdk import SignedOrder

from .market import WHOLE
from .node_market import NodeMarket


def names(market: NodeMarket, party: str) -> list[str]:
    """The names of what UFMI sent to a party since `forget`, oldest first."""
    return [text.partition("(")[0] for text in market.told(party)]


def forms(market: NodeMarket, party: str, name: str) -> list[Form]:
    return [decode(text) for text in market.told(party) if text.startswith(f"{name}(")]


def forget(market: NodeMarket) -> None:
    market.sent.clear()


def assert_reconciled(market: NodeMarket) -> None:
    found = market.reconcile()
    assert found.ok, [check for check in found.checks if not check.ok]


def publish(
    market: NodeMarket, name: str, side: Side, price: int, quantity: int, broadcast: bool = False
) -> SignedOrder:
    """The first matcher publishes an order of a user, if it is legal."""
    signed = market.wallet(name).order(
        side=side,
        asset=WHOLE,
        asset_class="STOCK",
        price=price,
        quantity=quantity,
        currency="CNY",
        broadcast=broadcast,
    )
    market.matcher.publish(signed, tx=f"s1-{name}")
    return signed
