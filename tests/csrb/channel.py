"""Channel `csrb` in memory: the contract over a dict, and reports that fit or nearly do."""

from __future__ import annotations

import copy
import hashlib
from typing import Any

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from chaincode.csrb import CsrbContract
from chaincode.csrb.records import (
    START,
    Anchor,
    Correction,
    Fault,
    Parameters,
    Progress,
    Report,
    Snapshot,
    Source,
)
from tests.market.market import MemoryStub, certificate
from ufmi.contract import decode_record, encode_record
from ufmi.crypto import Sm2PrivateKey, sm3

NOW = 1_750_000_000_000
KEY = Sm2PrivateKey(sm3(b"relay")).public_key.to_hex()
REGULATOR = Sm2PrivateKey(sm3(b"regulator")).public_key.to_hex()
OWNER = "NBROKCNBJXXX"


def fingerprint(name: str) -> str:
    read = x509.load_pem_x509_certificate(certificate(name))
    return hashlib.sha256(read.public_bytes(Encoding.DER)).hexdigest()


def parameters(**changes: Any) -> Parameters:
    found = Parameters(
        nonce="00",
        relay_msp="OperatorMSP",
        relays=(fingerprint("relay"), fingerprint("relay-2")),
        seal_keys=(KEY,),
        regulator_msp="RegulatorMSP",
        regulator_key=REGULATOR,
    )
    return replace(found, **changes)


def block_hash(number: int) -> str:
    """Of block `number` of a chain that is always the same; empty before block 0."""
    return hashlib.sha256(b"block %d" % number).hexdigest() if number >= 0 else ""


def anchors(begin: int, end: int) -> tuple[Anchor, ...]:
    return tuple([Anchor(n, block_hash(n), block_hash(n - 1)) for n in range(begin, end)])


def at(block: int, index: int = 0) -> Progress:
    return Progress(block, index, block_hash(block - 1))


def source(block: int, place: int) -> Source:
    return Source("udl", block, f"tx-{block}", place, place)


def snapshot(id: str, version: int, operation: str, where: Source, **changes: Any) -> Snapshot:
    digest = hashlib.sha256(f"{id}/{version}/{operation}/{where}".encode()).hexdigest()
    found = Snapshot(
        id=id,
        type="subject",
        version=version,
        operation=operation,
        timestamp=NOW // 1000,
        hash=digest,
        content=digest,
        size=100,
        location=f"{id}/{version}/{digest}",
        owner=OWNER,
        seals=(KEY,),
        private=False,
        source=where,
    )
    return replace(found, **changes)


def fault(where: Source, **changes: Any) -> Fault:
    found = Fault(where, "o-1", "subject", 0, "create", OWNER, "", ("/body REQUIRED is needed",))
    return replace(found, **changes)


class Channel:
    """The contract with its state; founded unless told otherwise."""

    def __init__(self, founded: bool = True) -> None:
        self.state: dict[str, bytes] = {}
        self.events: list[tuple[str, bytes]] = []
        if founded:
            self.call("init", encode_record(parameters()), caller="anybody")

    def call(
        self, function: str, *arguments: bytes, caller: str = "relay", msp: str = "OperatorMSP"
    ) -> bytes:
        """Runs a function; a call that fails changes nothing."""
        state = copy.copy(self.state)
        stub = MemoryStub(state, NOW, msp, caller)
        answer = CsrbContract().invoke(stub, function, arguments)
        self.state, self.events = state, stub.events
        return answer

    def ask(self, function: str, *arguments: str) -> Any:
        return msgspec.json.decode(self.call(function, *[one.encode() for one in arguments]))

    @property
    def progress(self) -> Progress:
        return decode_record(self.call("progress", b"udl"), Progress)

    def report(self, report: Report, **caller: str) -> None:
        self.call("report", encode_record(report), **caller)

    def take(self, *items: Snapshot | Fault, corrections: tuple[Correction, ...] = ()) -> Report:
        """Reports snapshots and exceptions as one block, whatever their sources say."""
        begin = self.progress
        placed = [
            replace(one, source=replace(one.source, block=begin.block, place=place))
            for place, one in enumerate(items)
        ]
        report = Report(
            "udl",
            begin,
            at(begin.block + 1),
            anchors(begin.block, begin.block + 1),
            tuple([one for one in placed if isinstance(one, Snapshot)]),
            tuple([one for one in placed if isinstance(one, Fault)]),
            corrections,
        )
        self.report(report)
        return report


def operation(id: str, version: int, name: str, **changes: Any) -> Snapshot:
    """A snapshot that `take` gives its place."""
    return snapshot(id, version, name, source(0, 0), **changes)


__all__ = ["START", "Channel"]
