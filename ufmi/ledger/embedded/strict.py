"""Strict mode: everything that is endorsed is executed again in a second process, and compared.

On a network every endorsing organisation executes for itself, and a contract that depends on more
than its arguments and the state fails there. Here it is found too: the second process has another
hash seed, another process id and other addresses, and runs at another time.
"""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import structlog

from ufmi.contract import Contract
from ufmi.errors import EndorseError, LedgerError, UfmiError
from ufmi.ledger.embedded import rwset
from ufmi.ledger.embedded.second import (
    Begin,
    Done,
    Failed,
    Found,
    FromSecond,
    GetMany,
    History,
    HungUp,
    Message,
    Past,
    PutMany,
    Refused,
    Run,
    Scan,
    SetEvent,
    Values,
    Wire,
)
from ufmi.ledger.embedded.simulator import Simulation
from ufmi.ledger.proposals import Call

PATIENCE_SECONDS = 120.0  # how long a contract may compute without asking for anything
_GRACE_SECONDS = 5.0
_PARTS_MAX = 8
_TEXT_MAX = 60
_SEEDS = 2**32
_BOOT = (
    "import sys; sys.path[:] = sys.argv[2:];from ufmi.ledger.embedded.second import main; main()"
)

_log = structlog.get_logger("ufmi.ledger")


class Outcome(NamedTuple):
    """What endorsers sign of an execution."""

    payload: bytes
    sets: rwset.ReadWriteSet
    event: tuple[str, bytes] | None

    @property
    def signed(self) -> tuple[object, ...]:
        """As bytes."""
        return self.payload, rwset.encode(self.sets), self.event


class SecondProcess:
    """Runs calls a second time. One call at a time; whoever calls holds the channel's lock."""

    def __init__(self, contracts: Mapping[str, Mapping[str, Contract]]) -> None:
        """Starts the process.

        Raises:
            LedgerError: it cannot import the contracts.
        """
        self._contracts = {
            channel: {name: _pickled(one) for name, one in own.items()}
            for channel, own in contracts.items()
        }
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._wire: Wire | None = None
        with self._lock:
            self._started()

    @property
    def pid(self) -> int | None:
        """Its process id, if it has been started and not been stopped."""
        return self._process.pid if self._process else None

    def repeat(self, call: Call, first: Outcome, simulation: Simulation) -> None:
        """Executes a call again, on a fresh simulation, and compares.

        Raises:
            EndorseError: it did something else.
            LedgerError: the second process ended or did not answer. The next call starts it anew.
        """
        with self._lock:
            answer = self._run(call, simulation)
        if isinstance(answer, Failed):
            parts = [f"the second execution failed: {answer.text}"]
        else:
            second = Outcome(answer.payload, simulation.result(), simulation.event)
            if first.signed == second.signed:
                return
            parts = differences(first, second)
        shown = parts[:_PARTS_MAX] + (["and more"] if len(parts) > _PARTS_MAX else [])
        raise EndorseError(
            f"ProposalResponsePayloads do not match: {call.contract}.{call.function}, executed"
            f" twice, differs in {'; '.join(shown)}",
            hint="A contract depends on its arguments and the state only: no clock, no chance,"
            " no order of a set, nothing of the process",
            transaction_id=call.tx_id,
        )

    def _run(self, call: Call, simulation: Simulation) -> Done | Failed:
        wire = self._started()
        try:
            wire.send(
                Run(
                    call.contract,
                    call.function,
                    call.arguments,
                    call.channel,
                    call.tx_id,
                    call.time_ms,
                    simulation.creator_msp,
                    simulation.creator_certificate,
                )
            )
            while not isinstance(message := wire.receive(), Done | Failed):
                wire.send(_answer(simulation, message))
        except Exception as problem:
            raise self._ended(problem) from problem
        except BaseException:
            self._stop()  # what it says next would belong to another call
            raise
        return message

    # -- the process --------------------------------------------------------------------------

    def _started(self) -> Wire:
        if self._process is not None and self._process.poll() is not None:
            _log.warning("second process ended", status=self._process.returncode)
            self._stop()
        if self._wire is not None:
            return self._wire
        ours, theirs = socket.socketpair()
        ours.settimeout(PATIENCE_SECONDS)
        wire = self._wire = Wire(ours, FromSecond)
        try:
            with theirs:
                self._process = _spawn(theirs.fileno())
            wire.send(Begin(self._contracts))
            answer = wire.receive()
        except Exception as problem:
            raise self._ended(problem) from problem
        except BaseException:
            self._stop()
            raise
        if isinstance(answer, Failed):
            self._stop()
            raise _not_importable(answer.text)
        return wire

    def _ended(self, problem: Exception) -> LedgerError:
        """Ends what is left of the process; the error to raise."""
        late = isinstance(problem.__cause__, TimeoutError)
        status = self._stop(0 if late else _GRACE_SECONDS)
        what = f"failed: {problem}"
        if isinstance(problem, HungUp):
            what = f"ended with status {status}: {problem}"
        if late:
            what = f"did not answer within {PATIENCE_SECONDS:.0f} s"
        return LedgerError(
            f"the second process of strict mode {what}",
            hint="The next call starts a new one; if it happens again, look at the contract",
            retryable=True,
        )

    def _stop(self, grace: float = _GRACE_SECONDS) -> int | None:
        """Ends the process, which is quick: it holds nothing. Its exit status."""
        process, wire = self._process, self._wire
        self._process = self._wire = None
        if wire is not None:
            wire.close()
        if process is None:
            return None
        try:
            return process.wait(grace)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            self._stop()


def _spawn(descriptor: int) -> subprocess.Popen[bytes]:
    optimised = ["-O"] * sys.flags.optimize
    return subprocess.Popen(
        [sys.executable, *optimised, "-c", _BOOT, str(descriptor), *sys.path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,  # ours holds answers only
        env={**os.environ, "PYTHONHASHSEED": other_hash_seed(os.environ)},
        pass_fds=(descriptor,),
        start_new_session=True,  # an interrupt from the keyboard is for us
    )


def other_hash_seed(environment: Mapping[str, str]) -> str:
    """A hash seed that is not this process's."""
    own = environment.get("PYTHONHASHSEED", "")
    return str((int(own) + 1) % _SEEDS) if own.isdigit() else "1"


def _pickled(contract: Contract) -> bytes:
    kind = type(contract)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if kind.__module__ == "__main__":
        raise _not_importable(f"{name} is defined in the script that was started")
    try:
        return pickle.dumps(contract)
    except Exception as problem:
        raise _not_importable(f"{name}: {problem}") from problem


def _not_importable(problem: str) -> LedgerError:
    return LedgerError(
        f"strict mode cannot have a contract in its second process: {problem}",
        hint="Define the contract's class at the top level of a module that can be imported",
    )


def _answer(simulation: Simulation, question: Message) -> Message:
    """Does for the second process what its stub was asked for."""
    try:
        match question:
            case GetMany(keys):
                return Values(simulation.get_many(keys))
            case PutMany(items):
                simulation.put_many(items)
            case Scan(start, end, limit):
                return Found(simulation.scan(start, end, limit))
            case History(key, limit):
                return Past(simulation.history(key, limit))
            case SetEvent(name, payload):
                simulation.set_event(name, payload)
    except UfmiError as problem:
        return Refused(type(problem).__name__, problem.message)
    return Values([])


# -- what differs -------------------------------------------------------------------------------


def differences(first: Outcome, second: Outcome) -> list[str]:
    """What two executions did differently, each part in words."""
    parts = []
    if first.payload != second.payload:
        parts.append(f"the response: {_both(first.payload, second.payload)}")
    if first.event != second.event:
        parts.append(f"the event: {_both(first.event, second.event)}")
    mine, other = first.sets, second.sets
    parts += _keys("written", mine.writes, other.writes)
    parts += _keys("read", mine.reads, other.reads)
    if mine.ranges != other.ranges:
        ours, theirs = ([(q.start, q.end) for q in one.ranges] for one in (mine, other))
        parts.append(f"the ranges read: {_both(ours, theirs)}")
    return parts


def _keys(verb: str, mine: Mapping[str, Any], other: Mapping[str, Any]) -> Iterable[str]:
    for key in sorted(mine.keys() | other.keys()):
        if key not in other or key not in mine:
            which = "first" if key in mine else "second"
            yield f"the key {_short(key)}, {verb} by the {which} only"
        elif mine[key] != other[key]:
            yield f"the key {_short(key)}, {verb} as {_both(mine[key], other[key])}"


def _both(mine: object, other: object) -> str:
    """Two values, shortened to around where they part."""
    ours, theirs = repr(mine), repr(other)
    pairs = zip(ours, theirs, strict=False)
    at = next((at for at, (a, b) in enumerate(pairs) if a != b), min(len(ours), len(theirs)))
    begin = max(0, at - _TEXT_MAX // 2)
    return f"{_short(ours, begin)} and {_short(theirs, begin)}"


def _short(text: str, begin: int = 0) -> str:
    end = begin + _TEXT_MAX
    return f"{'…' if begin else ''}{text[begin:end]}{'…' if len(text) > end else ''}"
