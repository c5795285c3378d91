"""资产映射: an asset locked in its registry becomes tokens, one for one (guide chapter 10)."""

from __future__ import annotations

from ufmi.protocol import keys as state
from ufmi.protocol.codes import asset_code
from ufmi.protocol.kinds import (
    Address,
    Amount,
    AmountOrZero,
    AssetCode,
    Digest,
    Flag,
    Institution,
    Opaque,
    Role,
    Small,
    Time,
    TxId,
    User,
)
from ufmi.protocol.message import Entry, Form, Keys, Message, form, message
from ufmi.protocol.results import Result


@message("Z1", Role.WALLET)
class Z1(Message, frozen=True):
    """资产上链 (10.4.1): a user brings an asset onto the ledger, signed by the address itself."""

    tx: TxId
    ag: Institution
    broker_user: Opaque
    unified: User
    address: Address
    registry_asset: Opaque
    quantity: Amount  # in the asset's smallest unit
    # Ours.
    network: Digest
    sender: Address  # the receiving address
    valid_until: Time
    registry: Institution

    @property
    def asset(self) -> str:
        return asset_code(self.registry, self.registry_asset)

    def touches(self, entry: Entry) -> Keys:
        return Keys(
            (state.user(self.unified), state.party(self.registry), state.asset(self.asset)),
            (state.onchain(self.address, self.tx),),
        )

    def receivers(self) -> tuple[str, ...]:
        return (self.registry,)

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        if result.accepted:
            return []
        answer = Z1Result(
            tx=self.tx,
            address=self.address,
            code=result.code,
            asset=self.asset,
            quantity=0,
        )
        return [(self.sender, answer)]


@message("Z1.locked", Role.REGISTRY)
class Z1Locked(Message, frozen=True):
    """10.4.1.5.1 d: whether the registry locked the asset. Then the tokens come into being."""

    tx: TxId
    locked: Flag
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    ag: Institution
    address: Address
    asset: AssetCode
    quantity: Amount
    answered: Digest  # SM3 of the text of the Z1

    @property
    def reference(self) -> str:
        return f"{self.address}/{self.tx}"

    def touches(self, entry: Entry) -> Keys:
        return Keys(
            (state.address(self.address), state.asset(self.asset)),
            (state.onchain(self.address, self.tx), state.holding(self.address, self.asset)),
        )

    def receivers(self) -> tuple[str, ...]:
        return (self.ag,)

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        outcome = str(result.data.get("outcome", result.code))
        answer = Z1Result(
            tx=self.tx,
            address=self.address,
            code=outcome,
            asset=self.asset,
            quantity=self.quantity if outcome == "OK" else 0,
        )
        # The lock itself was in order where the address or asset was not.
        known = result.accepted or result.code in _REFUSED_LOCKS
        to = [self.ag, self.sender, self.address] if known else [self.sender]
        return [(party, answer) for party in to]


_REFUSED_LOCKS = frozenset(
    ("ADDRESS_REVOKED", "ADDRESS_FROZEN", "ADDRESS_MISMATCH", "ASSET_INACTIVE", "TOO_LARGE")
)


@form("Z1.result")
class Z1Result(Form, frozen=True):
    """10.4.1.5.2 b, c: success or not, code, quantity, receiving address."""

    tx: TxId
    code: Opaque
    asset: AssetCode
    quantity: AmountOrZero
    address: Address


@message("Z2", Role.REGISTRY)
class Z2(Message, frozen=True):
    """资产行踪订阅 (10.4.2): a registry follows an asset of its own, or no longer."""

    tx: TxId
    manager: Institution  # 资产登记系统的管理人: the registry itself
    asset: AssetCode
    # Ours.
    network: Digest
    sender: Institution
    valid_until: Time
    subscribe: Flag  # N ends the subscription

    def touches(self, entry: Entry) -> Keys:
        return Keys((), (state.asset(self.asset),))

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        return [(self.sender, Z2Result(tx=self.tx, allowed=result.accepted, code=result.code))]


@form("Z2.result")
class Z2Result(Form, frozen=True):
    """10.4.2.5: allowed or refused."""

    tx: TxId
    allowed: Flag
    # Ours.
    code: Opaque


@form("Z3")
class Z3(Form, frozen=True):
    """资产行踪广播 (10.4.3): one transfer, for the registry that follows the asset."""

    tx: TxId  # of the T1
    asset: AssetCode
    quantity: Amount
    source: Address  # 转出公钥地址
    target: Address  # 转入公钥地址
    # Ours.
    network: Digest
    matcher: Institution
    leg: Small  # by its place in the T1, from 0
