"""How a call fails: a gRPC status with Fabric's details of what each node said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import wraps
from typing import Any

import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyMessage

from ufmi.ledger.embedded.serve.places import Place
from ufmi.ledger.protos import gateway
from ufmi.ledger.wire import field, varint

Code = grpc.StatusCode

_STATUS_TRAILER = "grpc-status-details-bin"
# Trailers are headers, of which clients take 8 KiB by default; there a message may stand three
# times as long as it is, and everything in the details a third longer.
_MESSAGE_BYTES = 900
_DETAILS_BYTES = 3_000
_log = structlog.get_logger("ufmi.serve")


class Failure(Exception):
    """A call ends with this gRPC status."""

    def __init__(self, code: Any, message: str, details: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = _cut(message, _MESSAGE_BYTES)
        self.details = tuple(details)
        for detail in self.details:
            detail.message = _cut(detail.message, _DETAILS_BYTES // len(self.details))

    def trailers(self) -> tuple[tuple[str, bytes], ...]:
        """The trailing metadata that carries the details: a `google.rpc.Status`."""
        if not self.details:
            return ()
        parts = [varint(1 << 3) + varint(self.code.value[0])]
        parts += field(2, [self.message.encode()])
        for detail in self.details:
            packed = AnyMessage()
            packed.Pack(detail)
            parts += field(3, [packed.SerializeToString()])
        return ((_STATUS_TRAILER, b"".join(parts)),)


def error_detail(place: Place, message: str) -> Any:
    """What one node said."""
    return gateway.ErrorDetail(address=place.address, msp_id=place.msp, message=message)


def _cut(text: str, most: int) -> str:
    """A text of at most so many bytes."""
    raw = text.encode("utf-8", "replace")
    return text if len(raw) <= most else raw[: most - 3].decode("utf-8", "ignore") + "…"


async def end(context: Any, problem: Exception) -> None:
    """Ends a call with the status of a problem; what is none of ours is a defect and logged."""
    if not isinstance(problem, Failure):
        _log.error("a call failed", error=f"{type(problem).__name__}: {problem}", exc_info=problem)
        problem = Failure(Code.INTERNAL, f"the ledger failed: {type(problem).__name__}")
    await context.abort(problem.code, problem.message, problem.trailers())


def unary(method: Callable[..., Awaitable[Any]]) -> Any:
    """A method of a service with one answer: its Failures become gRPC statuses."""

    @wraps(method)
    async def call(self: Any, request: Any, context: Any) -> Any:
        try:
            with self.limit.call():
                return await method(self, request, context)
        except Exception as problem:
            return await end(context, problem)

    return call


def stream(method: Callable[..., AsyncIterator[Any]]) -> Any:
    """The same for a method whose answers are a stream."""

    @wraps(method)
    async def call(self: Any, request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            with self.limit.call():
                async for answer in method(self, request, context):
                    yield answer
        except Exception as problem:
            await end(context, problem)

    return call
