"""The part of the model about withdrawals: each mark goes its own way (9.4.2)."""

from __future__ import annotations

from typing import Any

from ufmi.protocol import Code
from ufmi.protocol.codes import CURRENCIES, mark_bank, mark_currency

from .model_trade import take
from .model_users import Users
from .model_value import Plan, nothing


class Withdrawals(Users):
    """What is on its way back to the banks: `parts` by bank, each with its amount and status."""

    def on_receive(self, m: Any, digest: str) -> Plan:
        broken = self._bound(m.proof, (m.network, m.sender, m.tx, m.sender))
        bind = m.proof[0].bind
        known = self.addresses.get(bind.address)
        if bind.address in self.services or (known and known["user"] != m.sender):
            broken.add(Code.ADDRESS_TAKEN)
        if known and known["revoked"]:
            broken |= {Code.ADDRESS_TAKEN, Code.ADDRESS_REVOKED}

        def effect() -> None:
            self._give(m.sender, bind.key)
            self.parties[m.sender]["receiving"] = bind.address

        return Plan(broken, effect)

    def on_y2(self, m: Any, digest: str) -> Plan:
        broken = self.admitted(m.bank, "BANK") | self._usable(m.address)
        if m.ag != m.sender:
            broken.add(Code.SENDER_MISMATCH)
        account = self._account(m.unified, m.ag)
        if isinstance(account, Code):
            broken.add(account)
        elif (account["bank"], account["broker_user"], account["bank_user"]) != (
            m.bank, m.broker_user, m.bank_user
        ):  # fmt: skip
            broken.add(Code.TERMS_DIFFER)
        known = self.addresses.get(m.address, {"user": m.unified, "key": m.order.key})
        if (known["user"], known["key"]) != (m.unified, m.order.key):
            broken.add(Code.ADDRESS_MISMATCH)
        broken |= self._signed(m)
        if CURRENCIES[m.currency] != m.unit:
            broken.add(Code.UNIT_MISMATCH)
        if {mark_currency(mark) for mark in m.marks} != {m.currency}:
            broken.add(Code.CURRENCY_MISMATCH)
        if len(set(m.marks)) != len(m.marks):
            broken |= {Code.TERMS_DIFFER, Code.CURRENCY_MISMATCH}
        banks = sorted({mark_bank(mark) for mark in m.marks if mark_currency(mark) == m.currency})
        for bank in banks:
            broken |= self.admitted(bank, "BANK")
            if not self.parties.get(bank, {}).get("receiving"):
                broken.add(Code.NO_RECEIVING_ADDRESS)
        free = {bank: self.cash[m.address, bank, m.currency] for bank in banks}
        if sum(free.values()) < m.amount:
            return Plan(broken | {Code.INSUFFICIENT}, nothing)
        taken = take(free, m.amount)
        return Plan(broken, lambda: self._take_out(m, digest, taken), Code.PENDING)

    def _signed(self, m: Any) -> set[Code]:
        """Whether the owner's wallet signed this withdrawal, once."""
        broken = set()
        said = (
            m.order.number, m.order.network, m.order.address, m.order.ag, m.order.bank,
            m.order.currency, m.order.amount,
        )  # fmt: skip
        if said != (m.tx, m.network, m.address, m.ag, m.bank, m.currency, m.amount):
            broken.add(Code.ORDER_MISMATCH)
        if m.order.network != m.network:
            broken.add(Code.PROOF_INVALID)
        if m.order.valid_until < self.now:
            broken.add(Code.ORDER_EXPIRED)
        if (m.address, m.tx) in self.withdrawals:
            broken.add(Code.ORDER_EXISTS)
        return broken

    def _take_out(self, m: Any, digest: str, taken: dict[str, int]) -> None:
        for bank, amount in taken.items():
            self.cash[m.address, bank, m.currency] -= amount
        self.withdrawals[m.address, m.tx] = {
            "answered": digest, "ag": m.ag, "bank": m.bank, "currency": m.currency,
            "amount": m.amount, "until": m.valid_until, "payee": m.order.payee,
            "parts": {
                bank: {
                    "amount": amount, "status": "SENT",
                    "receiving": self.parties[bank]["receiving"],
                }
                for bank, amount in taken.items()
            },
        }  # fmt: skip

    # -- the steps of one mark ----------------------------------------------------------------

    def on_y2_burn(self, m: Any, digest: str) -> Plan:
        return self._step(m, mark_bank(m.mark), "SENT", "BURNING" if m.burn else "RETURNED")

    def on_y2_moved(self, m: Any, digest: str) -> Plan:
        return self._step(m, mark_bank(m.mark), "BURNING", "MOVED" if m.moved else "BURNING")

    def on_y2_credited(self, m: Any, digest: str) -> Plan:
        found = self.withdrawals.get((m.address, m.tx), {"bank": m.sender})
        plan = self._step(m, found["bank"], "MOVED", "DESTROYED" if m.received else "MOVED")
        if m.paying != mark_bank(m.mark):
            plan.broken.add(Code.TERMS_DIFFER)
        return plan

    def _step(self, m: Any, by: str, before: str, after: str) -> Plan:
        found = self.withdrawals.get((m.address, m.tx))
        if found is None:
            return Plan({Code.NOT_PENDING}, nothing)
        broken = set() if m.sender == by else {Code.SENDER_MISMATCH}
        if m.answered != found["answered"]:
            broken.add(Code.DIGEST_MISMATCH)
        part = found["parts"].get(mark_bank(m.mark))
        if m.ag != found["ag"]:
            broken |= {Code.NOT_PENDING, Code.TERMS_DIFFER}
        if mark_currency(m.mark) != found["currency"] or part is None:
            return Plan(broken | {Code.TERMS_DIFFER}, nothing)
        if part["amount"] != m.amount:
            broken.add(Code.TERMS_DIFFER)
        if part["status"] != before:
            broken.add(Code.OUT_OF_TURN)
        over = self.end_of(found)
        if over:
            broken.add(Code.NOT_PENDING)
        data: dict[str, Any] = {"status": after}
        later = {**found["parts"], mark_bank(m.mark): part | {"status": after}}
        if self.end_of({"parts": later}):
            data |= self._summary(later)
        return Plan(broken, lambda: self._become(m.address, found, part, after), data=data)

    def _become(self, owner: str, found: Any, part: dict[str, Any], status: str) -> None:
        part["status"] = status
        if status == "RETURNED":
            [bank] = [bank for bank, one in found["parts"].items() if one is part]
            self.cash[owner, bank, found["currency"]] += part["amount"]

    @staticmethod
    def end_of(found: dict[str, Any]) -> str:
        """How a withdrawal ended, or nothing."""
        statuses = {part["status"] for part in found["parts"].values()}
        if not statuses <= {"DESTROYED", "RETURNED"}:
            return ""
        ends = {"DESTROYED": "OK", "RETURNED": "RETURNED"}
        return ends[statuses.pop()] if len(statuses) == 1 else "PARTLY"

    def _summary(self, parts: dict[str, Any]) -> dict[str, Any]:
        def total(status: str) -> int:
            return sum(one["amount"] for one in parts.values() if one["status"] == status)

        end = self.end_of({"parts": parts})
        return {"outcome": end, "paid": total("DESTROYED"), "returned": total("RETURNED")}

    def expire_withdrawal(self, m: Any) -> Plan:
        found = self.withdrawals.get((m.owner, m.number))
        if found is None or self.end_of(found):
            return Plan({Code.NOT_PENDING}, nothing)
        broken = {Code.NOT_EXPIRED} if self.now <= found["until"] else set()
        waiting = [part for part in found["parts"].values() if part["status"] == "SENT"]
        if not waiting:
            broken.add(Code.OUT_OF_TURN)

        def effect() -> None:
            for part in waiting:
                self._become(m.owner, found, part, "RETURNED")

        return Plan(broken, effect)
