"""The relay, or cross-chain gateway: reports what happens on channel `udl` to channel `csrb`.

How far it is, only the contract knows. So a relay may die at any moment, and several may run: each
report is taken exactly once, whoever brings it.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

import msgspec
import structlog

from chaincode.csrb.records import Progress, Report
from ufmi.errors import LedgerError, UfmiError
from ufmi.ledger import Block, Network
from ufmi.relay.bodies import Bodies
from ufmi.relay.csrb import Csrb
from ufmi.relay.fold import Fold, MakeBuilder
from ufmi.relay.past import Past
from ufmi.relay.queue import Limits, Queue
from ufmi.system import FolderLock

# How long a report is tried while peers or orderers are away, with growing pauses.
PATIENCE_SECONDS = 120.0
PAUSE_SECONDS = 0.05
PAUSE_SECONDS_MAX = 2.0
# Between two looks for new blocks, and after an error.
POLL_SECONDS = 0.2
RECOVERY_SECONDS_MAX = 30.0
# A relay that was too late takes over when nobody has reported for so long.
STANDBY_SECONDS = 3.0

_log = structlog.get_logger("ufmi.relay")


class Status(msgspec.Struct):
    """How a relay does. Counts are its own, since it was started."""

    channel: str
    reported: Progress
    height: int  # blocks of the business channel
    folded: int = 0  # blocks
    standby: bool = False
    last_error: str = ""  # of what is still wrong
    errors: int = 0
    reports: int = 0
    snapshots: int = 0
    exceptions: int = 0
    overtaken: int = 0  # times that another relay was faster

    @property
    def lag(self) -> int:
        """Blocks that are not wholly reported yet."""
        return max(0, self.height - self.reported.block)


class Relay:
    """Works in a folder of its own. `run_once`, `run` and `close` are for one thread."""

    def __init__(
        self,
        source: Network,
        csrb: Csrb,
        folder: Path,
        make_builder: MakeBuilder,
        bodies: Bodies,
        limits: Limits | None = None,
    ) -> None:
        """Opens the folder, which need not be there and can be deleted when no relay runs.

        Raises:
            LedgerInUse: another relay works in it.
            StorageFailed: it cannot be used.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = FolderLock(folder)
        self._source = source
        self._csrb = csrb
        self._bodies = bodies
        self._queue = Queue(source.channel, limits or Limits())
        self._status = Status(source.channel, self._queue.begin, 0)
        self._stop = threading.Event()
        try:
            self._fold = Fold(Past(folder / "fold.db"), make_builder)
        except BaseException:
            self._lock.release()
            raise

    def status(self) -> Status:
        """How it does, as of the last look. May be called from any thread."""
        return msgspec.structs.replace(self._status)

    def run_once(self) -> int:
        """Reports everything that is there by now; returns in how many reports.

        Raises:
            BlockNotProven: a block of the business channel is not what its orderers signed.
            LedgerError: a ledger does not work, or the contract refuses a report.
            SnapshotError, StorageFailed: the snapshot store or the disk refuses.
        """
        made = 0
        try:
            self._synchronise(self._csrb.progress(self._source.channel))
            height = self._look()
            if self._fold.block < height:
                for block in self._source.past_blocks(self._fold.block):
                    self._take(block)
                    while self._queue.full and not self._stop.is_set():
                        made += self._report()
                    if self._stop.is_set():
                        return made
                    self._save_if_due()
            while self._queue and not self._stop.is_set():
                made += self._report()
            self._save_if_due()
        except UfmiError as problem:
            self._failed(problem)
            raise
        self._status.last_error = ""
        return made

    def run(self) -> None:
        """Reports as blocks come, until `stop`. Failures are seen in the status and tried again."""
        pause = POLL_SECONDS
        while not self._stop.is_set():
            try:
                overtaken = self._status.overtaken
                self.run_once()
                pause = POLL_SECONDS
                if self._status.overtaken > overtaken:
                    self._stand_by()
            except UfmiError as problem:
                _log.error("the relay cannot go on", reason=str(problem))
                pause = min(2 * pause, RECOVERY_SECONDS_MAX)
            self._stop.wait(pause)

    def stop(self) -> None:
        """Ends `run` after the report under way. May be called from any thread or signal."""
        self._stop.set()

    def close(self) -> None:
        """Writes a checkpoint and lets the folder go."""
        try:
            self._save_if_due(now=True)
        finally:
            self._fold.close()
            self._bodies.close()
            self._lock.release()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- the way of a block -----------------------------------------------------------------

    def _take(self, block: Block) -> None:
        try:
            self._fold.take(block, self._queue)
        except BaseException:
            # Whatever was half done of the block is done again from the checkpoint.
            self._queue.clear()
            self._fold.reload()
            raise
        self._status.folded = self._fold.block
        if not self._fold.is_on(self._queue.begin):
            self._queue.clear()
            self._fold.reload()
            raise LedgerError(
                f"block {self._queue.begin.block - 1} of {self._source.channel} is not the one"
                " that was reported",
                hint="The channels do not belong together; restore both from one backup",
            )

    def _report(self) -> int:
        """Brings the next report to the ledger; 0 where another relay was faster."""
        report = self._queue.report(self._bodies.prepare)
        pause, end = PAUSE_SECONDS, time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                self._csrb.report(report)
                self._reported(report)
                return 1
            except LedgerError as problem:
                self._status.errors += 1
                _log.info("report is not taken", reason=problem.message)
                known = self._progress(end)
                if known == report.end:
                    # It arrived after all, or another relay brought the same.
                    self._reported(report)
                    return 1
                if known != report.begin:
                    self._status.overtaken += 1
                    self._synchronise(known)
                    return 0
                over = time.monotonic() > end or self._stop.is_set()
                if over or not problem.retryable:
                    raise
            self._stop.wait(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)

    def _progress(self, end: float) -> Progress:
        """What the contract says, asked again while it cannot be reached."""
        pause = PAUSE_SECONDS
        while True:
            try:
                return self._csrb.progress(self._source.channel)
            except LedgerError as problem:
                over = time.monotonic() > end or self._stop.is_set()
                if over or not problem.retryable:
                    raise
            self._stop.wait(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)

    def _reported(self, report: Report) -> None:
        self._queue.advance(report.end)
        status = self._status
        status.reported = report.end
        status.reports += 1
        status.snapshots += len(report.snapshots)
        status.exceptions += len(report.faults)

    def _synchronise(self, known: Progress) -> None:
        """Goes on from where the contract is."""
        before = self._queue.begin
        behind = (known.block, known.index) < (before.block, before.index)
        if behind or (known.block < self._fold.block and not self._queue):
            # The channel is behind what was folded, as after a restored backup.
            self._queue.clear()
            self._fold.reload()
            if self._fold.block > known.block:
                self._fold.restart()
        if not self._fold.is_on(known):
            self._queue.clear()
            self._fold.restart()
        self._queue.advance(known)
        self._status.reported = known
        self._status.folded = self._fold.block

    def _look(self) -> int:
        height = self._source.height()
        self._status.height = height
        reported = self._status.reported
        if (reported.block, reported.index) > (height, 0):
            raise LedgerError(
                f"{reported.block} blocks of {self._source.channel} are reported, it has {height}",
                hint="The peer is behind, or the channels do not belong together",
                retryable=True,
            )
        return height

    def _save_if_due(self, *, now: bool = False) -> None:
        if not self._queue and self._fold.block <= self._queue.begin.block:
            self._fold.save_if_due(now=now)

    def _failed(self, problem: UfmiError) -> None:
        self._status.last_error = str(problem)
        self._status.errors += 1

    # -- beside another relay ---------------------------------------------------------------

    def _stand_by(self) -> None:
        """Waits while another relay reports; keeps up with it, so as to take over at once."""
        self._status.standby = True
        try:
            while not self._stop.wait(STANDBY_SECONDS):
                before = self._status.reported
                known = self._csrb.progress(self._source.channel)
                self._synchronise(known)
                height = self._look()
                self._keep_up(known.block)
                if known == before and self._status.lag:
                    _log.info("takes over", block=known.block, height=height)
                    return
        finally:
            self._status.standby = False

    def _keep_up(self, until: int) -> None:
        """Folds what is reported already."""
        if self._fold.block < until:
            for block in self._source.past_blocks(self._fold.block):
                if block.number >= until or self._stop.is_set():
                    break
                self._take(block)
            self._save_if_due()


class Follower:
    """A relay on a thread of its own. Leaving the `with` block stops and closes it."""

    def __init__(self, relay: Relay) -> None:
        self.relay = relay
        self._thread = threading.Thread(target=relay.run, name="ufmi-relay", daemon=True)

    def __enter__(self) -> Relay:
        self._thread.start()
        return self.relay

    def __exit__(self, *_: object) -> None:
        self.relay.stop()
        self._thread.join()
        self.relay.close()
