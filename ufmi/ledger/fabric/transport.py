"""The client's way to a real peer: Fabric's Gateway and Deliver services over gRPC."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
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
from ufmi.ledger.connection import Endpoint
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
from ufmi.system import Clock, RandomBytes, SystemClock


class GrpcTransport:
    """A connection to one peer. Implements `ufmi.ledger.transport.Transport`; safe with threads.

    Evaluations, endorsements and questions for a status are tried again where the peer went
    away; a submission is not, because it may have been ordered: ask for its status.
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
        self._free = threading.BoundedSemaphore(limits.in_flight)
        self._channel = grpc.secure_channel(
            endpoint.address,
            grpc.ssl_channel_credentials(endpoint.tls_authority),
            channel_options(),
        )
        self._gateway, self._deliver = stubs(self._channel)

    def evaluate(self, request: Any) -> Any:
        return self._safely(
            self._gateway.Evaluate, request, EvaluateError, self.limits.evaluate_seconds
        )

    def endorse(self, request: Any) -> Any:
        return self._safely(
            self._gateway.Endorse, request, EndorseError, self.limits.endorse_seconds
        )

    def submit(self, request: Any) -> Any:
        return self._call(
            self._gateway.Submit,
            request,
            SubmitError,
            self.limits.submit_seconds,
            request.transaction_id,
        )

    def commit_status(self, request: Any, timeout: float | None) -> Any:
        return self._safely(self._gateway.CommitStatus, request, CommitStatusError, timeout)

    def _safely(
        self, call: Callable[..., Any], request: Any, kind: type[LedgerError], seconds: float | None
    ) -> Any:
        """A call that changes nothing: tried again where the peer was not reached."""
        tx_id = getattr(request, "transaction_id", "")
        deadline = None if seconds is None else time.monotonic() + seconds
        attempt = 0
        while True:
            try:
                return self._call(call, request, kind, left(deadline), tx_id)
            except LedgerError as problem:
                attempt += 1
                if not worth_another_try(problem, attempt, self.limits, deadline):
                    raise
                time.sleep(pause(attempt))

    def _call(
        self,
        call: Callable[..., Any],
        request: Any,
        kind: type[LedgerError],
        seconds: float | None,
        tx_id: str,
    ) -> Any:
        deadline = None if seconds is None else time.monotonic() + seconds
        if not self._free.acquire(timeout=seconds):
            raise TooManyRequests(
                f"{self.limits.in_flight} calls to {self._peer} are under way",
                transaction_id=tx_id,
            )
        try:
            return call(request, timeout=left(deadline))
        except grpc.RpcError as problem:
            raise call_failed(kind, problem, self._peer, tx_id) from problem
        finally:
            self._free.release()

    def chaincode_events(self, request: Any) -> Iterator[Any]:
        call = self._gateway.ChaincodeEvents(request)
        try:
            yield from call
            raise ended(self._peer)
        except grpc.RpcError as problem:
            raise stream_failed(problem, self._peer) from problem
        finally:
            call.cancel()

    def deliver(self, envelope: Any) -> Iterator[Any]:
        call = self._deliver.Deliver(iter([envelope]))
        try:
            for response in call:
                if response.WhichOneof("Type") == "block":
                    yield response.block
                    continue
                raise_refused(self._peer, response.status)
                return
            raise ended(self._peer)
        except grpc.RpcError as problem:
            raise stream_failed(problem, self._peer) from problem
        finally:
            call.cancel()

    def close(self) -> None:
        self._channel.close()
