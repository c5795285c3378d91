"""Report objects audited: verified on the regulatory channel, recomputed from the business one.

`verify` fetches each body and checks its hash, its seals and its digest against what the channel
holds, and each anchor against the block. `recompute` folds the business channel anew with the
builders and compares: every object that the messages bring about must be there, and no other.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from chaincode.csrb.records import Snapshot
from ufmi.crypto import Sm2PrivateKey
from ufmi.crypto.envelope import open_envelope
from ufmi.errors import UfmiError
from ufmi.node import Node
from ufmi.regulatory.seals import content_digest, verify_seals
from ufmi.regulatory.store import SnapshotStore, open_store
from ufmi.regulatory.text import read
from ufmi.relay.csrb import Csrb
from ufmi.relay.examine import Item, units
from ufmi.relay.opening import SNAPSHOTS, builders, open_csrb

FAULTS_MAX = 100


@dataclass
class Audit:
    """What an audit found. Everything wrong is named in `faults`."""

    types: dict[str, int] = field(default_factory=dict)  # snapshots by type of object
    verified: int = 0
    hashed: int = 0  # private ones without the regulator's key: only their hash was checked
    recomputed: int = 0
    erased: int = 0  # cannot be recomputed: a document of theirs was erased
    exceptions: int = 0
    anchors: int = 0
    found_out: str = ""  # of which object a changed copy was tried, and found out
    faults: list[str] = field(default_factory=list)

    @property
    def snapshots(self) -> int:
        """How many there are."""
        return sum(self.types.values())

    @property
    def ok(self) -> bool:
        return not self.faults

    def wrong(self, fault: str) -> None:
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(fault)


def audit(
    node: Node, store: SnapshotStore | None = None, regulator: Sm2PrivateKey | None = None
) -> Audit:
    """Verifies and recomputes everything that was reported.

    Args:
        store: where the bodies are; the data folder by default.
        regulator: opens what is private; without it only its hash is checked.

    Raises:
        NotFound: the ledger has no regulatory channel.
        LedgerError: it cannot be read.
    """
    csrb = open_csrb(node.ledger)
    found = Audit()
    snapshots = {(one.id, one.version): one for one in csrb.snapshots()}
    found.types = dict(sorted(Counter(one.type for one in snapshots.values()).items()))
    _verify(found, csrb, snapshots, store or open_store(node.folder / SNAPSHOTS), regulator)
    _check_anchors(found, node, csrb)
    _recompute(found, node, csrb, snapshots)
    return found


_Snapshots = dict[tuple[str, int], Snapshot]


def _verify(
    found: Audit,
    csrb: Csrb,
    snapshots: _Snapshots,
    store: SnapshotStore,
    regulator: Sm2PrivateKey | None,
) -> None:
    known = set(csrb.parameters().seal_keys)
    for one in snapshots.values():
        name = f"{one.id}/{one.version}"
        try:
            data = store.get(one.id, one.version, one.hash)
            if one.private:
                if regulator is None:
                    found.hashed += 1
                    continue
                data = open_envelope(data, regulator, name.encode())
            body = read(data)
            keys = {key.to_hex() for key in verify_seals(body)}
            if not keys & known or keys != set(one.seals):
                found.wrong(f"{name} is sealed by others than the channel says")
            elif content_digest(body) != one.content:
                found.wrong(f"{name} has another content than the channel says")
            else:
                found.verified += 1
        except UfmiError as problem:
            found.wrong(f"{name}: {problem.message}")


def _check_anchors(found: Audit, node: Node, csrb: Csrb) -> None:
    """Every reported block is the block of the business channel."""
    until = csrb.progress().block
    for block in node.channel.past_blocks():
        if block.number >= until:
            return
        anchor = csrb.anchor(block.number)
        if anchor is None or anchor.hash != block.hash.hex():
            found.wrong(f"block {block.number} is not the one that was anchored")
        else:
            found.anchors += 1


def _recompute(found: Audit, node: Node, csrb: Csrb, snapshots: _Snapshots) -> None:
    excepted = {(one.source.block, one.source.place): one for one in csrb.faults()}
    found.exceptions = len(excepted)
    until = csrb.progress().block
    builder = builders(node.folder)(None)
    expected: set[tuple[str, int]] = set()
    for block in node.channel.past_blocks():
        if block.number >= until:
            break
        for unit in units(builder.block(block)):
            for item in unit.items:
                source = item.source
                if (source.block, source.place) in excepted:
                    continue
                key = (str(item.header["object_id"]), int(item.header["version"]))
                expected.add(key)
                _compare(found, node, key, item, snapshots.get(key))
    for id, version in sorted(snapshots.keys() - expected):
        found.wrong(f"{id}/{version} follows from no message")


def _compare(
    found: Audit, node: Node, key: tuple[str, int], item: Item, known: Snapshot | None
) -> None:
    name = f"{key[0]}/{key[1]}"
    if known is None:
        found.wrong(f"{name} was not reported")
    elif content_digest(item.draft.snapshot) == known.content:
        found.recomputed += 1
    elif any(map(node.frontend.documents.tombstone, getattr(item.draft, "documents", ()))):
        # What was erased is named as erased, so the body is another than the one reported.
        found.erased += 1
    else:
        found.wrong(f"{name} was reported otherwise than its message says")
