"""The auditor finds that what was reported is what happened, and finds every change of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaincode.csrb.records import Snapshot
from ufmi.audit import audit
from ufmi.crypto import Sm2PrivateKey, sm3_hex
from ufmi.node import Node
from ufmi.regulatory.builders import Builder
from ufmi.relay.opening import SNAPSHOTS, open_csrb
from ufmi.scenario import run, start_ms
from ufmi.scenario.day import USERS_LEAST, day
from ufmi.system import ControlledClock

OPERATORS = [Sm2PrivateKey.from_hex(sm3_hex(name.encode())) for name in ("1", "2", "3")]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A day of a market, reported."""
    folder = tmp_path_factory.mktemp("audit") / "it"
    scenario = day(USERS_LEAST)
    clock = ControlledClock(start_ms(scenario))
    with Node.create(folder, operators=OPERATORS, clock=clock) as found:
        assert run(found, scenario, OPERATORS).ok
        with found.relay() as relay:
            relay.run_once()
        yield found


def regulator(node: Node) -> Sm2PrivateKey:
    return Sm2PrivateKey.load(node.folder / "keys" / "regulator.pem")


def file_of(node: Node, one: Snapshot) -> Path:
    return node.folder / SNAPSHOTS / one.location


def snapshot(node: Node, private: bool) -> Snapshot:
    return next(one for one in open_csrb(node.ledger).snapshots() if one.private == private)


def test_everything_is_verified_and_recomputed(node: Node) -> None:
    found = audit(node, regulator=regulator(node))
    assert found.faults == []
    assert found.verified == found.recomputed == found.snapshots > 100
    assert len(found.types) == 7 and found.exceptions == 0
    assert found.anchors == node.channel.height()


def test_without_the_regulators_key_only_the_hash_of_private_bodies_is_checked(node: Node) -> None:
    found = audit(node)
    assert found.ok and found.hashed > 20
    assert found.verified + found.hashed == found.snapshots == found.recomputed


@pytest.mark.parametrize("private", [False, True])
@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_body_that_was_changed_or_taken_away_is_named(
    node: Node, private: bool, damage: str
) -> None:
    one = snapshot(node, private)
    path = file_of(node, one)
    kept = path.read_bytes()
    try:
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes(kept[:-9] + bytes([kept[-9] ^ 1]) + kept[-8:])
        found = audit(node, regulator=regulator(node))
    finally:
        path.write_bytes(kept)
    assert len(found.faults) == 1 and found.faults[0].startswith(f"{one.id}/{one.version}: ")


def test_what_a_message_does_not_say_is_named(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a builder that reports something else would leave it."""
    block = Builder.block

    def another(self: Builder, one: object) -> object:
        drafts = block(self, one)  # type: ignore[arg-type]
        for draft in drafts:
            if "settlement_value" in str(draft.snapshot):
                draft.snapshot["header"]["content"]["timestamp"] += 1
        return drafts

    monkeypatch.setattr(Builder, "block", another)
    found = audit(node, regulator=regulator(node))
    assert len(found.faults) == found.types["settlement"]
    assert all("otherwise than its message says" in fault for fault in found.faults)


def test_what_was_left_out_or_made_up_is_named(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    block = Builder.block
    left = {"out": 1}

    def fewer(self: Builder, one: object) -> object:
        drafts = list(block(self, one))  # type: ignore[arg-type]
        if drafts and left["out"] and "infodisclosure" in str(drafts[-1].header):
            left["out"] -= 1
            drafts.pop()
        return drafts

    monkeypatch.setattr(Builder, "block", fewer)
    (fault,) = audit(node, regulator=regulator(node)).faults
    assert fault.endswith("follows from no message")
