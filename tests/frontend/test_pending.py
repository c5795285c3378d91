"""Results to come: settled once, seen by all who wait, whoever is first."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ufmi.errors import FrontendError
from ufmi.frontend.pending import Pending


def test_a_value_is_there_for_everybody_who_asks() -> None:
    pending: Pending[int] = Pending()
    assert not pending.done()
    pending.set_result(7)
    assert pending.done()
    assert [pending.result(), pending.result(0)] == [7, 7]


def test_a_failure_is_raised_to_everybody_who_asks() -> None:
    pending: Pending[int] = Pending()
    pending.set_exception(FrontendError("it failed"))
    for _ in range(2):
        with pytest.raises(FrontendError, match="it failed"):
            pending.result()


def test_who_waits_is_woken() -> None:
    pending: Pending[int] = Pending()
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(pending.result, 60) for _ in range(4)]
        pending.set_result(3)
        assert [one.result() for one in waiting] == [3] * 4


def test_waiting_ends_in_time() -> None:
    pending: Pending[int] = Pending()
    with pytest.raises(TimeoutError):
        pending.result(0.01)
    pending.set_result(1)
    assert pending.result(0.01) == 1


def test_it_is_settled_only_once() -> None:
    pending: Pending[int] = Pending()
    pending.set_result(1)
    with pytest.raises(RuntimeError):
        pending.set_result(2)
    with pytest.raises(RuntimeError):
        pending.set_exception(FrontendError("late"))
    assert pending.result() == 1


def test_callbacks_are_called_once_before_and_after() -> None:
    pending: Pending[int] = Pending()
    told: list[tuple[str, int]] = []
    pending.add_done_callback(lambda one: told.append(("before", one.result())))
    pending.add_done_callback(lambda one: told.append(("too", one.result())))
    assert told == []
    pending.set_result(5)
    pending.add_done_callback(lambda one: told.append(("after", one.result())))
    assert told == [("before", 5), ("too", 5), ("after", 5)]


def test_a_callback_that_fails_harms_nobody_else() -> None:
    pending: Pending[int] = Pending()
    told: list[int] = []

    def fail(_: object) -> None:
        raise ValueError("mine")

    pending.add_done_callback(fail)
    pending.add_done_callback(lambda one: told.append(one.result()))
    pending.set_result(5)
    pending.add_done_callback(fail)
    assert told == [5]


def test_no_callback_is_lost_in_a_race() -> None:
    """One thread settles many while another one waits for each."""
    many: list[Pending[int]] = [Pending() for _ in range(20_000)]
    seen: list[int] = []

    def wait() -> None:
        for pending in many:
            pending.add_done_callback(lambda one: seen.append(one.result()))

    thread = threading.Thread(target=wait)
    thread.start()
    for at, pending in enumerate(many):
        pending.set_result(at)
    thread.join()
    assert sorted(seen) == list(range(20_000))
