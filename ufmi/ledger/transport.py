"""How the client reaches a ledger: Fabric's Gateway service, message by message.

The embedded ledger answers in process; a real peer answers over gRPC. The client is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from ufmi.system import Clock, RandomBytes


class Transport(Protocol):
    """The requests are messages of `gateway.proto` and `ab.proto`. Errors are LedgerErrors.

    `clock` gives the time of transactions; `wall_clock` that of requests for blocks, which
    servers compare with their own.
    """

    clock: Clock
    wall_clock: Clock
    random_bytes: RandomBytes

    def evaluate(self, request: Any) -> Any:
        """EvaluateRequest → EvaluateResponse. Raises EvaluateError."""
        ...

    def endorse(self, request: Any) -> Any:
        """EndorseRequest → EndorseResponse. Raises EndorseError."""
        ...

    def submit(self, request: Any) -> Any:
        """SubmitRequest → SubmitResponse. Raises SubmitError."""
        ...

    def commit_status(self, request: Any, timeout: float | None) -> Any:
        """SignedCommitStatusRequest → CommitStatusResponse. Raises CommitStatusError."""
        ...

    def chaincode_events(self, request: Any) -> Iterator[Any]:
        """SignedChaincodeEventsRequest → stream of ChaincodeEventsResponse."""
        ...

    def deliver(self, envelope: Any) -> Iterator[Any]:
        """A signed SeekInfo → stream of Block."""
        ...

    def close(self) -> None:
        """Ends the connection."""
        ...
