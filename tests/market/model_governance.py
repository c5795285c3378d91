"""The part of the model about governance: who is admitted, with which key, in which standing."""

from __future__ import annotations

from typing import Any, NamedTuple

from ufmi.crypto import address_of
from ufmi.protocol import Code

from .model_value import Plan, Value, nothing

KEYS_MAX = 32
SERVICES_MAX = 128
# Which status fits what, by kind; only a market is halted among parties.
FITTING = {
    "PARTY": {"ACTIVE", "SUSPENDED", "FROZEN", "REMOVED", "HALTED"},
    "ADDRESS": {"ACTIVE", "FROZEN"},
    "ASSET": {"ACTIVE", "FROZEN", "HALTED"},
    "NETWORK": {"ACTIVE", "HALTED"},
}


class Sender(NamedTuple):
    role: str
    key: str
    revoked: bool


class Governance(Value):
    """Parties, operators, the front-end; what they may do to others."""

    threshold: int

    def __init__(self) -> None:
        super().__init__()
        self.proposals: dict[tuple[str, str], dict[str, Any]] = {}
        self.rules = 1
        self.known_rules = {1}  # what the contract beside this model knows
        self.certificate = ""

    def sender(self, name: str) -> Sender | None:
        if name in self.parties:
            party = self.parties[name]
            key, revoked = party["keys"][-1]
            return Sender(party["role"], key, revoked)
        if name in self.services:
            service = self.services[name]
            return Sender(service["role"], service["key"], service["revoked"])
        if name in self.addresses:
            address = self.addresses[name]
            return Sender("WALLET", address["key"], address["revoked"])
        return None

    # -- governance ---------------------------------------------------------------------------

    def _approve(self, message: Any, terms: Any, broken: set[Code]) -> tuple[dict[str, Any], bool]:
        """The proposal with this approval in it, and whether m of n operators agree now."""
        known = self.proposals.get((message.NAME, message.tx))
        proposal = known or {"terms": terms, "by": {}, "done": False}
        if proposal["terms"] != terms:
            broken.add(Code.PROPOSAL_DIFFERS)
        if proposal["done"] or message.sender in proposal["by"]:
            broken.add(Code.ALREADY_APPROVED)
        # Nothing that was signed runs after its time: neither does an approval.
        approvals = {by: until for by, until in proposal["by"].items() if until >= self.now}
        approvals[message.sender] = message.valid_until
        valid = [by for by in approvals if not self.services[by]["revoked"]]
        done = len(valid) >= self.threshold
        return {"terms": terms, "by": approvals, "done": done}, done

    def on_admit(self, m: Any, digest: str) -> Plan:
        broken: set[Code] = set()
        if (m.role == "MARKET") != (m.party[0] == "M") or (m.role == "MARKET" and m.market):
            broken.add(Code.SENDER_MISMATCH)
        terms = (m.party, m.role, m.market, m.name, m.key, m.network)
        proposal, done = (
            self._approve(m, terms, broken) if m.sender in self.services else ({}, False)
        )
        known = self.parties.get(m.party)
        if known is not None:
            if known["role"] != m.role or not known["keys"][-1][1]:
                broken.add(Code.PARTY_EXISTS)
            if "REMOVED" in known["flags"]:
                broken.add(Code.PARTY_INACTIVE)
            if m.key in [key for key, _ in known["keys"]]:
                broken.add(Code.KEY_UNKNOWN)
            if len(known["keys"]) >= KEYS_MAX:
                broken.add(Code.TOO_MANY)

        def effect() -> None:
            self.proposals[m.NAME, m.tx] = proposal
            if done:
                keys = (*known["keys"], (m.key, False)) if known else ((m.key, False),)
                flags = known["flags"] if known else set()
                self.parties[m.party] = {
                    "role": m.role, "market": m.market, "name": m.name, "keys": keys,
                    "flags": flags, "receiving": known["receiving"] if known else "",
                }  # fmt: skip

        return Plan(broken, effect, Code.OK if done else Code.PENDING)

    def on_revoke(self, m: Any, digest: str) -> Plan:
        broken: set[Code] = set()
        subject = self.sender(m.subject)
        operator = self.services.get(m.sender, {}).get("role") == "OPERATOR"
        if not operator and m.sender != m.subject:
            broken.add(Code.ROLE_NOT_ALLOWED)
        if subject is None or subject.revoked or subject.key != m.key or subject.role == "FRONTEND":
            broken.add(Code.KEY_UNKNOWN)
        if subject is not None and subject.role == "OPERATOR" and not subject.revoked:
            valid = [
                one
                for one in self.services.values()
                if one["role"] == "OPERATOR" and not one["revoked"]
            ]
            if len(valid) - 1 < self.threshold:
                broken.add(Code.TOO_FEW_OPERATORS)
        proposal: dict[str, Any] = {}
        done = True
        if operator:
            proposal, done = self._approve(m, (m.subject, m.key, m.network), broken)

        def effect() -> None:
            if operator:
                self.proposals[m.NAME, m.tx] = proposal
            if not done:
                return
            if m.subject in self.parties:
                party = self.parties[m.subject]
                party["keys"] = (*party["keys"][:-1], (m.key, True))
            else:
                (self.services.get(m.subject) or self.addresses[m.subject])["revoked"] = True

        return Plan(broken, effect, Code.OK if done else Code.PENDING)

    # -- new keys -----------------------------------------------------------------------------

    def on_rotate(self, m: Any, digest: str) -> Plan:
        broken: set[Code] = set()
        possess = m.proof[0].possess
        said = (possess.network, possess.tx, possess.subject)
        if said != (m.network, m.tx, m.subject) or possess.valid_until < self.now:
            broken.add(Code.PROOF_INVALID)
        subject = self.sender(m.subject)
        if subject is None or subject.revoked or subject.key != m.key:
            broken.add(Code.KEY_UNKNOWN)
        if m.certificate and (subject is None or subject.role != "FRONTEND"):
            broken.add(Code.STATUS_INVALID)
        if m.sender in self.parties:
            return self._rotate_own(m, possess.key, broken)
        return self._rotate_service(m, possess.key, broken)

    def _rotate_own(self, m: Any, new: str, broken: set[Code]) -> Plan:
        if m.subject != m.sender:
            broken.add(Code.ROLE_NOT_ALLOWED)
        party = self.parties[m.sender]
        if new in [key for key, _ in party["keys"]]:
            broken.add(Code.KEY_UNKNOWN)
        if len(party["keys"]) >= KEYS_MAX:
            broken.add(Code.TOO_MANY)

        def effect() -> None:
            party["keys"] = (*party["keys"][:-1], (m.key, True), (new, False))

        return Plan(broken, effect)

    def _rotate_service(self, m: Any, new: str, broken: set[Code]) -> Plan:
        if m.subject not in self.services:
            broken.add(Code.ROLE_NOT_ALLOWED)
        address = address_of(bytes.fromhex(new))
        if address in self.services or address in self.addresses:
            broken.add(Code.ADDRESS_TAKEN)
        if len(self.services) >= SERVICES_MAX:
            broken.add(Code.TOO_MANY)
        if self.services.get(m.sender, {}).get("role") != "OPERATOR":
            return Plan(broken | {Code.ROLE_NOT_ALLOWED}, nothing)
        terms = (m.subject, m.key, m.proof, m.certificate, m.network)
        proposal, done = self._approve(m, terms, broken)

        def effect() -> None:
            self.proposals[m.NAME, m.tx] = proposal
            if done:
                old = self.services[m.subject]
                old["revoked"] = True
                self.services[address] = {"role": old["role"], "key": new, "revoked": False}
                self.certificate = m.certificate or self.certificate

        return Plan(broken, effect, Code.OK if done else Code.PENDING)

    # -- standing -----------------------------------------------------------------------------

    def on_status(self, m: Any, digest: str) -> Plan:
        broken = set() if m.status in FITTING[m.kind] else {Code.STATUS_INVALID}
        where: dict[str, dict[str, Any]] = {
            "PARTY": self.parties, "ADDRESS": self.addresses, "ASSET": self.assets
        }.get(m.kind, {})  # fmt: skip
        subject = where.get(m.subject)
        unknown = {"PARTY": Code.PARTY_UNKNOWN, "ADDRESS": Code.ADDRESS_UNKNOWN}
        if m.kind == "NETWORK":
            if m.subject != self.network:
                broken.add(Code.STATUS_INVALID)
        elif subject is None:
            broken.add(unknown.get(m.kind, Code.ASSET_UNKNOWN))
        if subject is not None and m.kind == "PARTY":
            if m.status == "HALTED" and subject["role"] != "MARKET":
                broken.add(Code.STATUS_INVALID)
            if "REMOVED" in subject["flags"]:
                broken.add(Code.PARTY_INACTIVE)
        alone = self.parties.get(m.sender, {}).get("role") == "REGULATOR"
        if alone and m.status in ("SUSPENDED", "REMOVED"):
            broken.add(Code.ROLE_NOT_ALLOWED)
        told = [m.subject]
        if m.kind in ("ASSET", "NETWORK"):
            told = [subject["registry"]] if subject is not None else []
        if alone:
            data = {"told": told}
            return Plan(broken, lambda: self._stand(m, subject, {"FROZEN", "HALTED"}), data=data)
        if m.sender not in self.services:
            return Plan(broken | {Code.ROLE_NOT_ALLOWED}, nothing)
        proposal, done = self._approve(m, (m.kind, m.subject, m.status, m.network), broken)

        def effect() -> None:
            self.proposals[m.NAME, m.tx] = proposal
            if done:
                self._stand(m, subject, {"SUSPENDED", "FROZEN", "HALTED"})

        code = Code.OK if done else Code.PENDING
        return Plan(broken, effect, code, {"told": told} if done else {})

    def _stand(self, m: Any, subject: dict[str, Any] | None, undone: set[str]) -> None:
        """Sets a status, or undoes those of `undone`."""
        if subject is None:
            self.halted = m.status == "HALTED"
        elif m.kind == "ADDRESS":
            subject["frozen"] = m.status == "FROZEN"
        elif m.status == "ACTIVE":
            subject["flags"] -= undone
        else:
            subject["flags"] |= {m.status}
            if m.status == "REMOVED":
                subject["flags"] |= {"SUSPENDED"}
                key, _ = subject["keys"][-1]
                subject["keys"] = (*subject["keys"][:-1], (key, True))
        if m.kind == "PARTY" and subject is not None and subject["flags"] & {"SUSPENDED", "FROZEN"}:
            self.follows.pop(m.subject, None)  # who may not take part gets no orders

    def on_activate(self, m: Any, digest: str) -> Plan:
        broken = set() if m.rules in self.known_rules else {Code.RULES_UNKNOWN}
        if m.rules <= self.rules:
            broken.add(Code.STATUS_INVALID)
        if m.sender not in self.services:
            return Plan(broken | {Code.ROLE_NOT_ALLOWED}, nothing)
        proposal, done = self._approve(m, (m.rules, m.network), broken)

        def effect() -> None:
            self.proposals[m.NAME, m.tx] = proposal
            if done:
                self.rules = m.rules

        return Plan(broken, effect, Code.OK if done else Code.PENDING)
