"""The registry (资产登记系统 ARS): accounts, assets, what is on the ledger and whose it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ufmi.crypto import Signer, sm3_hex
from ufmi.documents import Document
from ufmi.frontend import Delivery, Executed
from ufmi.node import Node
from ufmi.protocol import Form, Message
from ufmi.protocol import keys as state
from ufmi.protocol.assets import P1, P2, P1Registry, P2Registry
from ufmi.protocol.governance import Ended
from ufmi.protocol.holdings import Z1, Z2, Z3, Z1Locked, Z1Result
from ufmi.protocol.records import Listing
from ufmi.protocol.users import X1, X2, X1Registry, X2Registry
from ufmi.sdk.institution import AssetBook, Institution
from ufmi.sdk.papers import attached, offered


class Description(NamedTuple):
    """What a registry says of one of its assets."""

    name: str
    asset_class: str
    decimals: int
    currency: str
    document: Document | None = None  # the salted document about the product, sent along


class Registry(Institution):
    """A registry's connection to UFMI, over its own book.

    Args:
        assets: its assets by its own ids.
        agrees: whether it agrees to an update (X2); where no address changes if not given.
    """

    book: AssetBook

    def __init__(
        self,
        node: Node,
        id: str,
        signer: Signer,
        book: AssetBook,
        assets: dict[str, Description] | None = None,
        agrees: Callable[[X2], bool] = lambda x2: not x2.addresses,
    ) -> None:
        self.assets = dict(assets or {})
        self.agrees = agrees
        super().__init__(node, id, signer, book)

    def follow(self, asset: str, subscribe: bool = True, tx: str = "") -> Executed:
        """Z2 (10.4.2): follows an asset of its own, by its unified code, or no longer.

        Subscribe before anything comes onto the ledger, and the book knows every owner. Raises
        Refused.
        """
        return self.send(
            Z2(
                tx=tx or self.new_tx(),
                manager=self.id,
                asset=asset,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                subscribe=subscribe,
            )
        )

    def on_forward(self, message: Message, delivery: Delivery) -> None:
        if isinstance(message, X1):
            self._confirm_account(message, delivery.unified)
        elif isinstance(message, X2):
            self._update(message)
        elif isinstance(message, P1):
            self._describe(message)
        elif isinstance(message, P2):
            self._describe_again(message)
        elif isinstance(message, Z1):
            self._lock(message)

    def _confirm_account(self, x1: X1, unified: str) -> None:
        accepted = self.book.knows(x1.registry_user)
        digest, documents = offered(self.book if accepted else None, x1.registry_user, unified)
        self.reply(
            (x1.ag, f"x1.{x1.tx}"),
            X1Registry(
                tx=x1.tx,
                registry_user=x1.registry_user,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                ag=x1.ag,
                unified=unified,
                accepted=accepted,
                answered=sm3_hex(x1.text().encode()),
                document=digest,
            ),
            documents,
        )

    def _describe(self, p1: P1) -> None:
        if self.node.record(state.listing(p1.ag, p1.tx), Listing) is None:
            return  # a P1 for another bank's money alone: nothing is asked
        known = self.assets.get(p1.registry_asset)
        shown = known or Description("unknown", "UNKNOWN", 0, p1.currency)
        digest, documents = attached(shown.document)
        self.reply(
            (p1.ag, f"p1.{p1.tx}"),
            P1Registry(
                tx=p1.tx,
                registry_asset=p1.registry_asset,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                ag=p1.ag,
                accepted=known is not None,
                answered=sm3_hex(p1.text().encode()),
                name=shown.name,
                asset_class=shown.asset_class,
                decimals=shown.decimals,
                currency=shown.currency,
                document=digest,
            ),
            documents,
        )

    def _describe_again(self, p2: P2) -> None:
        known = self.assets.get(p2.registry_asset)
        digest, documents = attached(known.document if known else None)
        self.reply(
            (p2.ag, f"p2.{p2.tx}"),
            P2Registry(
                tx=p2.tx,
                registry_asset=p2.registry_asset,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                ag=p2.ag,
                accepted=known is not None,
                answered=sm3_hex(p2.text().encode()),
                name=known.name if known else "unknown",
                document=digest,
            ),
            documents,
        )

    def _update(self, x2: X2) -> None:
        account = self.node.account(x2.unified, x2.ag)
        here = account.registry_user if account else "?"
        digest, documents = offered(self.book if account else None, here, x2.unified)
        self.reply(
            (x2.ag, f"x2.{x2.tx}"),
            X2Registry(
                tx=x2.tx,
                registry_user=here,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                ag=x2.ag,
                unified=x2.unified,
                accepted=self.agrees(x2),
                answered=sm3_hex(x2.text().encode()),
                addresses=x2.addresses,
                document=digest,
            ),
            documents,
        )

    def _lock(self, z1: Z1) -> None:
        name = (z1.address, z1.tx)
        account = self.node.account(z1.unified, z1.ag)
        owner = account.registry_user if account else ""
        locked = self.book.lock(name, owner, z1.registry_asset, z1.quantity)
        self.reply(
            name,
            Z1Locked(
                tx=z1.tx,
                locked=locked,
                network=self.node.network,
                sender=self.id,
                valid_until=self.valid_until(),
                ag=z1.ag,
                address=z1.address,
                asset=z1.asset,
                quantity=z1.quantity,
                answered=sm3_hex(z1.text().encode()),
            ),
        )

    def on_result(self, form: Form) -> None:
        if isinstance(form, Z1Result):
            name = (form.address, form.tx)
            if form.code == "OK":
                self.book.confirm(name)
                self.book.transfer(name, form.asset, form.quantity, "", form.address)
            else:
                self.book.release(name)
        elif isinstance(form, Z3):
            name = (form.matcher, f"{form.tx}.{form.leg}")
            self.book.transfer(name, form.asset, form.quantity, form.source, form.target)
        elif isinstance(form, Ended) and form.kind == "ONCHAIN":
            self.book.release((form.owner, form.number))

    def locked(self, registry_asset: str) -> int:
        """What this registry keeps locked of an asset, by its own book."""
        return self.book.locked_total(registry_asset)
