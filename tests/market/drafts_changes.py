"""Drafts of what changes and ends: updates, withdrawals, cancellations, keys, standing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from ufmi.crypto import sm3_hex
from ufmi.protocol.assets import P2, P3, P2Registry, P2Update
from ufmi.protocol.codes import CURRENCIES, mark_bank, mark_code
from ufmi.protocol.governance import Activate, Possess, Possession, Rotate, Status
from ufmi.protocol.holdings import Z2
from ufmi.protocol.orders import S2, S3, Cancel, S2Removed, S4Adopted
from ufmi.protocol.users import X2, X3, Consent, Consented, X2Bank, X2Registry, X2Update
from ufmi.protocol.withdrawals import Y2, Receive, Withdraw, Y2Burn, Y2Credited, Y2Moved

from .drafts import (
    BANK_A,
    BROKER_A,
    DAY_MS,
    MATCHER_A,
    MATCHER_B,
    OPERATORS,
    REGISTRY,
    Drafts,
    SignedOrder,
    address,
    digest,
    public_key,
    signer,
)


class Changes(Drafts):
    """See `Drafts`."""

    # -- users and assets ---------------------------------------------------------------------

    def consent(self, x2: X2, wallet: str, **changes: Any) -> Consented:
        """A wallet's consent to an X2, which does not have it yet."""
        by = changes.pop("by", wallet)
        said = Consent(
            network=self.network,
            valid_until=self.now + DAY_MS,
            ag=x2.ag,
            tx=x2.tx,
            unified=x2.unified,
            remove=x2.remove,
            add=tuple([proof.bind.key for proof in x2.add]),
            key=public_key(wallet),
        )
        said = replace(said, **changes)
        return Consented(said, signer(by).sign(said.text().encode()).hex())

    def x2(
        self,
        who: str,
        unified: str,
        remove: Sequence[str] = (),
        add: Sequence[str] = (),
        *,
        by: str = "",
        broker: str = BROKER_A,
        bank: str = BANK_A,
        **changes: Any,
    ) -> X2:
        """Wallets to remove and to add; `by` is the wallet that consents."""
        head = self._head(broker, changes.pop("tx", ""))
        user = f"{who} at {broker}"
        draft = X2(
            ag=broker,
            unified=unified,
            remove=tuple([address(wallet) for wallet in remove]),
            add=tuple([self.proof(wallet, broker, head["tx"], user) for wallet in add]),
            bank=bank,
            registry=REGISTRY,
            consent=(),
            **head,
        )
        draft = replace(draft, **changes)
        return replace(draft, consent=(self.consent(draft, by),)) if by else draft

    def x2_bank(self, x2: X2, who: str, accepted: bool = True, **changes: Any) -> X2Bank:
        draft = X2Bank(
            bank_user=f"{who} at {x2.bank}",
            ag=x2.ag,
            unified=x2.unified,
            accepted=accepted,
            answered=digest(x2),
            addresses=x2.addresses,
            document=sm3_hex(f"{who} at {x2.bank} now".encode()),
            **self._head(x2.bank, x2.tx),
        )
        return replace(draft, **changes)

    def x2_registry(self, x2: X2, who: str, accepted: bool = True, **changes: Any) -> X2Registry:
        draft = X2Registry(
            registry_user=f"{who} at {x2.registry}",
            ag=x2.ag,
            unified=x2.unified,
            accepted=accepted,
            answered=digest(x2),
            addresses=x2.addresses,
            document=sm3_hex(f"{who} at {x2.registry} now".encode()),
            **self._head(x2.registry, x2.tx),
        )
        return replace(draft, **changes)

    def x2_update(self, x2: X2, who: str, **changes: Any) -> X2Update:
        draft = X2Update(
            unified=x2.unified,
            document=sm3_hex(f"{who} at {x2.ag} now".encode()),
            bank_document=sm3_hex(f"{who} at {x2.bank} now".encode()),
            registry_document=sm3_hex(f"{who} at {x2.registry} now".encode()),
            answered=digest(x2),
            **self._head(x2.ag, x2.tx),
        )
        return replace(draft, **changes)

    def x3(self, sender: str = BROKER_A, unified: str = "", **changes: Any) -> X3:
        draft = X3(ag=BROKER_A, unified=unified, broker_user="", **self._head(sender))
        return replace(draft, **changes)

    def p2(self, registry_asset: str, **changes: Any) -> P2:
        draft = P2(
            ag=BROKER_A,
            registry_asset=registry_asset,
            bank=BANK_A,
            registry=REGISTRY,
            **self._head(changes.get("ag", BROKER_A), changes.pop("tx", "")),
        )
        return replace(draft, **changes)

    def p2_registry(self, p2: P2, accepted: bool = True, **changes: Any) -> P2Registry:
        draft = P2Registry(
            registry_asset=p2.registry_asset,
            ag=p2.ag,
            accepted=accepted,
            answered=digest(p2),
            name=f"Company {p2.registry_asset}, renamed",
            document=sm3_hex(b"new prospectus"),
            **self._head(p2.registry, p2.tx),
        )
        return replace(draft, **changes)

    def p2_update(self, p2: P2, answer: P2Registry, **changes: Any) -> P2Update:
        draft = P2Update(
            asset=p2.asset,
            answered=digest(p2),
            name=answer.name,
            document=answer.document,
            **self._head(p2.ag, p2.tx),
        )
        return replace(draft, **changes)

    def p3(self, asset: str, sender: str = BROKER_A, bank: str = BANK_A, **changes: Any) -> P3:
        draft = P3(ag=sender, asset=asset, bank=bank, **self._head(sender))
        return replace(draft, **changes)

    def z2(self, asset: str, subscribe: bool = True, **changes: Any) -> Z2:
        sender = changes.get("manager", REGISTRY)
        draft = Z2(manager=sender, asset=asset, subscribe=subscribe, **self._head(sender))
        return replace(draft, **changes)

    # -- withdrawals --------------------------------------------------------------------------

    def receive(self, bank: str, wallet: str = "", **changes: Any) -> Receive:
        """A bank names an address; `by` and the rest change its proof."""
        head = self._head(bank, changes.pop("tx", ""))
        wallet = wallet or f"vault of {bank}"
        given = {"ag": bank, "tx": head["tx"], "user": bank} | changes
        return Receive(proof=(self.proof(wallet, **given),), **head)

    def withdraw(
        self,
        who: str,
        unified: str,
        wallet: str,
        amount: int,
        marks: Sequence[str],
        *,
        broker: str = BROKER_A,
        bank: str = BANK_A,
        signed: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Y2:
        """A Y2; `signed` changes what the wallet signs, the rest the Y2."""
        head = self._head(broker, changes.pop("tx", ""))
        signed = dict(signed or {})
        by = signed.pop("by", wallet)
        order = Withdraw(
            number=head["tx"],
            network=self.network,
            valid_until=self.now + DAY_MS,
            address=address(wallet),
            key=public_key(wallet),
            ag=broker,
            bank=bank,
            payee=sm3_hex(f"account of {who}".encode()),
            currency="CNY",
            amount=amount,
        )
        order = replace(order, **signed)
        draft = Y2(
            ag=broker,
            bank=bank,
            unified=unified,
            broker_user=f"{who} at {broker}",
            bank_user=f"{who} at {bank}",
            currency="CNY",
            amount=amount,
            unit=CURRENCIES["CNY"],
            address=address(wallet),
            marks=tuple(marks),
            order=order,
            signature=signer(by).sign(order.text().encode()).hex(),
            **head,
        )
        return replace(draft, **changes)

    def _part(self, y2: Y2, bank: str, amount: int, sender: str) -> dict[str, Any]:
        return {
            "ag": y2.ag,
            "address": y2.address,
            "mark": mark_code(bank, y2.currency),
            "amount": amount,
            "answered": digest(y2),
            **self._head(sender, y2.tx),
        }

    def burn(self, y2: Y2, bank: str, amount: int, burn: bool = True, **changes: Any) -> Y2Burn:
        return replace(Y2Burn(burn=burn, **self._part(y2, bank, amount, bank)), **changes)

    def moved(
        self, y2: Y2, bank: str, amount: int, moved: bool = True, attempt: int = 0, **changes: Any
    ) -> Y2Moved:
        part = self._part(y2, bank, amount, bank)
        return replace(Y2Moved(moved=moved, attempt=attempt, **part), **changes)

    def credited(
        self,
        y2: Y2,
        bank: str,
        amount: int,
        received: bool = True,
        attempt: int = 0,
        **changes: Any,
    ) -> Y2Credited:
        part = self._part(y2, bank, amount, y2.bank)
        paying = mark_bank(part["mark"])
        draft = Y2Credited(paying=paying, received=received, attempt=attempt, **part)
        return replace(draft, **changes)

    # -- orders -------------------------------------------------------------------------------

    def s2(self, signed: SignedOrder, matcher: str = MATCHER_A, **changes: Any) -> S2:
        order = signed.order
        draft = S2(
            number=order.number,
            asset_class=order.asset_class,
            asset=order.asset,
            side=order.side,
            address=order.address,
            **self._head(matcher, changes.pop("tx", "")),
        )
        return replace(draft, **changes)

    def cancel(self, signed: SignedOrder, **changes: Any) -> Cancel:
        order = signed.order
        draft = Cancel(
            number=order.number,
            asset_class=order.asset_class,
            asset=order.asset,
            side=order.side,
            **self._head(order.address, changes.pop("tx", "")),
        )
        return replace(draft, **changes)

    def removed(self, signed: SignedOrder, by: str, matcher: str, tx: str = "") -> S2Removed:
        order = signed.order
        head = self._head(matcher, tx)
        return S2Removed(by=by, address=order.address, number=order.number, **head)

    def s3(self, matcher: str = MATCHER_B, subscribe: bool = True, **changes: Any) -> S3:
        kind: dict[str, Any] = {"asset_class": "", "asset": "", "side": ""}
        head = self._head(matcher, changes.pop("tx", ""))
        draft = S3(manager=matcher, subscribe=subscribe, **kind, **head)
        return replace(draft, **changes)

    def adopt(
        self,
        signed: SignedOrder,
        matcher: str = MATCHER_B,
        adopted: bool = True,
        publisher: str = MATCHER_A,
        **changes: Any,
    ) -> S4Adopted:
        order = signed.order
        draft = S4Adopted(
            adopted=adopted,
            publisher=publisher,
            address=order.address,
            number=order.number,
            **self._head(matcher, changes.pop("tx", "")),
        )
        return replace(draft, **changes)

    # -- keys and standing --------------------------------------------------------------------

    def rotate(self, subject: str, old: str, new: str, sender: str = "", **changes: Any) -> Rotate:
        """`old` and `new` name keys; `by` and `possess` change the proof."""
        head = self._head(sender or subject, changes.pop("tx", ""))
        said = Possess(
            network=self.network,
            valid_until=self.now + DAY_MS,
            tx=head["tx"],
            subject=subject,
            key=public_key(new),
        )
        by = changes.pop("by", new)
        said = replace(said, **changes.pop("possess", {}))
        proof = Possession(said, signer(by).sign(said.text().encode()).hex())
        draft = Rotate(subject=subject, key=public_key(old), proof=(proof,), certificate="", **head)
        return replace(draft, **changes)

    def status(
        self, kind: str, subject: str, status: str, sender: str = "", **changes: Any
    ) -> Status:
        head = self._head(sender or address(OPERATORS[0]), changes.pop("tx", ""))
        draft = Status(kind=kind, subject=subject, status=status, **head)
        return replace(draft, **changes)

    def activate(self, rules: int, operator: int = 0, **changes: Any) -> Activate:
        head = self._head(address(OPERATORS[operator]), changes.pop("tx", ""))
        return replace(Activate(rules=rules, **head), **changes)
