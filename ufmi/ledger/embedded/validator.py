"""Validation of ordered transactions: Fabric's checks, in Fabric's order, with Fabric's codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ufmi.errors import AccessDenied, StoreCorrupted
from ufmi.ledger import policy
from ufmi.ledger.embedded import rwset
from ufmi.ledger.embedded.rwset import ReadWriteSet
from ufmi.ledger.embedded.statestore import StateStore
from ufmi.ledger.msp import Membership
from ufmi.ledger.proposals import Endorsed, Malformed, read_transaction
from ufmi.ledger.protos import ENDORSER_TRANSACTION, common, transaction

Code = transaction.TxValidationCode


@dataclass
class Checked:
    """An ordered transaction after validation."""

    tx_id: str
    code: int
    sets: list[ReadWriteSet]
    results: bytes = b""  # the read-write set as it was endorsed


class Validator:
    """Validates the transactions of one channel.

    `known` holds read-write sets that this process endorsed itself, by the bytes that were
    endorsed, and spares decoding them again.
    """

    def __init__(
        self,
        channel: str,
        membership: Membership,
        policies: dict[str, Any],
        store: StateStore,
        known: dict[bytes, ReadWriteSet],
    ) -> None:
        self._channel = channel
        self._membership = membership
        self._policies = policies
        self._store = store
        self._known = known

    def check(self, envelopes: Sequence[bytes]) -> list[Checked]:
        """The verdict on each transaction of a block, in order."""
        seen: set[str] = set()
        written: set[tuple[str, str]] = set()
        checked = []
        for raw in envelopes:
            one = self._check_form(raw, seen)
            if one.code == Code.VALID and self._is_stale(one.sets, written):
                one.code = Code.MVCC_READ_CONFLICT
            if one.code == Code.VALID:
                written.update([(s.namespace, key) for s in one.sets for key in s.writes])
            seen.add(one.tx_id)
            checked.append(one)
        return checked

    def _check_form(self, raw: bytes, seen: set[str]) -> Checked:
        tx_id = ""
        try:
            envelope = common.Envelope.FromString(raw)
            payload = common.Payload.FromString(envelope.payload)
            header = common.ChannelHeader.FromString(payload.header.channel_header)
            tx_id = header.tx_id
            if header.type != ENDORSER_TRANSACTION:
                return Checked(tx_id, Code.UNKNOWN_TX_TYPE, [])
            if header.channel_id != self._channel:
                return Checked(tx_id, Code.TARGET_CHAIN_NOT_FOUND, [])
            found = read_transaction(payload)
        except Malformed as problem:
            return Checked(tx_id, Code.Value(problem.status), [])
        except Exception:  # whatever bytes these are, they are no transaction
            return Checked(tx_id, Code.BAD_PAYLOAD, [])
        try:
            self._membership.member(found.creator).verify(envelope.signature, envelope.payload)
        except AccessDenied:
            return Checked(tx_id, Code.BAD_CREATOR_SIGNATURE, [])
        if tx_id in seen or self._store.transaction(tx_id) is not None:
            return Checked(tx_id, Code.DUPLICATE_TXID, [])
        if found.proposal_hash != found.expected_hash:
            return Checked(tx_id, Code.INVALID_ENDORSER_TRANSACTION, [])
        return self._check_endorsed(tx_id, found)

    def _check_endorsed(self, tx_id: str, found: Endorsed) -> Checked:
        contract = found.action.chaincode_id.name
        if contract not in self._policies:
            return Checked(tx_id, Code.INVALID_CHAINCODE, [])
        if not policy.is_met(self._policies[contract], self._endorsers(found)):
            return Checked(tx_id, Code.ENDORSEMENT_POLICY_FAILURE, [])
        known = self._known.pop(found.endorsed, None)
        if known is not None:
            return Checked(tx_id, Code.VALID, [known], found.action.results)
        try:
            sets = rwset.decode(found.action.results)
        except StoreCorrupted:
            return Checked(tx_id, Code.BAD_RWSET, [])
        if any(one.namespace != contract for one in sets):
            return Checked(tx_id, Code.ILLEGAL_WRITESET, [])
        return Checked(tx_id, Code.VALID, sets, found.action.results)

    def _endorsers(self, found: Endorsed) -> list[policy.Signatory]:
        """Who endorsed, each once; signatures that do not hold count for nothing."""
        signatories: dict[bytes, policy.Signatory] = {}
        for endorsement in found.endorsements:
            try:
                member = self._membership.member(endorsement.endorser)
                member.verify(endorsement.signature, found.endorsed + endorsement.endorser)
            except AccessDenied:
                continue
            signatories[endorsement.endorser] = (member.msp, member.role)
        return list(signatories.values())

    def _is_stale(self, sets: list[ReadWriteSet], written: set[tuple[str, str]]) -> bool:
        """Whether something that was read has changed since, here or in an earlier block."""
        for one in sets:
            namespace, version = one.namespace, self._store.version
            for key, read in one.reads.items():
                if (written and (namespace, key) in written) or version(namespace, key) != read:
                    return True
        return False
