"""Batches: conflicting messages run in order of arrival, never two of them at once."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ufmi.frontend import batches
from ufmi.frontend.batches import KeyLocks, Queued, form_batch
from ufmi.protocol import Entry, Keys, Line

NAMES = st.lists(st.sampled_from("abcde"), max_size=3).map(tuple)
KEYS = st.builds(Keys, NAMES, NAMES)


def queued(number: int, keys: Keys, size: int = 1) -> Queued:
    message: Any = None
    item = Queued(Entry(number, 0), message, Line("", ""), b"x" * size, None)
    item.keys = keys
    return item


def conflict(one: Keys, other: Keys) -> bool:
    both = set(one.reads) | set(one.writes)
    return bool(set(one.writes) & (set(other.reads) | set(other.writes))) or bool(
        set(other.writes) & both
    )


@given(st.data(), st.lists(KEYS, max_size=25), st.integers(1, 4), st.integers(1, 6))
def test_conflicting_messages_keep_their_order(
    data: st.DataObject, keys: list[Keys], in_flight: int, lines_max: int
) -> None:
    patch = pytest.MonkeyPatch()
    patch.setattr(batches, "LINES_MAX", lines_max)
    patch.setattr(batches, "WINDOW", lines_max * 2)
    try:
        queue = deque(queued(number, one) for number, one in enumerate(keys))
        locks, flying, order = KeyLocks(), [], []
        while queue or flying:
            batch = form_batch(queue, locks) if len(flying) < in_flight else []
            assert batch or flying, "nothing is in flight and nothing can go"
            if batch:
                numbers = [item.entry.number for item in batch]
                assert numbers == sorted(numbers)
                for other in flying:
                    for one in batch:
                        assert not any(conflict(one.keys, item.keys) for item in other)
                flying.append(batch)
                order += numbers
            if flying and (not batch or data.draw(st.booleans())):
                done = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
                locks.release(done)
        assert sorted(order) == list(range(len(keys))), "none lost, none twice"
        for at, later in enumerate(order):
            for earlier in order[at + 1 :]:
                assert earlier > later or not conflict(keys[earlier], keys[later])
        assert not locks._readers
        assert not locks._writers
    finally:
        patch.undo()


def test_readers_share_a_key_and_a_writer_has_it_alone() -> None:
    locks = KeyLocks()
    read, write = Keys(("a",), ()), Keys((), ("a",))
    first, second = queued(1, read), queued(2, read)
    locks.hold(read)
    assert locks.free(read)
    assert not locks.free(write)
    locks.hold(read)
    locks.release([first])
    assert not locks.free(write)
    locks.release([second])
    assert locks.free(write)
    locks.hold(write)
    assert not locks.free(read)


def test_what_does_not_conflict_overtakes_what_waits() -> None:
    locks = KeyLocks()
    locks.hold(Keys((), ("a",)))
    queue = deque([queued(1, Keys((), ("a",))), queued(2, Keys((), ("b",)))])
    assert [item.entry.number for item in form_batch(queue, locks)] == [2]
    assert [item.entry.number for item in queue] == [1]


def test_a_batch_is_limited_in_bytes_but_takes_one_at_least() -> None:
    size = batches.BYTES_MAX // 2 + 1
    queue = deque(queued(number, Keys((), (str(number),)), size) for number in range(3))
    queue.appendleft(queued(9, Keys((), ()), batches.BYTES_MAX * 2))
    taken = [[item.entry.number for item in form_batch(queue, KeyLocks())] for _ in range(4)]
    assert taken == [[9], [0], [1], [2]]
