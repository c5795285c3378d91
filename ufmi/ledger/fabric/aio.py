"""The client's way to a real peer for asyncio: Fabric's Gateway and Deliver services."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc

from ufmi.errors import (
    CommitStatusError,
    EndorseError,
    EvaluateError,
    LedgerError,
    SubmitError,
    TooManyRequests,
)
from ufmi.ledger.aio import AsyncGateway
from ufmi.ledger.connection import Connection, Endpoint
from ufmi.ledger.fabric.calls import (
    LIMITS,
    Limits,
    channel_options,
    ended,
    left,
    pause,
    raise_refused,
    stubs,
    worth_another_try,
)
from ufmi.ledger.fabric.status import call_failed, stream_failed
from ufmi.ledger.identity import Identity
from ufmi.system import Clock, RandomBytes, SystemClock


class AsyncGrpcTransport:
    """A connection to one peer. Implements `ufmi.ledger.aio.AsyncTransport`.

    As `GrpcTransport`: what changes nothing is tried again, a submission is not.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        limits: Limits = LIMITS,
        clock: Clock | None = None,
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.wall_clock: Clock = SystemClock()
        self.random_bytes = random_bytes
        self.limits = limits
        self._peer = endpoint.name
        self._free = asyncio.BoundedSemaphore(limits.in_flight)
        self._channel = grpc.aio.secure_channel(
            endpoint.address,
            grpc.ssl_channel_credentials(endpoint.tls_authority),
            channel_options(),
        )
        self._gateway, self._deliver = stubs(self._channel)

    async def evaluate(self, request: Any) -> Any:
        return await self._safely(
            self._gateway.Evaluate, request, EvaluateError, self.limits.evaluate_seconds
        )

    async def endorse(self, request: Any) -> Any:
        return await self._safely(
            self._gateway.Endorse, request, EndorseError, self.limits.endorse_seconds
        )

    async def submit(self, request: Any) -> Any:
        return await self._call(
            self._gateway.Submit,
            request,
            SubmitError,
            self.limits.submit_seconds,
            request.transaction_id,
        )

    async def commit_status(self, request: Any, timeout: float | None) -> Any:
        return await self._safely(self._gateway.CommitStatus, request, CommitStatusError, timeout)

    async def _safely(
        self, call: Callable[..., Any], request: Any, kind: type[LedgerError], seconds: float | None
    ) -> Any:
        """A call that changes nothing: tried again where the peer was not reached."""
        tx_id = getattr(request, "transaction_id", "")
        deadline = None if seconds is None else time.monotonic() + seconds
        attempt = 0
        while True:
            try:
                return await self._call(call, request, kind, left(deadline), tx_id)
            except LedgerError as problem:
                attempt += 1
                if not worth_another_try(problem, attempt, self.limits, deadline):
                    raise
                await asyncio.sleep(pause(attempt))

    async def _call(
        self,
        call: Callable[..., Any],
        request: Any,
        kind: type[LedgerError],
        seconds: float | None,
        tx_id: str,
    ) -> Any:
        deadline = None if seconds is None else time.monotonic() + seconds
        try:
            async with asyncio.timeout(seconds):
                await self._free.acquire()
        except TimeoutError as problem:
            raise TooManyRequests(
                f"{self.limits.in_flight} calls to {self._peer} are under way",
                transaction_id=tx_id,
            ) from problem
        try:
            return await call(request, timeout=left(deadline))
        except grpc.RpcError as problem:
            raise call_failed(kind, problem, self._peer, tx_id) from problem
        finally:
            self._free.release()

    async def chaincode_events(self, request: Any) -> AsyncIterator[Any]:
        call = self._gateway.ChaincodeEvents(request)
        try:
            async for response in call:
                yield response
            raise ended(self._peer)
        except grpc.RpcError as problem:
            raise stream_failed(problem, self._peer) from problem
        finally:
            call.cancel()

    async def deliver(self, envelope: Any) -> AsyncIterator[Any]:
        call = self._deliver.Deliver()
        try:
            await call.write(envelope)
            async for response in call:
                if response.WhichOneof("Type") != "block":
                    raise_refused(self._peer, response.status)
                    return
                yield response.block
            raise ended(self._peer)
        except grpc.RpcError as problem:
            raise stream_failed(problem, self._peer) from problem
        finally:
            call.cancel()

    async def close(self) -> None:
        await self._channel.close()


def connect_async(
    folder: Path | str, msp: str, identity: Identity | None = None, limits: Limits = LIMITS
) -> AsyncGateway:
    """As `connect`, for asyncio; to be called where an event loop runs."""
    connection = Connection(Path(folder))
    transport = AsyncGrpcTransport(connection.peer(msp), limits=limits)
    return AsyncGateway(transport, identity or connection.identity(msp))
