"""The steps of a transaction as they stand before anything is sent: what the client for threads
and the one for asyncio have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from ufmi.errors import CommitError
from ufmi.ledger import requests
from ufmi.ledger.identity import Identity, sha256
from ufmi.ledger.proposals import build_proposal, read_transaction
from ufmi.ledger.protos import common
from ufmi.ledger.requests import NONCE_BYTES, Status
from ufmi.system import Clock, RandomBytes


class Signable:
    """Bytes that somebody signs: the identity here, or `signed` takes what was made elsewhere."""

    def __init__(self, identity: Identity, channel: str, tx_id: str, raw: bytes) -> None:
        self._identity = identity
        self._channel = channel
        self._signature: bytes | None = None
        self.transaction_id = tx_id
        self.bytes = raw

    @property
    def digest(self) -> bytes:
        """What is signed: SHA-256 of the bytes."""
        return sha256(self.bytes)

    def signed(self, signature: bytes) -> Self:
        """Takes a signature that was made elsewhere, ECDSA in DER with low S."""
        self._signature = signature
        return self

    @property
    def signature(self) -> bytes:
        """The one that was taken, or one made now. Raises AccessDenied where nobody can."""
        if self._signature is None:
            self._signature = self._identity.sign(self.bytes)
        return self._signature


class ProposalStep(Signable):
    """A call. `bytes` are Fabric's `Proposal`."""

    def __init__(
        self,
        identity: Identity,
        channel: str,
        tx_id: str,
        raw: bytes,
        organisations: Sequence[str] = (),
    ) -> None:
        super().__init__(identity, channel, tx_id, raw)
        self._organisations = tuple(organisations)

    def evaluate_request(self) -> Any:
        """EvaluateRequest."""
        return requests.evaluate_request(
            self.transaction_id, self._channel, self.bytes, self.signature, self._organisations
        )

    def endorse_request(self) -> Any:
        """EndorseRequest."""
        return requests.endorse_request(
            self.transaction_id, self._channel, self.bytes, self.signature, self._organisations
        )


class TransactionStep(Signable):
    """An endorsed call. `bytes` are the payload of its envelope."""

    def __init__(self, identity: Identity, channel: str, tx_id: str, envelope: Any) -> None:
        # Every access to a field of bytes copies it, and this one is large.
        super().__init__(identity, channel, tx_id, envelope.payload)
        self.envelope = envelope

    @property
    def result(self) -> bytes:
        """What the function returned."""
        endorsed = read_transaction(common.Payload.FromString(self.bytes))
        return bytes(endorsed.action.response.payload)

    def submit_request(self) -> Any:
        """SubmitRequest."""
        self.envelope.signature = self.signature
        return requests.submit_request(self.transaction_id, self._channel, self.envelope)


class CommitStep(Signable):
    """A transaction on its way into a block. `bytes` are the request for its status."""

    def __init__(self, identity: Identity, channel: str, tx_id: str) -> None:
        raw = requests.commit_status_bytes(identity, channel, tx_id)
        super().__init__(identity, channel, tx_id, raw)

    def status_request(self) -> Any:
        """SignedCommitStatusRequest."""
        return requests.commit_status_request(self.bytes, self.signature)


def new_proposal(
    identity: Identity,
    channel: str,
    contract: str,
    function: str,
    arguments: Sequence[bytes],
    random_bytes: RandomBytes,
    clock: Clock,
) -> tuple[str, bytes]:
    """Transaction id and bytes of a new proposal."""
    return build_proposal(
        identity,
        channel,
        contract,
        (function.encode(), *arguments),
        random_bytes(NONCE_BYTES),
        clock.now_ms(),
    )


def require_valid(status: Status) -> Status:
    """The status; raises CommitError unless the transaction is valid."""
    if not status.valid:
        raise CommitError(status.name, transaction_id=status.transaction_id, block=status.block)
    return status
