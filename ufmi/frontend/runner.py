"""Runs batches on the ledger: tries again what may be, isolates what cannot run."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog

from ufmi.errors import (
    CommitError,
    ContractError,
    EndorseError,
    LedgerError,
    LimitExceeded,
    SetAside,
    UndeclaredKey,
)
from ufmi.frontend.batches import Executed, Queued
from ufmi.frontend.deliveries import header
from ufmi.ledger import Contract
from ufmi.protocol import Result
from ufmi.recordlog import RecordLog

# How often a batch may be found invalid: each time costs a block, and the front-end's own order
# leaves no conflicts but those of peers at different heights.
CONFLICTS_MAX = 6
# How long a batch is tried while peers or orderers are away, with growing pauses. A restarted
# peer is back within seconds; longer than this is for the operator to see.
PATIENCE_SECONDS = 120.0
# An orderer that dies can take with it what it had accepted: no news for so long, and the batch is
# executed again.
STATUS_SECONDS = 15.0
PAUSE_SECONDS = 0.05
PAUSE_SECONDS_MAX = 2.0

# A defect, an undeclared key, a limit: what one line can cause. Anything else stops the front-end,
# or a wrong configuration would set every message aside.
_FAILURES_OF_A_LINE = (ContractError.code, UndeclaredKey.code, LimitExceeded.code)

_log = structlog.get_logger("ufmi.frontend")
_results = msgspec.json.Decoder(list[Result])

# Is told the outcome of each message, or why it was set aside.
Done = Callable[[Queued, Executed | SetAside], None]


class SetAsideList:
    """Messages taken out because executing them fails as a whole: durable, for the operator."""

    def __init__(self, folder: Path) -> None:
        self._log = RecordLog(folder, ".set-aside")
        self.numbers = {int(json.loads(raw)["number"]) for _, raw in self._log.scan(repair=True)}

    def add(self, item: Queued, reason: str) -> None:
        entry = {"number": item.entry.number, "line": item.line.decode(), "reason": reason}
        self._log.append([json.dumps(entry, ensure_ascii=False).encode()])
        self.numbers.add(item.entry.number)

    def read(self) -> list[dict[str, object]]:
        """What was set aside: number, line, reason."""
        return [json.loads(raw) for _, raw in self._log.scan()]

    def close(self) -> None:
        self._log.close()


class Runner:
    """Executes batches through the contract `udl`."""

    def __init__(self, contract: Contract, set_aside: SetAsideList) -> None:
        self._contract = contract
        self._set_aside = set_aside

    def run(self, batch: list[Queued], done: Done) -> None:
        """Executes a batch; calls `done` once for every message, in order.

        A batch that fails as a whole is halved until the message that fails alone is found.

        Raises:
            LedgerError: the ledger does not work; what has not been reported done is still due.
        """
        try:
            outcomes = self._execute(batch)
        except _ContractFailed as failed:
            if len(batch) > 1:
                middle = len(batch) // 2
                self.run(batch[:middle], done)
                self.run(batch[middle:], done)
                return
            item, reason = batch[0], failed.reason
            self._set_aside.add(item, reason)
            _log.error("message set aside", number=item.entry.number, reason=reason)
            done(item, SetAside(f"message {item.message.identity} was set aside: {reason}"))
            return
        for item, outcome in zip(batch, outcomes, strict=True):
            done(item, outcome)

    def _execute(self, batch: list[Queued]) -> list[Executed]:
        arguments = (header([item.entry for item in batch]), *[item.line for item in batch])
        pause, end = PAUSE_SECONDS, time.monotonic() + PATIENCE_SECONDS
        conflicts = 0
        while True:
            try:
                return self._execute_once(arguments)
            except LedgerError as problem:
                conflicts += isinstance(problem, CommitError)
                over = conflicts == CONFLICTS_MAX or time.monotonic() > end
                if over or not problem.retryable:
                    raise
                # Peers at different heights, one that restarts, or no news of the commit.
                # Executing again is safe: what was executed gives its first result.
                _log.info("batch is tried again", reason=problem.message)
                time.sleep(pause)
                pause = min(2 * pause, PAUSE_SECONDS_MAX)

    def _execute_once(self, arguments: Sequence[bytes]) -> list[Executed]:
        try:
            endorsed = self._contract.new_proposal("execute", *arguments).endorse()
        except EndorseError as problem:
            if not any(code in str(problem) for code in _FAILURES_OF_A_LINE):
                raise
            raise _ContractFailed(str(problem)) from problem
        results = _results.decode(endorsed.result)
        commit = endorsed.submit()
        status = commit.require_valid(STATUS_SECONDS)
        return [Executed(result, status.block, commit.transaction_id) for result in results]


class _ContractFailed(Exception):
    """The contract did not execute the batch."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
