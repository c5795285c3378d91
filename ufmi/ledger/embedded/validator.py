"""Validation of ordered transactions: Fabric's checks, in Fabric's order, with Fabric's codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ufmi.errors import AccessDenied, StoreCorrupted
from ufmi.ledger import policy
from ufmi.ledger.embedded import rwset
from ufmi.ledger.embedded.rwset import RangeQuery, ReadWriteSet, Version
from ufmi.ledger.embedded.statestore import StateStore, key_room
from ufmi.ledger.msp import Membership
from ufmi.ledger.proposals import Endorsed, Malformed, read_headers, read_transaction
from ufmi.ledger.protos import ENDORSER_TRANSACTION, common, transaction

Code = transaction.TxValidationCode


class OwnEndorsement(NamedTuple):
    """A transaction that this process endorsed itself: need not be decoded or verified again."""

    payload: bytes  # of the envelope
    endorsers: tuple[bytes, ...]
    sets: ReadWriteSet
    results: bytes  # the same, as endorsed
    height: int  # of the state that was read


@dataclass
class Checked:
    """An ordered transaction after validation."""

    tx_id: str
    code: int
    sets: list[ReadWriteSet]
    results: bytes = b""  # the read-write set as it was endorsed
    read_at: int = -1  # height of the state that was read, where this process knows it


class Validator:
    """Validates the transactions of one channel.

    `own` holds what this process endorsed itself, by transaction id. A signature is verified once
    a process: these, and creators' that the orderer here has verified, are not verified again.
    """

    def __init__(
        self,
        channel: str,
        membership: Membership,
        policies: dict[str, Any],
        store: StateStore,
        own: dict[str, OwnEndorsement],
    ) -> None:
        self._channel = channel
        self._membership = membership
        self._policies = policies
        self._store = store
        self._own = own

    def check(self, envelopes: Sequence[bytes], admitted: bool = False) -> list[Checked]:
        """The verdict on each transaction of a block, in order.

        Args:
            admitted: the orderer of this process has verified the creators' signatures.
        """
        seen: set[str] = set()
        written: set[tuple[str, str]] = set()
        checked: list[Checked] = []
        for raw in envelopes:
            one = self._check_form(raw, seen, admitted)
            if one.code == Code.VALID:
                seen.add(one.tx_id)  # as in Fabric, what is invalid takes no id in its block
            current = one.read_at == self._store.height and not written
            if one.code == Code.VALID and not current:
                self._check_reads(one, written, checked)
            if one.code == Code.VALID:
                written.update([(s.namespace, key) for s in one.sets for key in s.writes])
            checked.append(one)
        return checked

    def _check_form(self, raw: bytes, seen: set[str], admitted: bool) -> Checked:
        tx_id = ""
        try:
            envelope = common.Envelope.FromString(raw)
            signed = envelope.payload
            payload = common.Payload.FromString(signed)
            header = common.ChannelHeader.FromString(payload.header.channel_header)
            tx_id = header.tx_id
            if header.type != ENDORSER_TRANSACTION:
                return Checked(tx_id, Code.UNKNOWN_TX_TYPE, [])
            if header.channel_id != self._channel:
                return Checked(tx_id, Code.TARGET_CHAIN_NOT_FOUND, [])
            own = self._own.pop(tx_id, None)
            if own is not None and own.payload != signed:
                own = None
            found = read_transaction(payload) if own is None else None
            creator = read_headers(payload.header)[1].creator
        except Malformed as problem:
            return Checked(tx_id, Code.Value(problem.status), [])
        except Exception:  # whatever bytes these are, they are no transaction
            return Checked(tx_id, Code.BAD_PAYLOAD, [])
        try:
            member = self._membership.member(creator)
            if not admitted:
                member.verify(envelope.signature, signed)
        except AccessDenied:
            return Checked(tx_id, Code.BAD_CREATOR_SIGNATURE, [])
        if tx_id in seen or self._store.transaction(tx_id) is not None:
            return Checked(tx_id, Code.DUPLICATE_TXID, [])
        if found is None:
            return self._check_own(tx_id, own)
        if found.proposal_hash != found.expected_hash:
            return Checked(tx_id, Code.INVALID_ENDORSER_TRANSACTION, [])
        return self._check_endorsed(tx_id, found)

    def _check_own(self, tx_id: str, own: Any) -> Checked:
        members = [self._membership.member(endorser) for endorser in own.endorsers]
        signatories = [(member.msp, member.role) for member in members]
        if not policy.is_met(self._policies[own.sets.namespace], signatories):
            return Checked(tx_id, Code.ENDORSEMENT_POLICY_FAILURE, [])
        return Checked(tx_id, Code.VALID, [own.sets], own.results, own.height)

    def _check_endorsed(self, tx_id: str, found: Endorsed) -> Checked:
        contract = found.action.chaincode_id.name
        if contract not in self._policies:
            return Checked(tx_id, Code.INVALID_CHAINCODE, [])
        if not policy.is_met(self._policies[contract], self._endorsers(found)):
            return Checked(tx_id, Code.ENDORSEMENT_POLICY_FAILURE, [])
        try:
            sets = rwset.decode(found.action.results)
        except StoreCorrupted:
            return Checked(tx_id, Code.BAD_RWSET, [])
        if any(one.namespace != contract for one in sets):
            return Checked(tx_id, Code.ILLEGAL_WRITESET, [])
        if not all(map(_is_possible, sets)):
            return Checked(tx_id, Code.BAD_RWSET, [])
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

    def _check_reads(
        self, one: Checked, written: set[tuple[str, str]], before: Sequence[Checked]
    ) -> None:
        """Whether something that was read has changed since, in an earlier block or this one.

        Args:
            written: the keys that valid transactions of this block have written.
            before: the transactions of this block so far.
        """
        for sets in one.sets:
            namespace, version = sets.namespace, self._store.version
            for key, read in sets.reads.items():
                if (written and (namespace, key) in written) or version(namespace, key) != read:
                    one.code = Code.MVCC_READ_CONFLICT
                    return
            if sets.ranges:
                fresh = self._fresh(namespace, before)
                for query in sets.ranges:
                    if list(query.reads) != self._read_again(namespace, query, fresh):
                        one.code = Code.PHANTOM_READ_CONFLICT
                        return

    def _fresh(self, namespace: str, before: Sequence[Checked]) -> dict[str, Version]:
        """The versions of all keys that the block has changed so far; None: deleted."""
        return {
            key: None if value is None else (self._store.height, at)
            for at, one in enumerate(before)
            if one.code == Code.VALID
            for sets in one.sets
            if sets.namespace == namespace
            for key, value in sets.writes.items()
        }

    def _read_again(
        self, namespace: str, query: RangeQuery, fresh: dict[str, Version]
    ) -> list[tuple[str, Version]]:
        """What stands in a range now. The end counts only where reading stopped there."""
        start, end = query.start, query.end
        found: dict[str, Version] = {}
        for key, (_, version) in self._store.scan(namespace, start, end):
            found[key] = version
        last = () if query.exhausted or not end else (end,)
        for key in last:
            found[key] = self._store.version(namespace, key)
        for key, now in fresh.items():
            if key in last or (start <= key and (not end or key < end)):
                found[key] = now
        return sorted((key, now) for key, now in found.items() if now is not None)


def _is_possible(sets: ReadWriteSet) -> bool:
    """Whether the store can hold these keys and be asked for these ranges."""
    room = key_room(sets.namespace)
    last = [query.end for query in sets.ranges if query.end and not query.exhausted]
    keys = (*sets.reads, *sets.writes, *last)
    bounds = [bound for query in sets.ranges for bound in (query.start, query.end)]
    return all(0 < len(key.encode()) <= room for key in keys) and all(
        len(bound.encode()) <= room + 1 for bound in bounds
    )
