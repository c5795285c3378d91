"""What does not pass the checks goes to the exception log, with pointers, and can be corrected."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chaincode.csrb.records import Source
from ufmi.crypto import Signer, Sm2PrivateKey, sm3
from ufmi.ledger import Block
from ufmi.node import Node
from ufmi.regulatory import Object, create, delete, overwrite, seal, update
from ufmi.relay.csrb import Csrb
from ufmi.relay.examine import CHAIN_MAX, units
from ufmi.relay.opening import open_csrb, open_relay
from ufmi.relay.queue import Limits

EXAMPLE = json.loads(
    (Path(__file__).parent.parent / "regulatory/examples/01-subject-operator.json").read_text()
)
BODY: Object = EXAMPLE["body"]
NOW = 1_750_000_000
OTHER = Signer.of(Sm2PrivateKey(sm3(b"another owner")))


@dataclass(frozen=True)
class Draft:
    """A draft as builders hand it over."""

    snapshot: Object
    source: Source
    private: bool = False
    owner: str = "NRIRSCNBJXXX"


class Script:
    """A builder that brings what it is told, block by block."""

    def __init__(self, blocks: Sequence[Sequence[Object]]) -> None:
        self._blocks = blocks
        self._next = 0

    def block(self, block: Block) -> list[Draft]:
        self._next += 1
        snapshots = self._blocks[block.number] if block.number < len(self._blocks) else ()
        return [Draft(one, Source("udl", block.number, "tx", 0)) for one in snapshots]

    def checkpoint(self) -> bytes:
        return str(self._next).encode()


def reported(node: Node, *blocks: Sequence[Object], limits: Limits | None = None) -> Csrb:
    def make(checkpoint: bytes | None) -> Script:
        return Script(blocks)

    with open_relay(node.folder, node.ledger, make_builder=make, limits=limits) as relay:
        relay.run_once()
    csrb = open_csrb(node.ledger)
    assert csrb.progress().block == node.channel.height()
    return csrb


def good(id: str) -> Object:
    body = json.loads(json.dumps(BODY).replace(EXAMPLE["header"]["content"]["object_id"], id))
    return create("subject", id, body, timestamp=NOW)


def small(id: str, version: int, **options: Any) -> Object:
    """An update that changes nothing."""
    return update("subject", id, version, {"subject_information": {}}, timestamp=NOW, **options)


def bad(id: str) -> Object:
    return create("subject", id, {"subject_information": {"unknown": 1}}, timestamp=NOW)


def test_a_life_is_reported_as_it_comes(node: Node) -> None:
    csrb = reported(
        node,
        [good("a"), good("b")],
        [small("a", 1), delete("subject", "b", 1, timestamp=NOW)],
        [overwrite("subject", "a", 0, BODY, timestamp=NOW), _again("a", 1)],
    )
    assert not list(csrb.faults())
    assert [one.operation for one in csrb.snapshots("a")] == ["overwrite", "overwrite"]
    assert [len(one.replaced) for one in csrb.snapshots("a")] == [1, 1]
    found = csrb.object("b")
    assert found is not None and found.deleted


def _again(id: str, version: int) -> Object:
    body = {"subject_information": {}}
    return overwrite("subject", id, version, body, timestamp=NOW, full=False)


WRONG: dict[str, tuple[list[Object], str]] = {
    "unknown member": ([bad("x")], "/body/subject_information/unknown UNKNOWN"),
    "no header": ([{"body": BODY}], "/header REQUIRED"),
    "nothing": ([{}], "/header REQUIRED"),
    "twice created": ([good("x"), good("x")], "LIFECYCLE: x exists already"),
    "never created": ([small("x", 1)], "LIFECYCLE: there is no object x"),
    "a version left out": ([good("x"), small("x", 2)], "LIFECYCLE: version 1 of x follows"),
    "after the end": (
        [good("x"), delete("subject", "x", 1, timestamp=NOW), small("x", 2)],
        "LIFECYCLE: x is deleted",
    ),
    "too long for a key": ([good("\U00020000" * 100)], "too many bytes"),
    "a wrong seal": (
        [{**good("x"), "header": {**seal(good("x"), OTHER)["header"], "remark": "changed"}}],
        "/header/seal SEAL",
    ),
    "an overwrite that does not go on": (
        [good("x"), small("x", 1), overwrite("subject", "x", 0, BODY, timestamp=NOW)],
        "LIFECYCLE: x must be overwritten from version 1 on too",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_goes_to_the_exception_log(node: Node, name: str) -> None:
    block, error = WRONG[name]
    csrb = reported(node, [], [*block, good("after")])
    (fault,) = csrb.faults()
    assert any(error in one for one in fault.errors), fault.errors
    assert (fault.source.block, fault.source.place) == (1, len(block) - 1)
    assert fault.owner == "NRIRSCNBJXXX"
    assert csrb.object("after") is not None
    assert len(list(csrb.snapshots())) == len(block)


def test_an_increment_is_checked_in_the_whole_object(node: Node) -> None:
    nothing = dict.fromkeys(BODY["subject_information"])
    cleared = update("subject", "x", 1, {"subject_information": nothing}, timestamp=NOW)
    csrb = reported(node, [good("x")], [cleared], [small("x", 1)])
    (fault,) = csrb.faults()
    assert any("/body/subject_information KIND" in one for one in fault.errors), fault.errors
    assert fault.corrected == "x/1"
    found = csrb.object("x")
    assert found is not None and found.latest == 1


def test_an_overwrite_is_taken_whole_or_not_at_all(node: Node) -> None:
    broken = overwrite("subject", "x", 1, {"subject_information": {"u": 1}}, timestamp=NOW)
    first = overwrite("subject", "x", 0, BODY, timestamp=NOW)
    csrb = reported(node, [good("x"), small("x", 1)], [first, broken], [first, _again("x", 1)])
    faults = list(csrb.faults())
    assert ["OVERWRITE_OPEN" in fault.errors[0] for fault in faults] == [True, False]
    assert [fault.corrected for fault in faults] == ["x/0", "x/0"]
    assert [len(one.replaced) for one in csrb.snapshots("x")] == [1, 1]


def test_an_overwrite_is_one_unit_up_to_a_limit() -> None:
    source = Source("udl", 0, "tx", 0)
    chain = [Draft(_again("x", at), source) for at in range(3)]
    others = [
        Draft(good("y"), source),
        Draft(_again("x", 0), source),
        Draft(_again("z", 1), source),
    ]
    sizes = [len(unit.items) for unit in units([*chain, *others])]
    assert sizes == [3, 1, 1, 1]
    places = [item.source.place for unit in units([*chain, *others]) for item in unit.items]
    assert places == list(range(6))
    assert Limits().items > CHAIN_MAX


def test_a_correction_marks_what_it_puts_right(node: Node) -> None:
    csrb = reported(
        node,
        [bad("x"), bad("x"), bad("y")],
        [good("x")],
        [good("z"), bad("z")],
        limits=Limits(items=1, anchors=1),
    )
    found = {(one.id, one.source.place): one.corrected for one in csrb.faults()}
    assert found == {("x", 0): "x/0", ("x", 1): "x/0", ("y", 2): "", ("z", 1): ""}


def test_seals_of_others_are_kept_and_counted(node: Node) -> None:
    csrb = reported(node, [seal(good("x"), OTHER)])
    (one,) = csrb.snapshots("x")
    assert one.seals == (OTHER.public_key.to_hex(), *csrb.parameters().seal_keys)
