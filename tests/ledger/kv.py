"""A contract that puts and gets, and ledgers that run it."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import msgspec

from ufmi.contract import Context, Contract, encode_record, evaluate, submit
from ufmi.errors import ContractFailure
from ufmi.ledger import Commit, Gateway, Network, Status, Transaction
from ufmi.ledger import Contract as Client
from ufmi.ledger.embedded import Channel, Cut, EmbeddedLedger, Topology
from ufmi.ledger.embedded.verify import Verification, verify_channel
from ufmi.ledger.policy import MAJORITY
from ufmi.ledger.protos import common
from ufmi.recordlog import HEAD_BYTES

A, B, C = "AMSP", "BMSP", "CMSP"


class Kv(Contract):
    """Texts under keys, and counters."""

    name = "kv"

    @submit
    def put(self, context: Context, key: bytes, value: bytes) -> bytes:
        """Sets a key without looking at what was there."""
        context.declare((), (key.decode(),))
        context.put(key.decode(), value.decode())
        context.emit("put", key)
        return b"done"

    @submit
    def add(self, context: Context, key: bytes) -> bytes:
        """Adds one to a counter: reads and writes."""
        name = key.decode()
        context.declare((), (name,))
        number = (context.get(name, int) or 0) + 1
        context.put(name, number)
        context.emit("add", encode_record(number))
        return encode_record(number)

    @submit
    def copy(self, context: Context, source: bytes, target: bytes) -> bytes:
        context.declare((source.decode(),), (target.decode(),))
        context.put(target.decode(), context.get(source.decode(), msgspec.Raw))
        return b""

    @submit
    def delete(self, context: Context, key: bytes) -> bytes:
        context.declare((), (key.decode(),))
        context.put(key.decode(), None)
        return b""

    @submit
    def do(self, context: Context, program: bytes) -> bytes:
        """Free access: ["get", key], ["put", key, value], ["scan", start, end, limit] …"""
        found: list[Any] = []
        for act, *rest in msgspec.json.decode(program):
            if act == "get":
                found.append(context.get(rest[0], str))
            elif act == "put":
                context.put(*rest)
            else:
                found.append([key for key, _ in context.scan(*rest)])
        return encode_record(found)

    @submit
    def fail(self, context: Context, reason: bytes) -> bytes:
        raise ContractFailure(reason.decode())

    @submit
    def crash(self, context: Context) -> bytes:
        raise RuntimeError("a defect")

    @evaluate
    def get(self, context: Context, key: bytes) -> bytes:
        context.declare((key.decode(),))
        found = context.get(key.decode(), msgspec.Raw)
        return b"null" if found is None else bytes(found)

    @evaluate
    def keys(self, context: Context, start: bytes, end: bytes, limit: bytes = b"100") -> bytes:
        found = context.scan(start.decode(), end.decode(), int(limit))
        return encode_record([key for key, _ in found])

    @evaluate
    def history(self, context: Context, key: bytes, limit: bytes = b"100") -> bytes:
        found = context.history(key.decode(), int(limit))
        return encode_record(
            [(one.tx_id, (one.value or b"null").decode(), one.value is None) for one in found]
        )


CONTRACTS = {"one": {"kv": Kv()}, "two": {"kv": Kv()}}


def topology(cut: Cut | None = None, policy: str = MAJORITY, channels: int = 1) -> Topology:
    names = ("one", "two")[:channels]
    return Topology({name: Channel((A, B, C), {"kv": policy}, cut or Cut()) for name in names})


def found(folder: Path, shape: Topology | None = None, **options: Any) -> EmbeddedLedger:
    """A new ledger with a client of each organisation."""
    ledger = EmbeddedLedger.create(folder, CONTRACTS, shape or topology(), **options)
    for msp in (A, B, C):
        ledger.enrol(msp, "client")
    return ledger


def reopen(folder: Path, **options: Any) -> EmbeddedLedger:
    return EmbeddedLedger.open(folder, CONTRACTS, **options)


def network(ledger: EmbeddedLedger, channel: str = "one", msp: str = A) -> Network:
    return Gateway(ledger, ledger.identity(msp, "client")).network(channel)


def kv(ledger: EmbeddedLedger, channel: str = "one", msp: str = A) -> Client:
    return network(ledger, channel, msp).contract("kv")


def endorsed(client: Client, function: str, *arguments: bytes, by: tuple[str, ...] = ()) -> Any:
    proposal: Transaction = client.new_proposal(function, *arguments, organisations=by).endorse()
    return proposal


def program(client: Client, *steps: list[Any]) -> Any:
    """An endorsed transaction that does these steps freely."""
    return endorsed(client, "do", encode_record(steps))


def put(client: Client, key: str, value: str) -> None:
    client.submit("put", key.encode(), value.encode())


def value(client: Client, key: str) -> Any:
    return msgspec.json.decode(client.evaluate("get", key.encode()))


def keys(client: Client, start: str, end: str, limit: int = 100) -> list[str]:
    raw = client.evaluate("keys", start.encode(), end.encode(), str(limit).encode())
    return msgspec.json.decode(raw, type=list[str])


def statuses(*commits: Commit) -> list[str]:
    return [commit.status(30).name for commit in commits]


def status_of(ledger: EmbeddedLedger, tx_id: str, channel: str = "one") -> Status:
    return Commit(network(ledger, channel).gateway, channel, tx_id).status(5)


def commit_raw(ledger: EmbeddedLedger, *envelopes: Any, channel: str = "one") -> list[str]:
    """Orders envelopes as one block, past the orderer's own checks; their validation codes."""
    raw = [one if isinstance(one, bytes) else one.SerializeToString() for one in envelopes]
    ledger.channel(channel).commit(raw)
    block = ledger.channel(channel).block(ledger.channel(channel).height - 1)
    return [one.status for one in block.transactions()]


def signed(client: Client, transaction: Transaction) -> Any:
    """The transaction's envelope with its creator's signature."""
    envelope = common.Envelope.FromString(transaction.envelope.SerializeToString())
    envelope.signature = client.network.gateway.identity.sign(envelope.payload)
    return envelope


def verified(ledger: EmbeddedLedger, channel: str = "one") -> Verification:
    return verify_channel(ledger.channel(channel), ledger.topology.orderer)


def state(ledger: EmbeddedLedger, channel: str = "one") -> dict[str, Any]:
    """The whole state with its versions."""
    return dict(ledger.channel(channel).store.scan("kv", "", ""))


def pack(record: bytes) -> bytes:
    """A record as it stands in a log: length, checksum, checksum of these two, bytes."""
    head = len(record).to_bytes(4, "big") + zlib.crc32(record).to_bytes(4, "big")
    return head + zlib.crc32(head).to_bytes(4, "big") + record


def spans(raw: bytes) -> list[tuple[int, int]]:
    """Begin and end of every record in a log."""
    at, found = 0, []
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 4], "big")
        found.append((at, at + HEAD_BYTES + length))
        at += HEAD_BYTES + length
    return found


def block_file(folder: Path, channel: str = "one") -> Path:
    return folder / "channels" / channel / "blocks" / "000000.blocks"
