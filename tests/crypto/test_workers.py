"""Processes that verify: the same verdicts, whatever becomes of them, and none is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ufmi.crypto import Signed, _tongsuo
from ufmi.crypto._pool import Workers
from ufmi.crypto._tongsuo import TongsuoProvider

from .helpers import key_of

KEY = key_of("working")
PUBLIC = KEY.public_key.to_bytes()


def items_of(count: int) -> list[Signed]:
    """Every third signature is of another message."""
    good = KEY.sign(b"good")
    return [(PUBLIC, b"good" if at % 3 else b"bad", good) for at in range(count)]


def verdicts_of(count: int) -> list[bool]:
    return [bool(at % 3) for at in range(count)]


@pytest.fixture
def workers() -> Iterator[Workers]:
    started = Workers(2)
    yield started
    started.close()


def is_running(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for_end(process_id: int) -> None:
    deadline = time.monotonic() + 60
    while is_running(process_id):
        assert time.monotonic() < deadline, f"process {process_id} goes on"
        time.sleep(0.05)


def test_workers_give_verdicts_in_order(workers: Workers) -> None:
    for count in (0, 1, 7, 100, 2):
        assert workers.verify(items_of(count)) == verdicts_of(count)


def test_large_messages_pass_both_ways(workers: Workers) -> None:
    message = b"m" * 300_000
    item = (PUBLIC, message, KEY.sign(message))
    assert workers.verify([item, (PUBLIC, message[1:], item[2])] * 3) == [True, False] * 3


def test_a_worker_that_ended_answers_nothing_and_the_other_goes_on(workers: Workers) -> None:
    ended, other = workers.process_ids()
    os.kill(ended, signal.SIGKILL)
    wait_for_end(ended)
    with pytest.raises(OSError, match="ended|[Bb]roken"):
        workers.verify(items_of(3))
    assert is_running(other)
    assert workers.verify(items_of(3)) == verdicts_of(3)


def test_what_broke_off_is_never_taken_for_the_next_answer(
    workers: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    worker = workers._idle.get()
    workers._idle.put(worker)
    workers.verify([])  # the other one; now the first is next again
    with monkeypatch.context() as patch:
        patch.setattr(worker, "_answers", type("Pipe", (), {"read": fail})())
        with pytest.raises(MemoryError):
            workers.verify(items_of(1))
    workers.verify([])
    with pytest.raises(OSError, match="ended"):
        workers.verify(items_of(2))


def test_closing_ends_them_and_they_answer_no_more(workers: Workers) -> None:
    before = workers.process_ids()
    workers.close()
    assert not any(map(is_running, before))
    with pytest.raises(OSError, match="ended"):
        workers.verify(items_of(3))
    workers.close()


def test_they_end_with_the_process_that_started_them() -> None:
    program = (
        "import os, signal; from ufmi.crypto._pool import Workers; w = Workers(2);"
        "print(*w.process_ids(), flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert told.returncode == -signal.SIGKILL
    process_ids = [int(word) for word in told.stdout.split()]
    assert len(process_ids) == 2
    for process_id in process_ids:
        wait_for_end(process_id)


def test_where_no_process_can_be_started_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(OSError, match="nonexistent"):
        Workers(2)


# -- the provider -------------------------------------------------------------------------------


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[TongsuoProvider]:
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(_tongsuo, "_LARGE", 9)
    monkeypatch.setattr(_tongsuo, "_WORTH_WORKERS", 60)
    made = TongsuoProvider()
    yield made
    made.close()


def until_workers(provider: TongsuoProvider) -> Workers:
    deadline = time.monotonic() + 60
    while provider.workers is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return provider.workers


def test_a_process_that_verifies_little_starts_no_others(provider: TongsuoProvider) -> None:
    for _ in range(20):
        assert provider.verify_many(items_of(14)) == verdicts_of(14)  # small parts
    assert provider.verify_many(items_of(50)) == verdicts_of(50)
    assert not provider.starting and provider.workers is None


def test_a_process_that_verifies_much_does(provider: TongsuoProvider) -> None:
    for _ in range(2):
        assert provider.verify_many(items_of(50)) == verdicts_of(50)
    workers = until_workers(provider)
    assert provider.verify_many(items_of(101)) == verdicts_of(101)
    assert provider.workers is workers


def test_verdicts_do_not_depend_on_the_workers(provider: TongsuoProvider) -> None:
    provider.verify_many(items_of(100))
    process_ids = until_workers(provider).process_ids()
    os.kill(process_ids[1], signal.SIGKILL)
    wait_for_end(process_ids[1])
    for _ in range(3):
        assert provider.verify_many(items_of(100)) == verdicts_of(100)
    assert provider.workers is None
    wait_for_end(process_ids[0])


def test_where_none_can_be_started_threads_go_on(
    provider: TongsuoProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    for _ in range(3):
        assert provider.verify_many(items_of(100)) == verdicts_of(100)
    provider.close()
    assert provider.workers is None
