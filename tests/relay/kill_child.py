"""The process that `test_kill` has killed: brings new blocks and reports, until a fault point.

Imports once, then forks a worker for every line "SEED POINT" on standard input, which kills itself
(SIGKILL) at the fault point of that number, counted over all that it passes; says how it ended.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.frontend.town import Town
from tests.relay.office import trade
from ufmi.ledger.gateway import Commit, Contract, Proposal, Transaction
from ufmi.node import Node
from ufmi.regulatory.store import Folder
from ufmi.relay import fold
from ufmi.relay.opening import open_relay
from ufmi.relay.past import Past
from ufmi.relay.queue import Limits


class Points:
    """Counts fault points and ends the process at one of them."""

    def __init__(self, fatal: int) -> None:
        self._left = fatal

    def reached(self) -> None:
        self._left -= 1
        if not self._left:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, owner: Any, name: str) -> None:
        """A fault point before a method and one after it."""
        method: Callable[..., Any] = getattr(owner, name)

        def faulty(*arguments: Any, **options: Any) -> Any:
            self.reached()
            answer = method(*arguments, **options)
            self.reached()
            return answer

        setattr(owner, name, faulty)


def work(folder: Path, seed: int, point: int) -> None:
    fold.SAVE_BLOCKS = 3
    points = Points(point)
    # Two relays take turns, and report in different portions.
    name, limits = ("one", Limits(3, 2)) if seed % 2 else ("two", Limits(7, 5))
    with Node.open(folder) as node:
        trade(Town(node), seed % 3, seed)
        for owner, method in (
            (Folder, "write"),
            (Past, "save"),
            (Past, "take"),
            (Contract, "evaluate"),
            (Proposal, "endorse"),
            (Transaction, "submit"),
            (Commit, "require_valid"),
            (fold.Fold, "take"),
        ):
            points.around(owner, method)
        with open_relay(folder, node.ledger, folder=folder / name, limits=limits) as relay:
            relay.run_once()


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    folder = Path(sys.argv[1])
    for command in sys.stdin:
        seed, point = map(int, command.split())
        worker = os.fork()
        if not worker:
            status = 1
            try:
                work(folder, seed, point)
                status = 0
            finally:
                sys.stderr.flush()
                os._exit(status)
        _, ended = os.waitpid(worker, 0)
        print(os.waitstatus_to_exitcode(ended), flush=True)


if __name__ == "__main__":
    main()
