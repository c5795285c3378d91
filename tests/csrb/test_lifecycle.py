"""The life of objects, held against a reference that knows nothing of the contract's way."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaincode.csrb.records import REPLACED_MAX, Snapshot
from ufmi.contract import decode_record
from ufmi.errors import ContractFailure

from .channel import Channel, operation

Step = tuple[str, str, int]  # operation, id, version


@dataclass
class Life:
    """What the reference remembers of an object: its versions, each a list of operations."""

    versions: list[list[str]] = field(default_factory=list)
    over: bool = False


def reference(lives: dict[str, Life], block: list[Step]) -> dict[str, Life] | None:
    """The objects after a block, or None where a rule of table 6.5 forbids any of it."""
    after = {
        id: Life([list(one) for one in life.versions], life.over) for id, life in lives.items()
    }
    due: dict[str, list[int]] = {}
    for name, id, version in block:
        life = after.setdefault(id, Life())
        count = len(life.versions)
        waiting = due.get(id, [])
        if waiting and (name != "overwrite" or version != waiting[0]):
            return None
        if name == "create" and not count and version == 0:
            life.versions.append([name])
        elif name in ("update", "delete") and count and not life.over and version == count:
            life.versions.append([name])
            life.over = name == "delete"
        elif name == "overwrite" and not life.over and 0 <= version < count:
            life.versions[version].append(name)
            due[id] = list(range(version + 1, count))
        else:
            return None
    return None if any(due.values()) else after


steps = st.tuples(
    st.sampled_from(["create", "update", "update", "overwrite", "delete"]),
    st.sampled_from(["a", "b"]),
    st.integers(0, 4),
)


def chained(step: Step, length: int) -> list[Step]:
    """An overwrite often goes on, or random steps would never come to the end of one."""
    name, id, version = step
    more = length if name == "overwrite" else 0
    return [(name, id, version + at) for at in range(more + 1)]


blocks = st.lists(
    st.lists(st.builds(chained, steps, st.integers(0, 3)), min_size=1, max_size=3).map(
        lambda parts: [step for part in parts for step in part]
    ),
    max_size=14,
)


@settings(max_examples=300, deadline=None)
@given(blocks, st.integers(0, 2))
def test_the_contract_allows_what_the_reference_allows(
    random: list[list[Step]], updates: int
) -> None:
    channel = Channel()
    lives: dict[str, Life] = {}
    start = [("create", "a", 0), *[("update", "a", at) for at in range(1, updates + 1)]]
    for block in [start, *random]:
        expected = reference(lives, block)
        before = dict(channel.state)
        try:
            channel.take(*[operation(id, version, name) for name, id, version in block])
        except ContractFailure:
            assert expected is None, block
            assert channel.state == before
        else:
            assert expected is not None, block
            lives = expected
        assert_same(channel, lives)


def assert_same(channel: Channel, lives: dict[str, Life]) -> None:
    for id, life in lives.items():
        found = channel.ask("object", id)
        assert (found["latest"], found["deleted"]) == (len(life.versions) - 1, life.over)
        stored = channel.ask("snapshots", id)
        assert [one["operation"] for _, one in stored] == [names[-1] for names in life.versions]
        assert [len(one["replaced"]) + 1 for _, one in stored] == [
            len(names) for names in life.versions
        ]


def test_an_overwrite_keeps_the_hashes_of_what_it_replaced() -> None:
    channel = Channel()
    old = [operation("a", 0, "create"), operation("a", 1, "update")]
    channel.take(*old)
    for round in ("1", "2"):
        new = [operation("a", at, "overwrite", hash=f"{round}{at}" * 32) for at in (0, 1)]
        channel.take(*new)
    for at in (0, 1):
        found = decode_record(channel.state[f"snapshot/a/{at:06d}"], Snapshot)
        assert found.hash == f"2{at}" * 32
        assert found.replaced == (old[at].hash, f"1{at}" * 32)


def test_type_and_owner_stay() -> None:
    channel = Channel()
    channel.take(operation("a", 0, "create"))
    for changes in ({"type": "account"}, {"owner": "NREGICNBJXXX"}):
        for name, version in (("update", 1), ("overwrite", 0), ("delete", 1)):
            with pytest.raises(ContractFailure, match="a is a subject of"):
                channel.take(operation("a", version, name, **changes))


def test_an_overwrite_ends_in_the_report_that_began_it() -> None:
    channel = Channel()
    channel.take(operation("a", 0, "create"), operation("a", 1, "update"))
    with pytest.raises(ContractFailure, match="overwritten from version 1 on too"):
        channel.take(operation("a", 0, "overwrite"))
    channel.take(
        operation("a", 0, "overwrite"),
        operation("b", 0, "create"),  # others may come in between
        operation("a", 1, "overwrite"),
    )


def test_what_was_replaced_too_often_is_refused() -> None:
    channel = Channel()
    channel.take(operation("a", 0, "create"))
    once = [operation("a", 0, "overwrite")] * (REPLACED_MAX // 2)
    channel.take(*once)
    channel.take(*once)
    with pytest.raises(ContractFailure, match="overwritten 1000 times"):
        channel.take(operation("a", 0, "overwrite"))
