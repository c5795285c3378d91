"""Which transactions conflict, against a model that knows keys, versions and nothing of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.ledger.embedded import EmbeddedLedger, simulator

from .kv import commit_raw, found, kv, program, signed, state, verified

NAMES = st.sampled_from(["a", "aa", "ab", "b", "c", "é", "\x01"])
STEPS = st.one_of(
    st.tuples(st.just("get"), NAMES),
    st.tuples(st.just("put"), NAMES, st.none() | st.sampled_from(["x", "y"])),
    st.tuples(
        st.just("scan"), st.just("") | NAMES, st.just("") | NAMES | st.just("zz"), st.integers(0, 5)
    ),
)
# Programs, how many blocks later each commits, and whether this process remembers endorsing it.
PROGRAMS = st.tuples(st.lists(STEPS, max_size=4), st.integers(0, 2), st.booleans())
ROUNDS = st.lists(st.lists(PROGRAMS, max_size=3), min_size=1, max_size=5)
Model = dict[str, tuple[str, tuple[int, int]]]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedLedger]:
    with found(tmp_path_factory.mktemp("shared") / "ledger") as one:
        yield one


def read_now(model: Model, start: str, end: str, limit: int) -> list[Any]:
    """What a peer with batches of two reads of a range."""
    within = [(key, model[key][1]) for key in sorted(model) if start <= key]
    within = [one for one in within if one[0] < end or not end]
    return within[: (limit + 1) // 2 * 2 + 1] if limit else []


def judge(model: Model, steps: list[Any], seen: list[Any], touched: set[str]) -> str:
    """A transaction holds if doing its reads again gives what they gave.

    And if its block has not touched a key that it got, be it by deleting what was not there.
    """
    now = observe(model, steps)
    if any(one[0] == "get" and one[1] in touched for one in seen):
        return "MVCC_READ_CONFLICT"
    for kind, status in (("get", "MVCC_READ_CONFLICT"), ("scan", "PHANTOM_READ_CONFLICT")):
        if [one for one in seen if one[0] == kind] != [one for one in now if one[0] == kind]:
            return status
    return "VALID"


def observe(model: Model, steps: list[Any]) -> list[Any]:
    seen: list[Any] = []
    put = set()
    for act, *rest in steps:
        if act == "put":
            put.add(rest[0])
        elif act == "scan":
            seen.append(("scan", read_now(model, *rest)))
        elif rest[0] not in put:
            seen.append(("get", rest[0], model[rest[0]][1] if rest[0] in model else None))
    return seen


def apply(model: Model, steps: list[Any], version: tuple[int, int]) -> set[str]:
    """Does the writes of a transaction that was judged valid; which keys it wrote."""
    before = {key: entry[0] for key, entry in model.items()}
    wrote = set()
    for key, last in {rest[0]: rest[1] for act, *rest in steps if act == "put"}.items():
        first = next(act for act, *rest in steps if act != "scan" and rest[0] == key)
        if first == "get" and before.get(key) == last:
            continue  # it was read, and is what it was
        wrote.add(key)
        model.pop(key, None)
        if last is not None:
            model[key] = (last, version)
    return wrote


@settings(max_examples=150, deadline=None)
@given(ROUNDS)
def test_conflicts_are_those_of_a_model(shared: EmbeddedLedger, rounds: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch, shared.anchor():
        patch.setattr(simulator, "BATCH", 2)
        client, channel, model = kv(shared), shared.channel("one"), {}
        waiting: list[tuple[int, list[Any], list[Any], Any]] = []
        for at in range(len(rounds) + 2):
            for steps, delay, own in rounds[at] if at < len(rounds) else []:
                one = program(client, *map(list, steps))
                if not own:
                    channel.endorsed.clear()
                waiting.append((at + delay, steps, observe(model, steps), signed(client, one)))
            due = [one for one in waiting if one[0] <= at]
            waiting = [one for one in waiting if one[0] > at]
            if not due:
                continue
            expected, number, touched = [], channel.height, set()
            for place, (_, steps, seen, _) in enumerate(due):
                expected.append(judge(model, steps, seen, touched))
                if expected[-1] == "VALID":
                    touched |= apply(model, steps, (number, place))
            assert commit_raw(shared, *[one[3] for one in due]) == expected
            found = {key: (value.decode(), at) for key, (value, at) in state(shared).items()}
            assert found == {key: (f'"{value}"', at) for key, (value, at) in model.items()}
        assert verified(shared).problems == []
