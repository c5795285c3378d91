"""资产登记: registration of an asset's unified code in UAR (guide chapter 8)."""

from __future__ import annotations

from typing import ClassVar

from ufmi.protocol import keys as state
from ufmi.protocol.codes import asset_code, mark_code
from ufmi.protocol.kinds import (
    AssetClass,
    AssetCode,
    Currency,
    Decimals,
    Digest,
    DigestOrNone,
    Flag,
    Institution,
    LongText,
    MarkOrNone,
    Opaque,
    OpaqueOrNone,
    Role,
    Time,
    TxId,
)
from ufmi.protocol.message import Entry, Form, Keys, Message, form, message
from ufmi.protocol.results import Result


@message("P1", Role.BROKER)
class P1(Message, frozen=True):
    """注册资产 (8.5.1): codes for an asset of a registry and for the money of a bank."""

    tx: TxId
    ag: Institution
    registry_asset: Opaque  # the asset's id in the ARS
    bank: Institution
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    registry: Institution
    currency: Currency

    @property
    def asset(self) -> str:
        """The unified asset code (8.3)."""
        return asset_code(self.registry, self.registry_asset)

    @property
    def mark(self) -> str:
        """The code of the bank's money (8.3.1)."""
        return mark_code(self.bank, self.currency)

    def touches(self, entry: Entry) -> Keys:
        return Keys(
            (state.party(self.bank), state.party(self.registry), state.asset(self.asset)),
            (state.mark(self.mark), state.listing(self.ag, self.tx)),
        )

    def receivers(self) -> tuple[str, ...]:
        return (self.registry,)

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        answer = P1Result(
            tx=self.tx, ag=self.ag, code=result.code, asset=self.asset, mark=self.mark
        )
        return [(self.sender, answer)]


@message("P1.registry", Role.REGISTRY)
class P1Registry(Message, frozen=True):
    """8.5.1.5.1: the registry's answer to P1: what the asset is."""

    tx: TxId
    registry_asset: Opaque
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    ag: Institution
    accepted: Flag
    answered: Digest  # SM3 of the text of the P1
    name: Opaque
    asset_class: AssetClass
    decimals: Decimals  # a whole unit is 10^decimals of the smallest
    currency: Currency
    document: DigestOrNone  # SM3 of the salted document about the product

    @property
    def reference(self) -> str:
        return f"{self.ag}/{self.tx}"

    @property
    def asset(self) -> str:
        return asset_code(self.sender, self.registry_asset)

    def touches(self, entry: Entry) -> Keys:
        return Keys((), (state.listing(self.ag, self.tx), state.asset(self.asset)))

    def receivers(self) -> tuple[str, ...]:
        return (self.ag,)

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        outcome = str(result.data.get("outcome", result.code))
        mark = str(result.data.get("mark", ""))
        answer = P1Result(tx=self.tx, ag=self.ag, code=outcome, asset=self.asset, mark=mark)
        to = [self.sender, self.ag] if result.accepted else [self.sender]
        return [(party, answer) for party in to]


@form("P1.result")
class P1Result(Form, frozen=True):
    """8.5.1.5.2 d: the unified asset code, and whether the instruction succeeded."""

    tx: TxId
    asset: AssetCode
    code: Opaque
    # Ours.
    ag: Institution
    mark: MarkOrNone


@message("P2", Role.BROKER)
class P2(Message, frozen=True):
    """更新资产信息 (8.5.2): a broker asks for the latest information about an asset."""

    tx: TxId
    ag: Institution
    registry_asset: Opaque
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    bank: Institution  # hears of it; nothing follows (8.5.2.3)
    registry: Institution

    @property
    def asset(self) -> str:
        return asset_code(self.registry, self.registry_asset)

    def touches(self, entry: Entry) -> Keys:
        return Keys(
            (state.party(self.bank), state.party(self.registry), state.asset(self.asset)),
            (state.amendment(self.ag, self.tx),),
        )

    def receivers(self) -> tuple[str, ...]:
        return (self.bank, self.registry)

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        if result.accepted:
            return []
        return [(self.sender, _p2_result(self.tx, self.ag, self.asset, result.code))]


@message("P2.registry", Role.REGISTRY)
class P2Registry(Message, frozen=True):
    """8.5.2.5.1: the latest information that the registry has, for the broker."""

    tx: TxId
    registry_asset: Opaque
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    ag: Institution
    accepted: Flag
    answered: Digest  # SM3 of the text of the P2
    name: Opaque
    document: DigestOrNone  # SM3 of the salted document about the product

    @property
    def reference(self) -> str:
        return f"{self.ag}/{self.tx}"

    @property
    def asset(self) -> str:
        return asset_code(self.sender, self.registry_asset)

    def touches(self, entry: Entry) -> Keys:
        return Keys((), (state.amendment(self.ag, self.tx),))

    def receivers(self) -> tuple[str, ...]:
        return (self.ag,)

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        sent: list[tuple[str, Form]] = []
        if not result.accepted or not self.accepted:
            code = str(result.data.get("outcome", result.code))
            answer = _p2_result(self.tx, self.ag, self.asset, code)
            to = [self.sender, self.ag] if result.accepted else [self.sender]
            sent = [(party, answer) for party in to]
        return sent


@message("P2.update", Role.BROKER)
class P2Update(Message, frozen=True):
    """8.5.2.5.2: the broker gives UFMI what the registry answered; UAR is updated."""

    tx: TxId
    asset: AssetCode
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    answered: Digest  # SM3 of the text of the P2
    name: Opaque
    document: DigestOrNone

    def touches(self, entry: Entry) -> Keys:
        return Keys((), (state.amendment(self.sender, self.tx), state.asset(self.asset)))

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        return [(self.sender, _p2_result(self.tx, self.sender, self.asset, result.code, self.name))]


@form("P2.result")
class P2Result(Form, frozen=True):
    """8.5.2.5.3 b: the latest information, and whether the instruction succeeded."""

    tx: TxId
    asset: AssetCode
    name: OpaqueOrNone
    code: Opaque
    # Ours.
    ag: Institution


def _p2_result(tx: str, ag: str, asset: str, code: str, name: str = "") -> P2Result:
    return P2Result(tx=tx, asset=asset, name=name if code == "OK" else "", code=code, ag=ag)


@message("P3", Role.BROKER, Role.BANK, Role.REGISTRY, Role.MATCHER, Role.REPORTER, Role.REGULATOR)
class P3(Message, frozen=True):
    """查询资产信息 (8.5.3): an asset in UAR, and a bank's money. Asked, not ordered."""

    QUERY: ClassVar[bool] = True

    tx: TxId
    ag: Institution
    asset: AssetCode
    bank: Institution
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time


@form("P3.result")
class P3Result(Form, frozen=True):
    """8.5.3.6: the information on the asset, as the JSON of its record and the bank's marks."""

    tx: TxId
    asset: AssetCode
    code: Opaque
    # Ours.
    ag: Institution
    information: LongText
