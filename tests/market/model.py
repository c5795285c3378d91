"""A second opinion on channel `udl`: the rules of the messages in plain Python and plain dicts.

It shares no code with the contract. It does not stop at the first rule that a message breaks but
finds all of them: the contract has to refuse with one of these, and to accept where there is none.
The rules stand in `model_…`, one module a chapter of the guide.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ufmi.crypto import sm3_hex, verify_many
from ufmi.errors import InvalidField, MalformedText
from ufmi.protocol import UNRECORDED, Code, Message, UnknownName, decode

from .model_assets import Assets
from .model_governance import Governance, Sender
from .model_orders import Orders
from .model_withdrawals import Withdrawals

# Who may send what: from the table of messages.
INSTITUTIONS = {"MARKET", "BROKER", "BANK", "REGISTRY", "MATCHER", "REPORTER", "REGULATOR"}
ANYBODY = INSTITUTIONS | {"WALLET", "OPERATOR", "FRONTEND"}
SENDERS = {
    "ADMIT": {"OPERATOR"},
    "REVOKE": ANYBODY,
    "EXPIRE": ANYBODY,
    "ROTATE": INSTITUTIONS | {"OPERATOR"},
    "STATUS": {"OPERATOR", "REGULATOR"},
    "ACTIVATE": {"OPERATOR"},
    "X1": {"BROKER"},
    "X1.bank": {"BANK"},
    "X1.registry": {"REGISTRY"},
    "X2": {"BROKER"},
    "X2.bank": {"BANK"},
    "X2.registry": {"REGISTRY"},
    "X2.update": {"BROKER"},
    "P1": {"BROKER"},
    "P1.registry": {"REGISTRY"},
    "P2": {"BROKER"},
    "P2.registry": {"REGISTRY"},
    "P2.update": {"BROKER"},
    "Y1": {"BROKER"},
    "Y1.locked": {"BANK"},
    "RECEIVE": {"BANK"},
    "Y2": {"BROKER"},
    "Y2.burn": {"BANK"},
    "Y2.moved": {"BANK"},
    "Y2.credited": {"BANK"},
    "Z1": {"WALLET"},
    "Z1.locked": {"REGISTRY"},
    "Z2": {"REGISTRY"},
    "S1": {"MATCHER"},
    "S2": {"MATCHER"},
    "CANCEL": {"WALLET"},
    "S2.removed": {"MATCHER"},
    "S3": {"MATCHER"},
    "S4.adopted": {"MATCHER"},
    "T1": {"MATCHER"},
}
# Asked, not submitted.
QUESTIONS = {"X3", "P3"}

Identity = tuple[str, ...]


class Expected(NamedTuple):
    """What a message may end with."""

    codes: frozenset[str]
    repeated: bool = False
    identity: Identity | None = None  # of a message whose result is recorded now
    digest: str = ""
    data: dict[str, Any] | None = None  # what an accepted message brings; None: not looked at


def identity_of(message: Any) -> Identity:
    """Sender, name and transaction id; a follow-up also names the sender of its instruction."""
    name = message.NAME
    if "." not in name:
        return (name, message.sender, message.tx)
    if name in ("X2.update", "P2.update"):
        return (name, message.sender, message.tx)
    of = {"Z1.locked": "address", "S2.removed": "by", "S4.adopted": "publisher"}
    instructor = getattr(message, of.get(name, "ag"))
    if name == "Y2.burn":
        return (name, message.sender, instructor, message.tx, message.mark)
    if name == "Y2.moved":
        attempt = str(message.attempt)
        return (name, message.sender, instructor, message.tx, message.mark, attempt)
    if name == "Y2.credited":
        more = (message.paying, message.mark, str(message.attempt))
        return (name, message.sender, instructor, message.tx, *more)
    return (name, message.sender, instructor, message.tx)


def _holds(key: str, text: str, signature: str) -> bool:
    return verify_many([(bytes.fromhex(key), text.encode(), bytes.fromhex(signature))])[0]


class Model(Assets, Orders, Withdrawals, Governance):
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
        data = None if broken else plan.data
        return Expected(codes, identity=identity, digest=digest, data=data)

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
        if not isinstance(form, Message) or form.NAME in QUESTIONS:
            return Code.UNKNOWN_MESSAGE
        return form, text, signature

    def _common(self, message: Any, sender: Sender) -> set[Code]:
        broken = set()
        if message.network != self.network:
            broken.add(Code.WRONG_NETWORK)
        if sender.role not in SENDERS[message.NAME]:
            broken.add(Code.ROLE_NOT_ALLOWED)
        if self.is_inactive(message.sender):
            broken.add(Code.PARTY_INACTIVE)
        if message.valid_until < self.now:
            broken.add(Code.EXPIRED)
        if not all(_holds(*claim) for claim in claims_of(message)):
            broken.add(Code.PROOF_INVALID)
        return broken


def claims_of(message: Any) -> list[tuple[str, str, str]]:
    """Key, text and signature of all that a message carries."""
    if message.NAME in ("S1", "Y2"):
        return [(message.order.key, message.order.text(), message.signature)]
    found = []
    items = {"X1": ("proofs",), "X2": ("add", "consent"), "RECEIVE": ("proof",)}
    items["ROTATE"] = ("proof",)
    for field in items.get(message.NAME, ()):
        for item in getattr(message, field):
            [said] = [getattr(item, one) for one in ("bind", "consent", "possess")
                      if hasattr(item, one)]  # fmt: skip
            found.append((said.key, said.text(), item.signature))
    return found
