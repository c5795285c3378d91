"""The process that `test_kill` kills: works on a data folder until it is killed.

Imports once, then forks a worker for every line "SEED IN_FLIGHT" on standard input; says its
process id, and how it ended.
"""

from __future__ import annotations

import os
import random
import sys
import threading
from functools import partial
from pathlib import Path

import structlog

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.frontend.town import USERS, Town
from ufmi.frontend import frontend, progress
from ufmi.frontend.journal import Journal
from ufmi.ledger.embedded import channel, statestore
from ufmi.node import Node
from ufmi.recordlog import RecordLog

CLIENTS = 2


def make_files_small() -> None:
    """Journal, blocks, progress and state turn over all the time, not once in 20,000 messages."""
    progress._SAVE_EVERY = 7
    statestore._FLUSH_ENTRIES = 60
    frontend.Journal = partial(Journal, bytes_max=12_000)
    channel.RecordLog = partial(RecordLog, bytes_max=60_000)


def client(town: Town, acknowledged: int, chance: random.Random) -> None:
    """Submits small groups for ever; writes down each receipt."""
    while True:
        lines = []
        for _ in range(chance.randint(1, 2)):
            y1 = town.y1(chance.randint(1, USERS), chance.randint(1, 9))
            lines += [town.line(y1), town.line(town.locked(y1))]
            if chance.random() < 0.3:
                lines.append(town.line(town.x1(town.tx())))
        for ticket in town.node.frontend.submit(lines):
            assert ticket.receipt is not None, ticket.refusal
            note = f"{ticket.receipt.number} {ticket.receipt.digest}\n"
            os.write(acknowledged, note.encode())


def work(folder: Path, seed: int, in_flight: int) -> None:
    if seed % 2:
        make_files_small()
    name = folder / "acknowledged"
    acknowledged = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    town = Town(Node.open(folder, in_flight=in_flight))
    chance = random.Random(seed)
    for at in range(CLIENTS - 1 if in_flight else 0):
        other = random.Random(seed * 100 + at)
        threading.Thread(target=client, args=(town, acknowledged, other), daemon=True).start()
    client(town, acknowledged, chance)


def main() -> None:
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    folder = Path(sys.argv[1])
    for command in sys.stdin:
        seed, in_flight = map(int, command.split())
        worker = os.fork()
        if not worker:
            try:
                work(folder, seed, in_flight)
            finally:
                os._exit(1)
        print(worker, flush=True)
        _, status = os.waitpid(worker, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
