"""The part of the model about users: registration, and what changes of it later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ufmi.crypto import address_of
from ufmi.protocol import Code

from .model_value import Plan, Value, nothing

ACCOUNTS_MAX = 16
ADDRESSES_MAX = 16


class Users(Value):
    """UIDR."""

    allotted: str

    def __init__(self) -> None:
        super().__init__()
        self.people: dict[str, str] = {}
        self.known_as: dict[tuple[str, str], str] = {}  # broker and its own id → user

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
        if self.known_as.get((m.ag, m.broker_user), unified) != unified:
            broken.add(Code.ACCOUNT_EXISTS)
        addresses = [proof.bind.address for proof in m.proofs]
        broken |= self._proofs(m, unified, {one for each in others for one in each["addresses"]})

        def effect() -> None:
            self.people[m.person] = unified
            self.known_as[m.ag, m.broker_user] = unified
            self.users[unified] = user
            user["accounts"][m.ag] = {
                "tx": m.tx, "answered": digest, "addresses": addresses, "until": m.valid_until,
                "broker_user": m.broker_user,
                "bank": m.bank, "bank_user": m.bank_user, "bank_says": "",
                "registry": m.registry, "registry_user": m.registry_user, "registry_says": "",
                "document": m.document, "bank_document": "", "registry_document": "",
            }  # fmt: skip
            for proof in m.proofs:
                self._give(unified, proof.bind.key, m.ag)

        return Plan(broken, effect, Code.PENDING)

    def _proofs(self, m: Any, unified: str, elsewhere: Iterable[str]) -> set[Code]:
        """Each address is bound by its own key to this registration, and nobody else has it."""
        broken = self._bound(m.proofs, (m.network, m.ag, m.tx, m.broker_user))
        seen = set(elsewhere) | set(self.services)
        for proof in m.proofs:
            bind = proof.bind
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
            account[f"{by}_document"] = m.document

        return Plan(broken, effect)

    def _bound(self, proofs: Any, terms: tuple[str, str, str, str]) -> set[Code]:
        """Whether keys are proven for this network, broker, message and user."""
        for one in proofs:
            bind = one.bind
            named = (bind.network, bind.ag, bind.tx, bind.user)
            if named != terms or bind.valid_until < self.now:
                return {Code.PROOF_INVALID}
        return set()

    def _give(self, unified: str, key: str, broker: str = "") -> None:
        """An address becomes a user's, or his again; what froze it stays."""
        fresh = {"user": unified, "key": key, "revoked": False, "frozen": False}
        known = self.addresses.setdefault(address_of(bytes.fromhex(key)), fresh)
        known.update(removed=False, broker=broker)

    # -- updates ------------------------------------------------------------------------------

    def on_x2(self, m: Any, digest: str) -> Plan:
        broken: set[Code] = set()
        add = [proof.bind.key for proof in m.add]
        if m.ag != m.sender:
            broken.add(Code.SENDER_MISMATCH)
        account = self._account(m.unified, m.ag)
        if isinstance(account, Code):
            return Plan(broken | {account}, nothing)
        if (account["bank"], account["registry"]) != (m.bank, m.registry):
            broken.add(Code.TERMS_DIFFER)
        broken |= self._bound(m.add, (m.network, m.ag, m.tx, account["broker_user"]))
        broken |= self._change(m.unified, account, m.remove, add)
        for one in m.consent:
            broken |= self._consents(m, one.consent, add)

        def effect() -> None:
            update = {
                "state": "open", "answered": digest, "until": m.valid_until,
                "unified": m.unified, "bank": m.bank, "registry": m.registry,
                "remove": list(m.remove), "add": add, "applied": False,
                "bank_says": "", "registry_says": "", "bank_document": "",
                "registry_document": "",
            }  # fmt: skip
            self.pending["update", m.ag, m.tx] = update
            if m.consent:
                self._apply_change(update, account, m.ag)

        return Plan(broken, effect, Code.PENDING)

    def _consents(self, m: Any, consent: Any, add: list[str]) -> set[Code]:
        broken = set()
        said = (consent.network, consent.ag, consent.tx, consent.unified)
        if said != (m.network, m.ag, m.tx, m.unified) or consent.valid_until < self.now:
            broken.add(Code.PROOF_INVALID)
        if (list(consent.remove), list(consent.add)) != (list(m.remove), add):
            broken.add(Code.PROOF_INVALID)
        # Not one that a broker has only claimed to be the user's.
        known = self.addresses.get(consent.address, {"revoked": True})
        if consent.address not in self.confirmed(m.unified) or known["revoked"]:
            broken.add(Code.PROOF_INVALID)
        return broken

    def _change(
        self, unified: str, account: dict[str, Any], remove: Sequence[str], add: list[str]
    ) -> set[Code]:
        """What forbids these addresses to go and these keys to come, as things are now."""
        broken = set()
        left = list(account["addresses"])
        for address in remove:
            if address in left:
                left.remove(address)
            else:
                broken.add(Code.ADDRESS_MISMATCH)
        accounts = self.users[unified]["accounts"].values()
        taken = {address for one in accounts for address in one["addresses"]} | set(self.services)
        for key in add:
            address = address_of(bytes.fromhex(key))
            known = self.addresses.get(address)
            foreign = known is not None and (known["user"] != unified or known["revoked"])
            if address in taken or foreign:
                broken.add(Code.ADDRESS_TAKEN)
            taken.add(address)
            if address in remove or add.count(key) > 1:
                broken |= {Code.ADDRESS_MISMATCH, Code.ADDRESS_TAKEN}
        if len(left) + len(add) > ADDRESSES_MAX:
            broken.add(Code.TOO_MANY)
        return broken

    def _apply_change(self, update: dict[str, Any], account: dict[str, Any], broker: str) -> None:
        update["applied"] = True
        for address in update["remove"]:
            account["addresses"].remove(address)
            self.addresses[address]["removed"] = True
        for key in update["add"]:
            account["addresses"].append(address_of(bytes.fromhex(key)))
            self._give(update["unified"], key, broker)

    def on_x2_bank(self, m: Any, digest: str) -> Plan:
        return self._latest(m, "bank", m.bank_user)

    def on_x2_registry(self, m: Any, digest: str) -> Plan:
        return self._latest(m, "registry", m.registry_user)

    def _latest(self, m: Any, by: str, user_there: str) -> Plan:
        key = ("update", m.ag, m.tx)
        broken = self._answered(m, key, by)
        update = self.pending.get(key)
        if update is None:
            return Plan(broken, nothing)
        account = self.users[update["unified"]]["accounts"][m.ag]
        changed = [*update["remove"], *[address_of(bytes.fromhex(one)) for one in update["add"]]]
        if (m.unified, list(m.addresses)) != (update["unified"], changed):
            broken.add(Code.TERMS_DIFFER)
        if account[f"{by}_user"] != user_there:
            broken.add(Code.TERMS_DIFFER)
        applies = m.accepted and not update["applied"]
        if applies:
            broken |= self._change(update["unified"], account, update["remove"], update["add"])

        def effect() -> None:
            update[f"{by}_says"] = "Y" if m.accepted else "N"
            update[f"{by}_document"] = m.document
            if applies:
                self._apply_change(update, account, m.ag)

        if update[f"{by}_says"]:
            broken.add(Code.NOT_PENDING)
        return Plan(broken, effect)

    def on_x2_update(self, m: Any, digest: str) -> Plan:
        update = self.pending.get(("update", m.sender, m.tx))
        if update is None:
            return Plan({Code.NOT_PENDING}, nothing)
        broken = set()
        if update["state"] != "open":
            broken.add(Code.NOT_PENDING)
        elif not (update["bank_says"] and update["registry_says"]):
            broken.add(Code.NOT_ANSWERED)
        if update["answered"] != m.answered:
            broken.add(Code.DIGEST_MISMATCH)
        answered = (update["unified"], update["bank_document"], update["registry_document"])
        if (m.unified, m.bank_document, m.registry_document) != answered:
            broken.add(Code.TERMS_DIFFER)
        agreed = update["applied"]

        def effect() -> None:
            update["state"] = "done" if agreed else "refused"
            account = self.users[update["unified"]]["accounts"][m.sender]
            for name in ("document", "bank_document", "registry_document"):
                if agreed and getattr(m, name):
                    account[name] = getattr(m, name)

        users = self.users.get(update["unified"], {"accounts": {}})["accounts"]
        kept = sorted(users.get(m.sender, {"addresses": []})["addresses"])
        outcome = Code.OK if agreed else Code.NOT_AGREED
        return Plan(broken, effect, data={"outcome": outcome, "addresses": kept})
