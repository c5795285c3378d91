"""What all parts of the model share: what there is, and how value comes onto the ledger.

Money is counted by (address, bank, currency), so marks play no part but their order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from ufmi.protocol import AMOUNT_MAX, Code
from ufmi.protocol.codes import CURRENCIES, mark_bank, mark_currency

from .model_trade import Marks


class Plan(NamedTuple):
    """The rules that a message breaks; else what it does, how it ends and what it brings."""

    broken: set[Code]
    effect: Callable[[], None]
    code: Code = Code.OK
    data: dict[str, Any] | None = None  # None: not looked at


def nothing() -> None:
    """The effect of what is refused."""


class Value:
    """Tokens and what may move them."""

    network: str
    now: int

    def __init__(self) -> None:
        self.services: dict[str, dict[str, Any]] = {}
        self.halted = False
        self.parties: dict[str, dict[str, Any]] = {}
        self.users: dict[str, dict[str, Any]] = {}
        self.addresses: dict[str, dict[str, Any]] = {}
        self.assets: dict[str, dict[str, Any]] = {}
        self.marks: set[tuple[str, str]] = set()
        self.pending: dict[tuple[str, str, str], dict[str, Any]] = {}
        self.cash: Counter[tuple[str, str, str]] = Counter()  # address, bank, currency
        self.holding: Counter[tuple[str, str]] = Counter()  # address, asset
        self.orders: dict[tuple[str, str], dict[str, Any]] = {}
        self.withdrawals: dict[tuple[str, str], dict[str, Any]] = {}

    # -- who and what -------------------------------------------------------------------------

    def admitted(self, party: str, role: str) -> set[Code]:
        """Whether a party can serve in a role."""
        if party not in self.parties or self.parties[party]["role"] != role:
            return {Code.PARTY_UNKNOWN}
        return {Code.PARTY_INACTIVE} if self.is_inactive(party) else set()

    def is_inactive(self, party: str) -> bool:
        """Whether a party neither sends nor serves."""
        flags = self.parties.get(party, {"flags": set()})["flags"]
        return not flags.isdisjoint({"SUSPENDED", "FROZEN", "REMOVED"})

    def trades(self, asset: str) -> set[Code]:
        """Whether an asset comes onto the ledger and changes hands."""
        known = self.assets.get(asset)
        if known is None:
            return {Code.ASSET_UNKNOWN}
        return {Code.ASSET_INACTIVE} if known["flags"] else set()

    def is_over(self, account: dict[str, Any]) -> bool:
        """Whether a broker may register the person anew: refused, or not confirmed in time."""
        late = self.status(account) == "PENDING" and account["until"] < self.now
        return late or self.status(account) == "REFUSED"

    @staticmethod
    def status(account: dict[str, Any]) -> str:
        says = (account["bank_says"], account["registry_says"])
        return "REFUSED" if "N" in says else "ACTIVE" if says == ("Y", "Y") else "PENDING"

    def _account(self, unified: str, broker: str) -> dict[str, Any] | Code:
        if unified not in self.users:
            return Code.USER_UNKNOWN
        account = self.users[unified]["accounts"].get(broker)
        if account is None:
            return Code.ACCOUNT_UNKNOWN
        return account if self.status(account) == "ACTIVE" else Code.ACCOUNT_INACTIVE

    def _receiving(self, address: str, unified: str) -> set[Code]:
        """Whether tokens may come onto this address of this user."""
        own = address in self.confirmed(unified)
        return self._usable(address) | (set() if own else {Code.ADDRESS_MISMATCH})

    def confirmed(self, unified: str) -> list[str]:
        """The addresses of a user's accounts that bank and registry have confirmed."""
        accounts = self.users.get(unified, {"accounts": {}})["accounts"].values()
        return [
            one for each in accounts if self.status(each) == "ACTIVE" for one in each["addresses"]
        ]

    def _usable(self, address: str) -> set[Code]:
        known = self.addresses.get(address)
        if known is None:
            return {Code.ADDRESS_UNKNOWN}
        broken = {Code.ADDRESS_REVOKED} if known["revoked"] else set()
        return broken | ({Code.ADDRESS_FROZEN} if known["frozen"] else set())

    def _takes_in(self, address: str) -> set[Code]:
        """Whether an address takes in a deposit or an asset that was asked for earlier."""
        gone = self.addresses.get(address, {"removed": False})["removed"]
        return self._usable(address) | ({Code.ADDRESS_MISMATCH} if gone else set())

    def _answered(self, m: Any, key: tuple[str, str, str], asked: str) -> set[Code]:
        """What an answer breaks that does not fit its open instruction."""
        pending = self.pending.get(key)
        if pending is None or pending["state"] != "open":
            return {Code.NOT_PENDING}
        broken = set()
        if pending[asked] != m.sender:
            broken.add(Code.SENDER_MISMATCH)
        if pending["answered"] != m.answered:
            broken.add(Code.DIGEST_MISMATCH)
        return broken

    # -- value comes onto the ledger ----------------------------------------------------------

    def on_y1(self, m: Any, digest: str) -> Plan:
        broken = self.admitted(m.bank, "BANK") | self._receiving(m.address, m.unified)
        if m.ag != m.sender:
            broken.add(Code.SENDER_MISMATCH)
        account = self._account(m.unified, m.ag)
        if isinstance(account, Code):
            broken.add(account)
        elif (account["bank"], account["broker_user"], account["bank_user"]) != (
            m.bank, m.broker_user, m.bank_user
        ):  # fmt: skip
            broken.add(Code.TERMS_DIFFER)
        if (m.bank, m.currency) not in self.marks:
            broken.add(Code.MARK_UNKNOWN)
        if CURRENCIES[m.currency] != m.unit:
            broken.add(Code.UNIT_MISMATCH)

        def effect() -> None:
            self.pending["deposit", m.ag, m.tx] = {
                "state": "open", "answered": digest, "until": m.valid_until, "bank": m.bank,
                "address": m.address, "currency": m.currency, "amount": m.amount,
            }  # fmt: skip

        return Plan(broken, effect, Code.PENDING)

    def on_y1_locked(self, m: Any, digest: str) -> Plan:
        key = ("deposit", m.ag, m.tx)
        broken = self._answered(m, key, "bank")
        pending = self.pending.get(key, {})
        of = (m.address, mark_bank(m.mark), mark_currency(m.mark))
        terms = (*of, m.amount)
        asked = [pending.get(name) for name in ("address", "bank", "currency", "amount")]
        if pending and terms != tuple(asked):
            broken.add(Code.TERMS_DIFFER)
        if m.locked:
            broken |= self._takes_in(m.address)
            if self.cash[of] + m.amount > AMOUNT_MAX:
                broken.add(Code.TOO_LARGE)

        def effect() -> None:
            pending["state"] = "done" if m.locked else "refused"
            if m.locked:
                self.cash[of] += m.amount

        return Plan(broken, effect)

    def on_z1(self, m: Any, digest: str) -> Plan:
        broken = self.admitted(m.registry, "REGISTRY") | self._receiving(m.address, m.unified)
        if m.address != m.sender:
            broken.add(Code.SENDER_MISMATCH)
        account = self._account(m.unified, m.ag)
        if isinstance(account, Code):
            broken.add(account)
        elif (account["registry"], account["broker_user"]) != (m.registry, m.broker_user):
            broken.add(Code.TERMS_DIFFER)
        broken |= self.trades(m.asset)

        def effect() -> None:
            self.pending["onchain", m.address, m.tx] = {
                "state": "open", "answered": digest, "until": m.valid_until, "ag": m.ag,
                "registry": m.registry, "asset": m.asset, "quantity": m.quantity,
            }  # fmt: skip

        return Plan(broken, effect, Code.PENDING)

    def on_z1_locked(self, m: Any, digest: str) -> Plan:
        key = ("onchain", m.address, m.tx)
        broken = self._answered(m, key, "registry")
        pending = self.pending.get(key, {})
        asked = [pending.get(name) for name in ("ag", "asset", "quantity")]
        if pending and (m.ag, m.asset, m.quantity) != tuple(asked):
            broken.add(Code.TERMS_DIFFER)
        if m.locked:
            broken |= self._takes_in(m.address) | self.trades(m.asset)
            if self.holding[m.address, m.asset] + m.quantity > AMOUNT_MAX:
                broken.add(Code.TOO_LARGE)

        def effect() -> None:
            pending["state"] = "done" if m.locked else "refused"
            if m.locked:
                self.holding[m.address, m.asset] += m.quantity

        return Plan(broken, effect)

    # -- the end of what expired --------------------------------------------------------------

    def free_cash(self, address: str, currency: str) -> Marks:
        return {
            bank: amount
            for (owner, bank, of), amount in self.cash.items()
            if (owner, of) == (address, currency) and amount
        }

    def on_expire(self, m: Any, digest: str) -> Plan:
        if m.kind in ("ORDER", "WITHDRAWAL"):
            plan: Plan = getattr(self, f"expire_{m.kind.lower()}")(m)
            return plan
        pending = self.pending.get((m.kind.lower(), m.owner, m.number))
        if pending is None or pending["state"] != "open":
            return Plan({Code.NOT_PENDING}, nothing)
        broken = {Code.NOT_EXPIRED} if self.now <= pending["until"] else set()
        return Plan(broken, lambda: pending.update(state="expired"))
