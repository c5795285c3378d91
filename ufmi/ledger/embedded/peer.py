"""Endorsing: runs contracts for proposals and signs what they did."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Sequence
from typing import Any

import structlog

from ufmi.contract import failure_text
from ufmi.errors import (
    AccessDenied,
    EndorseError,
    EvaluateError,
    LedgerError,
    NotFound,
    PolicyError,
    UfmiError,
)
from ufmi.ledger import policy
from ufmi.ledger.embedded import rwset
from ufmi.ledger.embedded.channel import RECENT_MAX, EmbeddedChannel
from ufmi.ledger.embedded.simulator import Simulation
from ufmi.ledger.embedded.strict import Outcome, SecondProcess
from ufmi.ledger.embedded.validator import OwnEndorsement
from ufmi.ledger.identity import Identity
from ufmi.ledger.proposals import (
    Call,
    Malformed,
    read_proposal,
    response_payload,
    transaction_payload,
)
from ufmi.ledger.protos import SUCCESS, chaincode_event, common, proposal_response

_log = structlog.get_logger("ufmi.ledger")


class Peers:
    """The endorsing peers of one channel, one an organisation."""

    def __init__(
        self,
        channel: EmbeddedChannel,
        peers: dict[str, Identity],
        second: SecondProcess | None = None,  # strict mode, if there is one
    ) -> None:
        self._channel = channel
        self._peers = peers
        self._second = second
        # The fewest that meet each contract's policy; found once, since policies do not change.
        self._groups: dict[str, tuple[str, ...]] = {}

    def evaluate(self, signed: Any) -> Any:
        """Runs a query; returns its `Response`. Raises EvaluateError or AccessDenied."""
        call = self._authenticated(signed)
        try:
            payload, _ = self._simulate(call)
        except UfmiError as problem:
            raise _failed(EvaluateError, call, problem) from problem
        return proposal_response.Response(status=SUCCESS, payload=payload)

    def endorse(self, signed: Any, organisations: Sequence[str]) -> Any:
        """Runs a proposal and endorses it; returns the unsigned `Envelope`.

        Raises:
            EndorseError: the contract refused, or no peers meet the policy.
            AccessDenied: the proposal is not a member's.
        """
        call = self._authenticated(signed)
        with self._channel.lock:
            known = self._channel.store.transaction(call.tx_id)
        if known is not None:
            raise EndorseError("the transaction id was used before", transaction_id=call.tx_id)
        try:
            endorsers = self._endorsers(call.contract, organisations)
            if self._second is None:
                payload, simulation = self._simulate(call)
            else:
                payload, simulation = self._simulate_each(call, len(endorsers), self._second)
        except EndorseError:
            raise
        except UfmiError as problem:
            raise _failed(EndorseError, call, problem) from problem
        sets = simulation.result()
        results = rwset.encode(sets)
        endorsed = response_payload(
            call,
            results,
            proposal_response.Response(status=SUCCESS, payload=payload),
            _event_bytes(call, simulation),
            "1",
        )
        digest = hashlib.sha256(endorsed)
        whole = transaction_payload(
            call,
            endorsed,
            [
                proposal_response.Endorsement(
                    endorser=peer.serialized, signature=_endorse(peer, digest)
                )
                for peer in endorsers
            ],
        )
        own = OwnEndorsement(
            payload=whole,
            endorsers=tuple([peer.serialized for peer in endorsers]),
            sets=sets,
            results=results,
            height=simulation.height,
        )
        self._remember(call.tx_id, own)
        return common.Envelope(payload=whole)

    def _authenticated(self, signed: Any) -> Call:
        try:
            call = read_proposal(signed.proposal_bytes)
        except Malformed as problem:
            raise EndorseError(problem.message) from problem
        member = self._channel.membership.member(call.creator)
        try:
            member.verify(signed.signature, signed.proposal_bytes)
        except AccessDenied as problem:
            problem.transaction_id = call.tx_id
            raise
        return call

    def _simulate(self, call: Call) -> tuple[bytes, Simulation]:
        channel = self._channel
        contract = channel.contracts.get(call.contract)
        if contract is None or call.contract not in channel.policies:
            raise NotFound(f"channel {channel.name} has no contract {call.contract!r}")
        with channel.lock:
            channel.check_open()
            simulation = Simulation(call, channel.store, channel.history)
            try:
                payload = contract.invoke(simulation, call.function, call.arguments)
            except UfmiError:
                raise
            except Exception as problem:
                # A defect of the contract. Its transaction fails; the ledger goes on.
                # As text: a renderer of tracebacks may show the values of variables.
                _log.error(
                    "contract failed",
                    contract=call.contract,
                    function=call.function,
                    traceback=traceback.format_exc(),
                )
                raise LedgerError(failure_text(problem)) from problem
        return payload, simulation

    def _simulate_each(
        self, call: Call, times: int, second: SecondProcess
    ) -> tuple[bytes, Simulation]:
        """The call once for each endorser, all on the same state: here first, then elsewhere."""
        channel = self._channel
        with channel.lock:
            payload, simulation = self._simulate(call)
            first = Outcome(payload, simulation.result(), simulation.event)
            for _ in range(1, times):
                second.repeat(call, first, Simulation(call, channel.store, channel.history))
        return payload, simulation

    def _endorsers(self, contract: str, organisations: Sequence[str]) -> list[Identity]:
        if contract not in self._channel.policies:
            raise NotFound(f"channel {self._channel.name} has no contract {contract!r}")
        group = tuple(organisations)
        if not group:
            if contract not in self._groups:
                self._groups[contract] = policy.smallest_group(
                    self._channel.policies[contract], sorted(self._peers)
                )
            group = self._groups[contract]
        missing = [name for name in group if name not in self._peers]
        if missing:
            raise PolicyError(f"no peer of {', '.join(missing)} is in channel {self._channel.name}")
        return [self._peers[name] for name in group]

    def _remember(self, tx_id: str, own: OwnEndorsement) -> None:
        with self._channel.lock:
            recent = self._channel.endorsed
            while len(recent) >= RECENT_MAX:
                del recent[next(iter(recent))]
            recent[tx_id] = own


def _endorse(peer: Identity, digest: Any) -> bytes:
    """A peer's signature over what it endorses and itself; `digest` is over the former."""
    whole = digest.copy()
    whole.update(peer.serialized)
    return peer.sign_digest(whole.digest())


def _event_bytes(call: Call, simulation: Simulation) -> bytes:
    if simulation.event is None:
        return b""
    name, payload = simulation.event
    return bytes(
        chaincode_event.ChaincodeEvent(
            chaincode_id=call.contract, tx_id=call.tx_id, event_name=name, payload=payload
        ).SerializeToString()
    )


def _failed(kind: type[LedgerError], call: Call, problem: UfmiError) -> LedgerError:
    """The error for a client: what the contract or ledger said, with the transaction's id."""
    return kind(
        f"{call.contract}.{call.function}: {problem.code}: {problem.message}",
        hint=problem.hint,
        transaction_id=call.tx_id,
        retryable=problem.retryable,
    )
