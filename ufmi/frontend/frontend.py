"""The front-end: takes messages in, queues them by arrival, has them executed, tells the parties.

check → journal (durable) → receipt → queue → batches → ledger → results and deliveries
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog

from ufmi.crypto import Signer
from ufmi.errors import Backpressure, FrontendError, Refused, SetAside
from ufmi.frontend import intake
from ufmi.frontend.batches import LINES_MAX, Executed, Queued
from ufmi.frontend.deliveries import deliveries, executed_lines, with_documents
from ufmi.frontend.dispatch import Dispatcher
from ufmi.frontend.documents import Documents
from ufmi.frontend.expiry import Expirer, deadline_of, open_deadlines
from ufmi.frontend.journal import Arrival, Journal
from ufmi.frontend.noticeindex import ASKED_MAX, NoticeIndex
from ufmi.frontend.notices import SignedBundle
from ufmi.frontend.outbox import Handler, Outbox
from ufmi.frontend.pending import Pending
from ufmi.frontend.progress import Progress
from ufmi.frontend.receipts import Arrived, Receipt, Receipts
from ufmi.frontend.runner import Runner, SetAsideList
from ufmi.frontend.view import LedgerView
from ufmi.ledger import Gateway
from ufmi.protocol import Entry, Line, Message, Result, SignedMessage, decode, remember
from ufmi.protocol.codes import user_id
from ufmi.protocol.users import X1
from ufmi.system import Clock

QUEUE_MAX = 50_000
SUBMIT_MAX = 1_000

_log = structlog.get_logger("ufmi.frontend")


class Ticket(msgspec.Struct, frozen=True):
    """What the sender of one message holds: a receipt, or the reason of the refusal."""

    receipt: Receipt | None
    refusal: Result | None = None
    done: Pending[Executed] | None = None

    def outcome(self, timeout: float | None = 60.0) -> Executed:
        """Waits for the message's result.

        Raises:
            Refused: the front-end did not take the message in.
            SetAside: its execution failed; the operator has it.
            LedgerError: the ledger does not work; the message is journaled and not lost.
            TimeoutError: no result yet.
        """
        if self.done is not None:
            return self.done.result(timeout)
        if self.refusal is None:
            raise FrontendError("the ticket has neither receipt nor refusal")
        raise Refused(self.refusal.code, self.refusal.detail)


class Frontend:
    """One front-end over one ledger. Only one may run over a data folder at a time."""

    def __init__(
        self,
        gateway: Gateway,
        folder: Path,
        signer: Signer,
        clock: Clock,
        *,
        in_flight: int = 0,
        lines_max: int = LINES_MAX,
        random_bytes: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Starts the front-end: what got a receipt and is not executed yet is queued again.

        Args:
            gateway: with the X.509 identity that `init` named.
            folder: for journal, documents and progress.
            signer: the front-end's SM2 key; signs receipts and its own messages.
            in_flight: how many batches may be on their way at once, on threads of their own;
                0 executes within `submit`, which keeps tests and scenarios deterministic.
            lines_max: how many lines a batch may have, up to LINES_MAX.

        Raises:
            LedgerError, JournalCorrupted: the ledger or the journal cannot be read.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._network = gateway.network("udl")
        self._contract = self._network.contract("udl")
        self._signer = signer
        self._clock = clock
        self.view = LedgerView(self._contract)
        self.documents = Documents(folder / "documents", clock)
        self.documents.recover()
        self._journal = Journal(folder / "journal")
        self._set_aside = SetAsideList(folder / "set-aside")
        self._expirer = Expirer(signer, random_bytes)
        self._progress = Progress(folder / "progress.json")
        self._outbox = Outbox(threaded=in_flight > 0)
        self._notices = NoticeIndex(folder / "notices.sqlite", self._network, signer)
        self._threaded = in_flight > 0
        self._closing = False
        self._lock = threading.RLock()
        # Is shown every line with its ticket, before it is executed: for demonstrations.
        self.observer: Callable[[Line, Ticket], None] | None = None
        runner = Runner(self._contract, self._set_aside)
        self._dispatcher = Dispatcher(runner, self._done, self._outbox.flush, in_flight, lines_max)
        self._next_user = self.view.next_user()
        self._next_number = self._recover()
        if not self._threaded:
            self._dispatcher.run_waiting()

    def _recover(self) -> int:
        """Queues the unfinished in order of arrival; returns the next arrival number."""
        start = self._progress.saved
        executed = dict.fromkeys(self._set_aside.numbers, start.block)
        for block in self._network.past_blocks(start.block):
            for one in executed_lines(block):
                executed[one.entry.number] = block.number
        for number in sorted(executed):
            if number >= start.number:
                self._progress.finish(number, executed[number])
        arrivals = self._journal.read()
        # A clock that stands behind the journal would make transactions older than arrivals.
        self._clock.not_before(arrivals[-1].time if arrivals else 0)
        due = [
            self._queued(arrival, None)
            for arrival in arrivals
            if arrival.number >= start.number and arrival.number not in executed
        ]
        for deadline in open_deadlines(self._contract):
            self._expirer.add(deadline)
        if due:
            _log.info("journal replayed", messages=len(due))
            self._dispatcher.enqueue(due)
        newest = arrivals[-1].number if arrivals else 0
        return max(start.number - 1, newest, *executed, 0) + 1

    # -- intake -----------------------------------------------------------------------------

    def submit(self, lines: Sequence[Line]) -> list[Ticket]:
        """Takes messages in. When it returns, each has a durable receipt or is refused.

        Raises:
            Backpressure: too many are waiting; none of these was taken in.
            StorageFailed: the journal cannot be written; none of these was taken in.
            LedgerError: the ledger has stopped working.
        """
        self._admit(len(lines))
        self._expire()
        checked = intake.check(lines, self.view, self._clock.now_ms())
        checked = [intake.keep_documents(one, self.documents) for one in checked]
        accepted = [one for one in checked if isinstance(one, intake.Accepted)]
        with self._lock:
            queued = self._take_in(accepted) if accepted else []
            taken = iter([Ticket(item.receipt, None, item.done) for item in queued])
            tickets = [Ticket(None, one) if type(one) is Result else next(taken) for one in checked]
            self._show(lines, tickets)
            self._dispatcher.enqueue(queued)
        if not self._threaded:
            self._dispatcher.run_waiting()
            self._outbox.flush()
        return tickets

    def _show(self, lines: Sequence[Line], tickets: Sequence[Ticket]) -> None:
        if self.observer is not None:
            for line, ticket in zip(lines, tickets, strict=True):
                self.observer(line, ticket)

    def send(self, line: Line, timeout: float | None = 60.0) -> Executed:
        """Submits one message and waits for its result. Raises what `Ticket.outcome` raises."""
        return self.submit([line])[0].outcome(timeout)

    def _admit(self, count: int) -> None:
        if self._closing:
            raise FrontendError("the front-end is closing", retryable=True)
        if self._dispatcher.failure is not None:
            raise self._dispatcher.failure
        if count > SUBMIT_MAX:
            raise Backpressure(f"more than {SUBMIT_MAX} messages at once")
        if self._dispatcher.waiting + count > QUEUE_MAX:
            raise Backpressure(f"more than {QUEUE_MAX} messages wait for the ledger")

    def _take_in(self, accepted: list[intake.Accepted]) -> list[Queued]:
        """Journals messages, numbers them and makes their receipts; one sync, one signature."""
        now = self._clock.now_ms()
        arrivals = [
            Arrival(self._next_number + at, now, one.line.text, one.line.signature)
            for at, one in enumerate(accepted)
        ]
        self._progress.take_in(self._next_number)
        self._journal.append(arrivals)
        self._next_number += len(arrivals)
        network = accepted[0].signed.message.network
        arrived = [
            Arrived(arrival.number, now, one.signed.digest)
            for arrival, one in zip(arrivals, accepted, strict=True)
        ]
        group = Receipts(network, tuple(arrived))
        signature = self._signer.sign(group.text().encode()).hex()
        return [
            self._queued(
                arrival,
                Receipt(arrival.number, now, one.signed.digest, group, signature),
                one.signed,
            )
            for arrival, one in zip(arrivals, accepted, strict=True)
        ]

    def _queued(
        self, arrival: Arrival, receipt: Receipt | None, signed: SignedMessage | None = None
    ) -> Queued:
        line = Line(arrival.text, arrival.signature)
        if signed is not None:
            found, raw = signed.message, remember(line, signed)
        else:
            decoded = decode(arrival.text)
            if not isinstance(decoded, Message):
                raise FrontendError(f"arrival {arrival.number} is no message")
            found, raw = decoded, line.encode()
        user = ""
        if type(found) is X1 and not found.unified:
            user = user_id(self._next_user)
            self._next_user += 1
        entry = Entry(arrival.number, arrival.time, user)
        return Queued(entry, found, line, raw, receipt)

    def sign_with(self, signer: Signer) -> None:
        """Signs receipts and its own messages with another key from now on."""
        with self._lock:
            self._signer = signer
            self._expirer.sign_with(signer)

    def _expire(self) -> None:
        """Sends `EXPIRE` for what is due."""
        network = self.view.network
        if network is None:
            return
        with self._lock, self._expirer.due(network.digest, self._clock.now_ms()) as due:
            if due:
                checked = intake.check(due, self.view, self._clock.now_ms())
                accepted = [one for one in checked if isinstance(one, intake.Accepted)]
                queued = self._take_in(accepted) if accepted else []
                tickets = [Ticket(item.receipt, None, item.done) for item in queued]
                self._show([one.line for one in accepted], tickets)
                self._dispatcher.enqueue(queued)

    def tick(self) -> None:
        """Does what is due by time alone. Call it now and then where nothing is submitted."""
        self.submit([])

    # -- results ----------------------------------------------------------------------------

    def _done(self, item: Queued, outcome: Executed | SetAside) -> None:
        if item.message.CHANGES_SIGNERS:
            self.view.forget(item.keys.writes)
        if isinstance(outcome, SetAside):
            self._finish(item.entry.number, 0)
            item.done.set_exception(outcome)
            return
        deadline = deadline_of(item.message, outcome.result)
        if deadline is not None:
            self._expirer.add(deadline)
        if self._outbox.connected:
            message = item.message
            sent = deliveries(message, item.signed, outcome.result, outcome.block)
            self._outbox.put(with_documents(sent, message, self.documents.get))
        self._finish(item.entry.number, outcome.block)
        item.done.set_result(outcome)

    def _finish(self, number: int, block: int) -> None:
        with self._lock:
            if self._progress.finish(number, block):
                self._journal.forget_before(self._progress.save().number)

    def connect(self, party: str, handler: Handler) -> None:
        """Hands what UFMI sends to `party` ("": to anybody) to a handler, from now on."""
        self._outbox.connect(party, handler)

    def disconnect(self, party: str, handler: Handler) -> None:
        """Ends a connection."""
        self._outbox.disconnect(party, handler)

    def notifications(
        self, party: str, start: int = 1, limit: int = ASKED_MAX
    ) -> list[SignedBundle]:
        """What was sent to `party` from its number `start` on, in signed bundles.

        Bundles are whole, so the first may begin below `start`, and the last may go beyond
        `limit`. A party that remembers its last number asks from the next one.

        Raises:
            UsageError: `start` or `limit` is out of range.
            StoreCorrupted: the index of notices is damaged; it can be deleted.
        """
        network = self.view.network
        return self._notices.ask(network.digest if network else "", party, start, limit)

    def set_aside(self) -> list[dict[str, object]]:
        """Messages that the operator has to look at: number, line, reason."""
        return self._set_aside.read()

    def close(self) -> None:
        """Lets batches in flight end and keeps the rest for the next start."""
        if self._closing:
            return
        self._closing = True
        self._dispatcher.close()
        self._outbox.close()
        self._notices.close()
        self._progress.save()
        self._journal.close()
        self._set_aside.close()
