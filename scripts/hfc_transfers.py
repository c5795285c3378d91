"""Transfers through hfc (fabric-sdk-py), for the benchmark: runs in hfc's environment.

hfc_transfers.py CONNECTION COUNT IN_FLIGHT    prints {"rate": transfers a second}

Each is a transaction of its own on the contract `transfers`, endorsed by all peers, with its commit
waited for.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from hfc.fabric import Client
from hfc.fabric.user import create_user
from hfc.util.keyvaluestore import FileKeyValueStore

CHANNEL, CONTRACT, MSP = "udl", "transfers", "OperatorMSP"
WAIT_SECONDS = 60


class Worker:
    """One transfer after the other. A client of hfc can wait for one commit at a time."""

    def __init__(self, connection: Path, scratch: Path) -> None:
        profile = connection / "connection-hfc.json"
        self.client = Client(net_profile=str(profile))
        self.client.new_channel(CHANNEL)
        self._peers = list(json.loads(profile.read_text())["channels"][CHANNEL]["peers"])
        member = connection / MSP
        key, certificate = (str(member / f"frontend-{kind}.pem") for kind in ("key", "cert"))
        store = FileKeyValueStore(str(scratch))
        self._user = create_user("frontend", MSP, store, MSP, key, certificate)

    async def transfer(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            accounts = [f"hfc-{os.getpid()}-{number}-{side}" for side in "ab"]
            answer = await self.client.chaincode_invoke(
                requestor=self._user,
                channel_name=CHANNEL,
                peers=self._peers,
                args=[*accounts, "5"],
                cc_name=CONTRACT,
                fcn="transfer",
                wait_for_event=True,
                wait_for_event_timeout=WAIT_SECONDS,
            )
            # Where a peer or the orderer refuses, hfc returns what it said.
            if answer:
                raise RuntimeError(str(answer))


async def drive(connection: Path, count: int, in_flight: int, scratch: Path) -> float:
    """Transfers a second."""
    workers = [Worker(connection, scratch / str(at)) for at in range(in_flight)]
    try:
        await asyncio.gather(*(one.transfer(iter((-1 - at,))) for at, one in enumerate(workers)))
        numbers = iter(range(count))
        started = time.perf_counter()
        await asyncio.gather(*(one.transfer(numbers) for one in workers))
        return count / (time.perf_counter() - started)
    finally:
        for one in workers:
            await one.client.close_grpc_channels()


def main() -> None:
    """Entry point."""
    logging.disable(logging.WARNING)  # hfc talks of everything it does
    connection, count, in_flight = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    with tempfile.TemporaryDirectory(prefix="ufmi-hfc-") as scratch:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        rate = loop.run_until_complete(drive(connection, count, in_flight, Path(scratch)))
    print(json.dumps({"rate": rate}))


if __name__ == "__main__":
    main()
