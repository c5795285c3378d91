"""One organisation's peer: answers proposals, with its own endorsement or with its refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from ufmi.contract import failure_text
from ufmi.errors import (
    AccessDenied,
    EndorseError,
    EvaluateError,
    LedgerError,
    NotFound,
    PolicyError,
)
from ufmi.ledger import policy
from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.ledger.embedded.channel import EmbeddedChannel
from ufmi.ledger.embedded.serve.places import Place, joined
from ufmi.ledger.embedded.serve.system import SystemContracts
from ufmi.ledger.msp import Member, Membership
from ufmi.ledger.proposals import (
    Call,
    Malformed,
    read_proposal,
    read_transaction,
    response_payload,
    transaction_id,
)
from ufmi.ledger.protos import CONFIG, ENDORSER_TRANSACTION, common, gateway, proposal_response

ERROR = 500
ERROR_FROM = 400
_VERSION = "1"


class Refusal(Exception):
    """The proposal itself is refused: malformed, not a member's, or there already.

    `unreadable` says that its bytes are none; otherwise what they say is refused.
    """

    def __init__(self, message: str, unreadable: bool = False) -> None:
        super().__init__(message)
        self.unreadable = unreadable


@dataclass
class Failed(Exception):
    """The call failed. `payload` is there if the contract itself said so, as on a peer."""

    response: Any  # Response
    payload: bytes = b""

    @property
    def text(self) -> str:
        """As Fabric's Gateway puts it."""
        if not self.payload:
            return str(self.response.message)
        return f"chaincode response {self.response.status}, {self.response.message}"


class Endorser:
    """A peer's answer to proposals. Blocks; knows nothing of gRPC."""

    def __init__(self, ledger: EmbeddedLedger, place: Place) -> None:
        self.place = place
        self.system = SystemContracts(ledger, place.msp)
        self._ledger = ledger
        self._peer = ledger.identity(place.msp, "peer0")
        # A peer answers calls without channel for members of its own organisation only.
        self._own = Membership({place.msp: ledger.organisation(place.msp).authority})
        self._groups: dict[tuple[str, str], tuple[str, ...]] = {}

    # -- what a client may ask ----------------------------------------------------------------

    def process(self, signed: Any) -> Any:
        """SignedProposal → ProposalResponse, failures within it as a peer gives them.

        Raises:
            Refusal: for the proposal itself, which is no answer but a gRPC error.
        """
        call = read_call(signed)
        try:
            if self.system.has(call.contract):
                return self._system(signed, call)
            self.channel(call)
            return self._endorsed(self.endorse(signed, call, (self.place.msp,)))
        except Failed as problem:
            return proposal_response.ProposalResponse(
                response=problem.response, payload=problem.payload
            )

    def endorse(self, signed: Any, call: Call, organisations: Sequence[str]) -> Any:
        """The envelope, endorsed by these organisations. Raises Refusal or Failed."""
        self._check(signed, call)
        request = gateway.EndorseRequest(
            transaction_id=call.tx_id,
            channel_id=call.channel,
            proposed_transaction=signed,
            endorsing_organizations=organisations,
        )
        try:
            return self._ledger.endorse(request).prepared_transaction
        except EndorseError as problem:
            raise _failed(call, problem) from problem
        except LedgerError as problem:
            raise Failed(_response(ERROR, str(problem))) from problem

    def evaluate(self, signed: Any, call: Call) -> Any:
        """The Response to a query. Raises Refusal or Failed."""
        if self.system.has(call.contract):
            answer = self._system(signed, call)
            if answer.response.status >= ERROR_FROM:
                raise Failed(answer.response, answer.payload)
            return answer.response
        self._check(signed, call)
        request = gateway.EvaluateRequest(
            transaction_id=call.tx_id, channel_id=call.channel, proposed_transaction=signed
        )
        try:
            return self._ledger.evaluate(request).result
        except EvaluateError as problem:
            raise _failed(call, problem) from problem
        except LedgerError as problem:
            raise Failed(_response(ERROR, str(problem))) from problem

    def group(self, channel: EmbeddedChannel, contract: str) -> tuple[str, ...]:
        """The fewest organisations that meet a contract's policy, this one among them if it can be.

        Raises:
            PolicyError: not even all of them do.
        """
        known = self._groups.get((channel.name, contract))
        if known is None:
            known = self._groups[channel.name, contract] = self._find_group(channel, contract)
        return known

    def _find_group(self, channel: EmbeddedChannel, contract: str) -> tuple[str, ...]:
        others = [name for name in channel.topology.organisations if name != self.place.msp]
        names = (self.place.msp, *sorted(others))
        for size in range(1, len(names) + 1):
            for group in combinations(names, size):
                if policy.is_met(channel.policies[contract], [(name, "peer") for name in group]):
                    return group
        raise PolicyError("no combination of the channel's peers meets the endorsement policy")

    # -- checks -------------------------------------------------------------------------------

    def channel(self, call: Call) -> EmbeddedChannel:
        """The channel of a call. Raises Failed."""
        try:
            return joined(self._ledger, call.channel, self.place.msp)
        except NotFound as problem:
            text = f"channel '{call.channel}' not found"
            raise Failed(_response(ERROR, text)) from problem

    def _check(self, signed: Any, call: Call) -> None:
        """Raises Refusal or Failed, as a peer before it runs a contract."""
        channel = self.channel(call)
        self._authenticate(signed, call)
        with channel.lock:
            known = channel.store.transaction(call.tx_id)
        if known is not None:
            raise Refusal(
                f"duplicate transaction found [{call.tx_id}]. Creator [{call.creator.hex()}]"
            )
        if call.contract not in channel.policies:
            raise Failed(_response(ERROR, _undefined(call)))

    def _authenticate(self, signed: Any, call: Call) -> Member:
        denied = f"access denied: channel [{call.channel}] creator org "
        if call.channel:
            channel = self.channel(call)
            membership, members = channel.membership, channel.topology.organisations
        else:
            membership, members = self._own, (self.place.msp,)
        try:
            member = membership.member(call.creator)
        except AccessDenied as problem:
            raise Refusal(f"{denied}unknown, creator is malformed: {problem.message}") from problem
        try:
            member.verify(signed.signature, signed.proposal_bytes)
        except AccessDenied as problem:
            raise Refusal(f"{denied}[{member.msp}]: {problem.message}") from problem
        if member.msp not in members:
            raise Refusal(f"{denied}[{member.msp}]: not an organisation of the application")
        return member

    # -- answers ------------------------------------------------------------------------------

    def _system(self, signed: Any, call: Call) -> Any:
        """The answer of one of the contracts that every peer has."""
        member = self._authenticate(signed, call)
        response = self.system.invoke(call, member)
        payload = response_payload(call, b"", response, b"", "syscc")
        if response.status >= ERROR:
            return proposal_response.ProposalResponse(response=response, payload=payload)
        if response.status >= ERROR_FROM or not call.channel:
            return proposal_response.ProposalResponse(response=response)
        endorsement = proposal_response.Endorsement(
            endorser=self._peer.serialized,
            signature=self._peer.sign(payload + self._peer.serialized),
        )
        return proposal_response.ProposalResponse(
            version=1, response=response, payload=payload, endorsement=endorsement
        )

    @staticmethod
    def _endorsed(envelope: Any) -> Any:
        """The ProposalResponse behind an envelope that one peer endorsed."""
        endorsed = read_transaction(common.Payload.FromString(envelope.payload))
        return proposal_response.ProposalResponse(
            version=1,
            response=endorsed.action.response,
            payload=endorsed.endorsed,
            endorsement=endorsed.endorsements[0],
        )


def read_call(signed: Any) -> Call:
    """Takes a SignedProposal apart. Raises Refusal."""
    try:
        call = read_proposal(signed.proposal_bytes)
        header = common.ChannelHeader.FromString(call.header.channel_header)
        creator = common.SignatureHeader.FromString(call.header.signature_header)
    except Malformed as problem:
        raise Refusal(problem.message, problem.status == "BAD_PAYLOAD") from problem
    if header.type not in (ENDORSER_TRANSACTION, CONFIG):
        raise Refusal(f"invalid header type {header.type}")
    if header.epoch:
        raise Refusal("epoch is non-zero")
    expected = transaction_id(creator.nonce, creator.creator)
    if call.tx_id != expected:
        raise Refusal(f"incorrectly computed txid '{call.tx_id}' -- expected '{expected}'")
    if not call.contract:
        raise Refusal("ChaincodeHeaderExtension.ChaincodeId.Name is empty")
    return call


def _response(status: int, message: str) -> Any:
    return proposal_response.Response(status=status, message=message)


def _undefined(call: Call) -> str:
    return (
        f"make sure the chaincode {call.contract} has been successfully defined on channel"
        f" {call.channel} and try again: chaincode {call.contract} not found"
    )


def _failed(call: Call, problem: LedgerError) -> Failed:
    """A failed run: the contract's own words where it spoke, else the ledger's."""
    cause = problem.__cause__
    if cause is None or (isinstance(cause, LedgerError) and type(cause) is not LedgerError):
        return Failed(_response(ERROR, problem.message))
    # A defect of the contract comes as a plain LedgerError with the whole text.
    text = cause.message if isinstance(cause, LedgerError) else failure_text(cause)
    response = _response(ERROR, text)
    return Failed(response, response_payload(call, b"", response, b"", _VERSION))
