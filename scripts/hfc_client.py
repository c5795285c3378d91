"""A client of UFMI's contract on hfc (fabric-sdk-py): runs in hfc's environment, not in UFMI's.

hfc_client.py CONNECTION network         prints the network's digest
hfc_client.py CONNECTION execute FILE    executes signed lines, prints what became of them

CONNECTION is the folder that `ufmi ledger serve --connection` writes (docs/serve.md).
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hfc.fabric import Client
from hfc.fabric.user import create_user
from hfc.protos.peer.chaincode_pb2 import ChaincodeInvocationSpec
from hfc.util.keyvaluestore import FileKeyValueStore

CHANNEL, CONTRACT = "udl", "udl"
FRONTEND_MSP = "OperatorMSP"
WAIT_SECONDS = 60
DONE = ("OK", "PENDING")

# Event, block, transaction.
Events = asyncio.Queue[tuple[Any, int, str]]


class Wrong(Exception):
    """Something is not as it should be."""


def profile(connection: Path, scratch: Path) -> Path:
    """A connection profile with addresses as hfc takes them, without grpcs://."""
    ready = connection / "connection-hfc.json"
    if ready.exists():
        return ready
    found = json.loads((connection / "connection.json").read_text())
    for kind in ("peers", "orderers"):
        for node in found[kind].values():
            node["url"] = node["url"].removeprefix("grpcs://")
    found["client"]["credentialStore"] = {
        "path": str(scratch / "store"),
        "cryptoStore": {"path": str(scratch / "store")},
    }
    path = scratch / "connection.json"
    path.write_text(json.dumps(found))
    return path


class Session:
    """The front-end's identity, connected to every peer of the channel."""

    def __init__(self, connection: Path, scratch: Path) -> None:
        path = profile(connection, scratch)
        self.client = Client(net_profile=str(path))
        self.channel = self.client.new_channel(CHANNEL)
        self.peers = list(json.loads(path.read_text())["channels"][CHANNEL]["peers"])
        own = connection / FRONTEND_MSP
        self.user = create_user(
            "frontend",
            FRONTEND_MSP,
            FileKeyValueStore(str(scratch / "users")),
            FRONTEND_MSP,
            str(own / "frontend-key.pem"),
            str(own / "frontend-cert.pem"),
        )

    async def query(self, function: str, *arguments: str) -> Any:
        """What one peer answers, read as JSON."""
        answer = await self.client.chaincode_query(
            requestor=self.user,
            channel_name=CHANNEL,
            peers=self.peers[:1],
            args=list(arguments),
            cc_name=CONTRACT,
            fcn=function,
        )
        return json.loads(answer)

    async def next_number(self) -> int:
        """The arrival number after the newest: read from the newest block with a batch in it."""
        info = await self.client.query_info(self.user, CHANNEL, self.peers[:1])
        for number in range(info.height - 1, 0, -1):
            block = await self.client.query_block(self.user, CHANNEL, self.peers[:1], str(number))
            numbers = [
                entry[0]
                for arguments in calls(block)
                if arguments[0] == b"execute"
                for entry in json.loads(arguments[1])
            ]
            if numbers:
                return max(numbers) + 1
        return 1

    async def execute(self, lines: list[str]) -> dict[str, Any]:
        """Executes lines in one transaction: their results, its event, its block."""
        now = time.time_ns() // 1_000_000
        first = await self.next_number()
        header = json.dumps([[first + at, now, ""] for at in range(len(lines))])
        seen: Events = asyncio.Queue()
        hub = self.channel.newChannelEventHub(self.client.get_peer(self.peers[0]), self.user)
        stream = hub.connect(filtered=False)
        hub.registerChaincodeEvent(
            CONTRACT,
            "executed",
            onEvent=lambda event, block, transaction, _: seen.put_nowait(
                (event, int(block), transaction)
            ),
        )
        listening = asyncio.ensure_future(stream)
        try:
            answer = await self.client.chaincode_invoke(
                requestor=self.user,
                channel_name=CHANNEL,
                peers=self.peers,
                args=[header, *lines],
                cc_name=CONTRACT,
                fcn="execute",
                wait_for_event=True,
                wait_for_event_timeout=WAIT_SECONDS,
            )
            # Where a peer or the orderer refuses, hfc returns what it said in place of the answer.
            if not answer.startswith("["):
                raise Wrong(answer)
            results = json.loads(answer)
            found = await asyncio.wait_for(self._own(seen, results), WAIT_SECONDS)
        finally:
            hub.disconnect()
            listening.cancel()
        return {"results": results} | found

    @staticmethod
    async def _own(seen: Events, results: list[Any]) -> dict[str, Any]:
        """The event of our transaction: hfc begins with the newest block, which is another's."""
        while True:
            event, block, transaction = await seen.get()
            pairs = json.loads(event["payload"])
            if [one[0] for one in pairs] == [one["id"] for one in results]:
                return {"event": pairs, "block": block, "transaction": transaction}


def calls(block: dict[str, Any]) -> Iterator[list[bytes]]:
    """Function and arguments of every transaction in a block that hfc has decoded."""
    for envelope in block["data"]["data"]:
        for action in envelope["payload"]["data"].get("actions", ()):
            raw = action["payload"]["chaincode_proposal_payload"]["input"]
            call = ChaincodeInvocationSpec.FromString(raw)  # hfc leaves it as it is
            yield list(call.chaincode_spec.input.args)


async def drive(session: Session, lines: list[str]) -> dict[str, Any]:
    """Executes the lines and holds everything that can be asked of them against the results."""
    done = await session.execute(lines)
    results = done["results"]
    if [[one["id"], one["code"]] for one in results] != done["event"]:
        raise Wrong(f"the event says {done['event']}, the results {results}")
    done["records"] = {}
    for one in results:
        if one["code"] not in DONE:
            raise Wrong(f"{one['id']}: {one['code']}: {one.get('detail', '')}")
        recorded = await session.query("result", one["id"])
        if recorded["code"] != one["code"]:
            raise Wrong(f"recorded is {recorded['code']}, the result was {one['code']}")
        done["records"][one["id"]] = recorded
    party = json.loads(lines[-1])["text"].split(",")[1]
    done["party"] = await session.query("get", f"party/{party}")
    if (done["party"] is not None) != (results[-1]["code"] == "OK"):
        raise Wrong(f"party/{party} is {done['party']} after {results[-1]['code']}")
    info = await session.client.query_info(session.user, CHANNEL, session.peers[:1])
    done["height"] = info.height
    if info.height <= done["block"]:
        raise Wrong(f"the height is {info.height}, the transaction in block {done['block']}")
    held = await session.client.query_block_by_txid(
        session.user, CHANNEL, session.peers[:1], done["transaction"]
    )
    if int(held["header"]["number"]) != done["block"]:
        raise Wrong(f"the transaction is in block {held['header']['number']}")
    return done


async def run(connection: Path, command: str, arguments: list[str], scratch: Path) -> Any:
    """One command."""
    session = Session(connection, scratch)
    try:
        if command == "network":
            return (await session.query("get", "network"))["digest"]
        lines = Path(arguments[0]).read_text().splitlines()
        return await drive(session, [line for line in lines if line.strip()])
    finally:
        await session.client.close_grpc_channels()


def main() -> int:
    """Exit status 0 if all is as it should be, 1 if not, 2 for wrong use."""
    words = sys.argv[1:]
    logging.disable(logging.WARNING)  # hfc talks of everything it does
    if len(words) not in (2, 3) or words[1] not in ("network", "execute"):
        print(__doc__, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="ufmi-hfc-") as scratch:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            answer = loop.run_until_complete(
                run(Path(words[0]).absolute(), words[1], words[2:], Path(scratch))
            )
        except Exception as problem:
            print(f"error: {type(problem).__name__}: {problem}", file=sys.stderr)
            return 1
    print(answer if isinstance(answer, str) else json.dumps(answer, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
