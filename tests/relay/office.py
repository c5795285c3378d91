"""What must hold of a relay's work: all that the blocks bring is reported once, with its body."""

from __future__ import annotations

from collections import Counter
from typing import Any

from msgspec.structs import replace

from chaincode.csrb.records import Progress, Snapshot, Source
from tests.frontend.town import USERS, Town
from ufmi.crypto import Sm2PrivateKey, sm3_hex
from ufmi.crypto.envelope import open_envelope
from ufmi.ledger.embedded.verify import verify_channel
from ufmi.node import Node
from ufmi.regulatory import read, signed_bytes, verify_seals
from ufmi.regulatory.store import open_store
from ufmi.relay.csrb import Csrb
from ufmi.relay.opening import SNAPSHOTS, builders, open_csrb

# A snapshot as it must be, whoever reports it and whenever.
Expected = tuple[str, int, str, Source, str]


def expected(node: Node) -> list[Expected]:
    """What the blocks of `udl` bring, folded apart from any relay."""
    builder = builders(node.folder)(None)
    found: list[Expected] = []
    for block in node.channel.past_blocks():
        for place, draft in enumerate(builder.block(block)):
            content = draft.snapshot["header"]["content"]
            found.append(
                (
                    content["object_id"],
                    content["version"],
                    content["operation"],
                    replace(draft.source, place=place),
                    sm3_hex(signed_bytes(draft.snapshot)),
                )
            )
    return found


def assert_reported(node: Node) -> Csrb:
    """Everything that is on `udl` is on `csrb`, once and whole."""
    csrb = open_csrb(node.ledger)
    height = node.channel.height()
    progress = csrb.progress()
    assert (progress.block, progress.index) == (height, 0)
    reported = [
        (one.id, one.version, one.operation, one.source, one.content) for one in csrb.snapshots()
    ]
    wanted = expected(node)
    assert not list(csrb.faults()), [fault.errors for fault in csrb.faults()]
    assert Counter(reported) == Counter(wanted)
    assert len(wanted) == len(set(wanted))
    for block in node.channel.past_blocks():
        anchor = csrb.anchor(block.number)
        assert anchor is not None and anchor.hash == block.hash.hex()
    for snapshot in csrb.snapshots():
        assert_body(node, csrb, snapshot)
    return csrb


def assert_body(node: Node, csrb: Csrb, snapshot: Snapshot) -> Any:
    """The stored body has the hash on the ledger, opens for the regulator, and its seals hold."""
    store = open_store(node.folder / SNAPSHOTS)
    data = store.get(snapshot.id, snapshot.version, snapshot.hash)  # checks the hash
    assert len(data) == snapshot.size
    if snapshot.private:
        key = Sm2PrivateKey.load(node.folder / "keys" / "regulator.pem")
        data = open_envelope(data, key, snapshot.name.encode())
    body = read(data)
    keys = tuple([key.to_hex() for key in verify_seals(body)])
    assert keys == snapshot.seals
    assert set(keys) <= set(csrb.parameters().seal_keys)
    assert sm3_hex(signed_bytes(body)) == snapshot.content
    return body


def assert_ledger(node: Node) -> None:
    for name in ("udl", "csrb"):
        found = verify_channel(node.embedded.channel(name), node.embedded.topology.orderer)
        assert found.ok, found.problems


def trade(town: Town, count: int, start: int = 0) -> None:
    """More blocks: deposits, each in a block of its own."""
    for at in range(start, start + count):
        y1 = town.y1(at % USERS + 1, 10 + at)
        for line in (town.line(y1), town.line(town.locked(y1))):
            assert town.node.frontend.send(line).result.accepted


def progress(node: Node) -> Progress:
    return open_csrb(node.ledger).progress()
