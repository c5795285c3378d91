"""A second opinion on channel `udl`: the rules of the messages in plain Python and plain dicts.

It shares no code with the contract. It does not stop at the first rule that a message breaks but
finds all of them: the contract has to refuse with one of these, and to accept where there is none.
Value (deposits, orders, settlement) is in `model_value`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from ufmi.crypto import sm3_hex, verify_many
from ufmi.errors import InvalidField, MalformedText
from ufmi.protocol import UNRECORDED, Code, Message, UnknownName, decode

from .model_value import Plan, Value

# Who may send what: from the table of messages.
INSTITUTIONS = {"MARKET", "BROKER", "BANK", "REGISTRY", "MATCHER", "REPORTER"}
ANYBODY = INSTITUTIONS | {"WALLET", "OPERATOR", "FRONTEND"}
SENDERS = {
    "ADMIT": {"OPERATOR"},
    "REVOKE": ANYBODY,
    "EXPIRE": ANYBODY,
    "X1": {"BROKER"},
    "X1.bank": {"BANK"},
    "X1.registry": {"REGISTRY"},
    "P1": {"BROKER"},
    "P1.registry": {"REGISTRY"},
    "Y1": {"BROKER"},
    "Y1.locked": {"BANK"},
    "Z1": {"WALLET"},
    "Z1.locked": {"REGISTRY"},
    "S1": {"MATCHER"},
    "T1": {"MATCHER"},
}
KEYS_MAX = 32
ACCOUNTS_MAX = 16

Identity = tuple[str, ...]


class Expected(NamedTuple):
    """What a message may end with."""

    codes: frozenset[str]
    repeated: bool = False
    identity: Identity | None = None  # of a message whose result is recorded now
    digest: str = ""


class Sender(NamedTuple):
    role: str
    key: str
    revoked: bool


def identity_of(message: Any) -> Identity:
    """Sender, name and transaction id; a follow-up also names the sender of its instruction."""
    name = message.NAME
    if "." not in name:
        return (name, message.sender, message.tx)
    instructor = message.address if name == "Z1.locked" else message.ag
    return (name, message.sender, instructor, message.tx)


def _holds(key: str, text: str, signature: str) -> bool:
    return verify_many([(bytes.fromhex(key), text.encode(), bytes.fromhex(signature))])[0]


class Model(Value):
    """Everything on the ledger. Handlers are named after their messages."""

    def __init__(self, network: str, threshold: int, services: dict[str, tuple[str, str]]) -> None:
        """Takes role and key of operators and front-end by address."""
        super().__init__()
        self.network = network
        self.threshold = threshold
        self.services = {
            address: {"role": role, "key": key, "revoked": False}
            for address, (role, key) in services.items()
        }
        self.proposals: dict[tuple[str, str], dict[str, Any]] = {}
        self.people: dict[str, str] = {}
        self.results: dict[Identity, tuple[str, str]] = {}  # text digest, code
        self.now = 0
        self.allotted = ""

    # -- one message --------------------------------------------------------------------------

    def apply(self, raw: bytes, now: int, allotted: str = "") -> Expected:
        """What the message may end with; does what it does if it is in order."""
        self.now, self.allotted = now, allotted
        read = self._read(raw)
        if isinstance(read, Code):
            return Expected(frozenset({read}))
        message, text, signature = read
        sender = self.sender(message.sender)
        if sender is None:
            return Expected(frozenset({Code.SIGNER_UNKNOWN}))
        if not _holds(sender.key, text, signature):
            return Expected(frozenset({Code.SIGNATURE_INVALID}))
        identity, digest = identity_of(message), sm3_hex(text.encode())
        revoked = {Code.KEY_REVOKED} if sender.revoked else set()
        if identity in self.results:
            first, code = self.results[identity]
            if first == digest:
                return Expected(frozenset({code}), repeated=True)
            return Expected(frozenset({Code.ID_REUSED} | revoked))
        if revoked:
            return Expected(frozenset(revoked))
        handler = getattr(self, "on_" + message.NAME.lower().replace(".", "_"))
        plan = handler(message, digest)
        broken = plan.broken | self._common(message, sender)
        if not broken:
            plan.effect()
        codes = frozenset(broken or {plan.code})
        return Expected(codes, identity=identity, digest=digest)

    def record(self, expected: Expected, code: str) -> None:
        """Notes the one code out of the possible ones; later repetitions must give the same."""
        if expected.identity is not None and code not in UNRECORDED:
            self.results[expected.identity] = (expected.digest, code)

    def _read(self, raw: bytes) -> tuple[Message, str, str] | Code:
        try:
            line = json.loads(raw)
            text, signature = line["text"], line["signature"]
            bytes.fromhex(signature)
        except (ValueError, KeyError, TypeError):
            return Code.MALFORMED
        try:
            form = decode(text)
        except UnknownName:
            return Code.UNKNOWN_MESSAGE
        except InvalidField:
            return Code.FIELD_INVALID
        except MalformedText:
            return Code.MALFORMED
        return (form, text, signature) if isinstance(form, Message) else Code.UNKNOWN_MESSAGE

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

    def _common(self, message: Any, sender: Sender) -> set[Code]:
        broken = set()
        if message.network != self.network:
            broken.add(Code.WRONG_NETWORK)
        if sender.role not in SENDERS[message.NAME]:
            broken.add(Code.ROLE_NOT_ALLOWED)
        if message.valid_until < self.now:
            broken.add(Code.EXPIRED)
        claims = []
        if message.NAME == "X1":
            claims = [(one.bind.key, one.bind.text(), one.signature) for one in message.proofs]
        if message.NAME == "S1":
            claims = [(message.order.key, message.order.text(), message.signature)]
        if not all(_holds(*claim) for claim in claims):
            broken.add(Code.PROOF_INVALID)
        return broken

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
            if m.key in [key for key, _ in known["keys"]]:
                broken.add(Code.KEY_UNKNOWN)
            if len(known["keys"]) >= KEYS_MAX:
                broken.add(Code.TOO_MANY)

        def effect() -> None:
            self.proposals[m.NAME, m.tx] = proposal
            if done:
                keys = (*known["keys"], (m.key, False)) if known else ((m.key, False),)
                self.parties[m.party] = {
                    "role": m.role, "market": m.market, "name": m.name, "keys": keys
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

    # -- users --------------------------------------------------------------------------------

    def on_x1(self, m: Any, digest: str) -> Plan:
        broken = self.admitted(m.bank, "BANK") | self.admitted(m.registry, "REGISTRY")
        if m.ag != m.sender:
            broken.add(Code.SENDER_MISMATCH)
        user: dict[str, Any] = {"person": m.person, "accounts": {}}
        if not m.unified:
            if m.person in self.people:
                broken.add(Code.PERSON_KNOWN)
            if not self.allotted or self.allotted in self.users:
                broken.add(Code.USER_TAKEN)
        elif m.unified not in self.users:
            broken.add(Code.USER_UNKNOWN)
        else:
            user = self.users[m.unified]
            if user["person"] != m.person:
                broken.add(Code.PERSON_MISMATCH)
        account = user["accounts"].get(m.ag)
        if account is not None and not self.is_over(account):
            broken.add(Code.ACCOUNT_EXISTS)
        others = [one for broker, one in user["accounts"].items() if broker != m.ag]
        if len(others) >= ACCOUNTS_MAX:
            broken.add(Code.TOO_MANY)
        unified = m.unified or self.allotted
        addresses = [proof.bind.address for proof in m.proofs]
        broken |= self._proofs(m, unified, {one for each in others for one in each["addresses"]})

        def effect() -> None:
            self.people[m.person] = unified
            self.users[unified] = user
            user["accounts"][m.ag] = {
                "tx": m.tx, "answered": digest, "addresses": addresses, "until": m.valid_until,
                "broker_user": m.broker_user,
                "bank": m.bank, "bank_user": m.bank_user, "bank_says": "",
                "registry": m.registry, "registry_user": m.registry_user, "registry_says": "",
            }  # fmt: skip
            for proof in m.proofs:
                fresh = {"user": unified, "key": proof.bind.key, "revoked": False}
                self.addresses.setdefault(proof.bind.address, fresh)

        return Plan(broken, effect, Code.PENDING)

    def _proofs(self, m: Any, unified: str, elsewhere: Iterable[str]) -> set[Code]:
        """Each address is bound by its own key to this registration, and nobody else has it."""
        broken = set()
        seen = set(elsewhere) | set(self.services)
        for proof in m.proofs:
            bind = proof.bind
            named = (bind.network, bind.ag, bind.tx, bind.user)
            if named != (m.network, m.ag, m.tx, m.broker_user) or bind.valid_until < self.now:
                broken.add(Code.PROOF_INVALID)
            known = self.addresses.get(bind.address)
            foreign = known is not None and (known["user"] != unified or known["revoked"])
            if bind.address in seen or foreign:
                broken.add(Code.ADDRESS_TAKEN)
            seen.add(bind.address)
        return broken

    def on_x1_bank(self, m: Any, digest: str) -> Plan:
        return self._confirmation(m, "bank", m.bank_user)

    def on_x1_registry(self, m: Any, digest: str) -> Plan:
        return self._confirmation(m, "registry", m.registry_user)

    def _confirmation(self, m: Any, by: str, user_there: str) -> Plan:
        broken: set[Code] = set()
        account = None
        if m.unified not in self.users:
            broken.add(Code.USER_UNKNOWN)
        else:
            account = self.users[m.unified]["accounts"].get(m.ag)
            if account is None or account["tx"] != m.tx or account[f"{by}_says"]:
                broken.add(Code.NOT_PENDING)
        if account is not None:
            if account["answered"] != m.answered:
                broken.add(Code.DIGEST_MISMATCH)
            if account[by] != m.sender:
                broken.add(Code.SENDER_MISMATCH)
            if account[f"{by}_user"] != user_there:
                broken.add(Code.TERMS_DIFFER)

        def effect() -> None:
            assert account is not None
            account[f"{by}_says"] = "Y" if m.accepted else "N"

        return Plan(broken, effect)
