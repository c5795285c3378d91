"""A Gateway of a peer made up by the test, behind TLS, and both clients as one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from fabric_protos.gateway import gateway_pb2_grpc
from fabric_protos.peer import events_pb2, events_pb2_grpc
from google.rpc import status_pb2

from ufmi.ledger.aio import AsyncGateway
from ufmi.ledger.ca import Organisation
from ufmi.ledger.connection import Endpoint
from ufmi.ledger.fabric.aio import AsyncGrpcTransport
from ufmi.ledger.fabric.calls import Limits
from ufmi.ledger.fabric.transport import GrpcTransport
from ufmi.ledger.gateway import Gateway
from ufmi.ledger.identity import Identity
from ufmi.ledger.protos import common, gateway

IDENTITY = Identity("AMSP", b"a certificate", lambda digest: b"signed")


class Scripted:
    """Answers each method with what stands next in its script; the last goes on for ever.

    A script holds codes, (code, text, details) or None for success. `streams` holds a list of
    what each stream gives before it breaks off.
    """

    def __init__(self) -> None:
        self.script: dict[str, list[Any]] = {}
        self.calls: list[str] = []
        self.streams: list[list[Any]] = []
        self.asked: list[Any] = []
        self.seconds = 0.0
        self.most = self._now = 0
        self._lock = threading.Lock()

    def answer(self, name: str, context: Any, response: Any) -> Any:
        with self._lock:
            self.calls.append(name)
            self._now += 1
            self.most = max(self.most, self._now)
            steps = self.script.get(name, [None])
            step = steps.pop(0) if len(steps) > 1 else steps[0]
        time.sleep(self.seconds)
        with self._lock:
            self._now -= 1
        if step is not None:
            fail(context, step)
        return response

    def Evaluate(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self.answer("evaluate", context, gateway.EvaluateResponse())

    def Endorse(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self.answer("endorse", context, gateway.EndorseResponse())

    def Submit(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self.answer("submit", context, gateway.SubmitResponse())

    def CommitStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self.answer("commit_status", context, gateway.CommitStatusResponse())

    def ChaincodeEvents(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        self.asked.append(gateway.ChaincodeEventsRequest.FromString(request.request))
        yield from self._stream(context)

    def Deliver(self, requests: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        self.asked.append(next(requests))
        for one in self._stream(context):
            if isinstance(one, int):
                yield events_pb2.DeliverResponse(status=one)
            else:
                yield events_pb2.DeliverResponse(block=one)

    def _stream(self, context: Any) -> Iterator[Any]:
        for one in self.streams.pop(0):
            if isinstance(one, grpc.StatusCode):
                fail(context, one)
            yield one


def fail(context: Any, step: Any) -> None:
    code, text, details = step if isinstance(step, tuple) else (step, "no", ())
    status = status_pb2.Status()
    for address, msp, message in details:
        detail = gateway.ErrorDetail(address=address, msp_id=msp, message=message)
        status.details.add().Pack(detail)
    context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
    context.abort(code, text)


def block(number: int) -> Any:
    return common.Block(header=common.BlockHeader(number=number))


@contextmanager
def peer(folder: Path) -> Iterator[tuple[Scripted, Endpoint]]:
    organisation = Organisation.create(folder, "AMSP")
    organisation.enrol_tls("peer")
    scripted: Any = Scripted()
    server = grpc.server(ThreadPoolExecutor(20))
    gateway_pb2_grpc.add_GatewayServicer_to_server(scripted, server)
    scripted.DeliverFiltered = scripted.DeliverWithPrivateData = scripted.Deliver
    events_pb2_grpc.add_DeliverServicer_to_server(scripted, server)
    credentials = grpc.ssl_server_credentials([organisation.tls("peer")])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    try:
        yield scripted, Endpoint("peer0", f"127.0.0.1:{port}", organisation.tls_authority)
    finally:
        server.stop(None).wait()


def through(kind: str, endpoint: Endpoint, limits: Limits, use: Callable[[Any], Any]) -> Any:
    """Lets `use` make calls with a gateway of either kind; what it returns may be awaited."""
    if kind == "threads":
        with Gateway(GrpcTransport(endpoint, limits=limits), IDENTITY) as one:
            return use(one)

    async def run() -> Any:
        async with AsyncGateway(AsyncGrpcTransport(endpoint, limits=limits), IDENTITY) as one:
            return await use(one)

    return asyncio.run(run())


def taken(kind: str, stream: Any, count: int) -> Any:
    """The first items of a stream of either kind."""
    found: list[Any] = []
    if kind == "threads":
        for item in stream:
            found.append(item)
            if len(found) == count:
                break
        stream.close()
        return found

    async def read() -> list[Any]:
        async for item in stream:
            found.append(item)
            if len(found) == count:
                break
        await stream.aclose()
        return found

    return read()
