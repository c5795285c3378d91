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
from pathlib import Path

from hfc.fabric import Client
from hfc.fabric.user import create_user
from hfc.util.keyvaluestore import FileKeyValueStore

CHANNEL, CONTRACT, MSP = "udl", "transfers", "OperatorMSP"
WAIT_SECONDS = 60


async def drive(connection: Path, count: int, in_flight: int, scratch: Path) -> float:
    """Transfers a second."""
    profile = connection / "connection-hfc.json"
    client = Client(net_profile=str(profile))
    client.new_channel(CHANNEL)
    peers = list(json.loads(profile.read_text())["channels"][CHANNEL]["peers"])
    member = connection / MSP
    store = FileKeyValueStore(str(scratch))
    key, certificate = (str(member / f"frontend-{kind}.pem") for kind in ("key", "cert"))
    user = create_user("frontend", MSP, store, MSP, key, certificate)
    numbers = iter(range(count))

    async def one_after_the_other() -> None:
        for number in numbers:
            accounts = [f"hfc-{os.getpid()}-{number}-{side}" for side in "ab"]
            answer = await client.chaincode_invoke(
                requestor=user,
                channel_name=CHANNEL,
                peers=peers,
                args=[*accounts, "5"],
                cc_name=CONTRACT,
                fcn="transfer",
                wait_for_event=True,
                wait_for_event_timeout=WAIT_SECONDS,
            )
            # Where a peer or the orderer refuses, hfc returns what it said.
            if answer:
                raise RuntimeError(str(answer))

    try:
        started = time.perf_counter()
        await asyncio.gather(*(one_after_the_other() for _ in range(in_flight)))
        return count / (time.perf_counter() - started)
    finally:
        await client.close_grpc_channels()


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
