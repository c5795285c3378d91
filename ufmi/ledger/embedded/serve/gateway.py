"""The services of a peer that take proposals: Fabric's Gateway, and the Endorser itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from ufmi.errors import AccessDenied, LedgerError, NotFound, PolicyError
from ufmi.ledger.embedded.channel import EmbeddedChannel
from ufmi.ledger.embedded.serve.endorser import Endorser, Failed, Refusal, read_call
from ufmi.ledger.embedded.serve.failures import Code, Failure, error_detail, stream, unary
from ufmi.ledger.embedded.serve.limits import Limit
from ufmi.ledger.embedded.serve.messages import endorser_service, gateway_service
from ufmi.ledger.embedded.serve.ordering import Broadcast, Status
from ufmi.ledger.embedded.serve.places import Place, Places, joined
from ufmi.ledger.embedded.serve.work import Work
from ufmi.ledger.proposals import Call
from ufmi.ledger.protos import gateway

_NO_COMBINATION = "no combination of peers can be derived which satisfy the endorsement policy"


class EndorserService(endorser_service.EndorserServicer):  # type: ignore[misc]
    """The service `protos.Endorser`."""

    def __init__(self, work: Work, endorser: Endorser, limit: Limit) -> None:
        self.limit = limit
        self._work = work
        self._endorser = endorser

    @unary
    async def ProcessProposal(self, request: Any, context: Any) -> Any:
        try:
            return await self._work.run(self._endorser.process, request)
        except Refusal as problem:
            raise Failure(Code.UNKNOWN, str(problem)) from problem


class Gateway(gateway_service.GatewayServicer):  # type: ignore[misc]
    """The service `gateway.Gateway` of one organisation's peer."""

    def __init__(self, work: Work, endorser: Endorser, places: Places, limit: Limit) -> None:
        self.limit = limit
        self._work = work
        self._endorser = endorser
        self._peers = {place.msp: place for place in places.peers}
        self._orderer = places.orderer
        self._broadcast = Broadcast(work.ledger)

    # -- asking and endorsing -----------------------------------------------------------------

    @unary
    async def Evaluate(self, request: Any, context: Any) -> Any:
        return await self._work.run(self._evaluate, request)

    def _evaluate(self, request: Any) -> Any:
        endorser, place = self._endorser, self._endorser.place
        try:
            call = self._read(request, "failed to unpack transaction proposal: ")
        except Refusal as problem:
            raise _evaluation(Code.FAILED_PRECONDITION, str(problem), place) from problem
        channel = self._channel(call.channel)
        if channel is None:
            raise Failure(
                Code.UNAVAILABLE,
                f"failed to get config for channel [{call.channel}]: channel not found",
            )
        asked = request.target_organizations or list(self._peers)
        known = endorser.system.has(call.contract) or call.contract in channel.policies
        if not known or not set(asked) & set(channel.topology.organisations):
            raise Failure(
                Code.FAILED_PRECONDITION,
                f"no peers available to evaluate chaincode {call.contract}"
                f" in channel {call.channel}",
            )
        if place.msp not in asked:
            place = self._peers[sorted(set(asked) & set(self._peers))[0]]
        try:
            response = endorser.evaluate(request.proposed_transaction, call)
        except Refusal as problem:
            raise _evaluation(Code.FAILED_PRECONDITION, str(problem), place) from problem
        except Failed as problem:
            if problem.payload:
                raise _evaluation(Code.UNKNOWN, problem.text, place) from problem
            raise Failure(
                Code.ABORTED,
                "failed to evaluate transaction, see attached details for more info",
                [error_detail(place, problem.text)],
            ) from problem
        return gateway.EvaluateResponse(result=response)

    @unary
    async def Endorse(self, request: Any, context: Any) -> Any:
        return await self._work.run(self._endorse, request)

    def _endorse(self, request: Any) -> Any:
        asked = tuple(request.endorsing_organizations)
        try:
            call = self._read(request, "")
            group = self._chosen(call, asked) if asked else self._derived(call)
            envelope = self._endorser.endorse(request.proposed_transaction, call, group)
        except (Refusal, Failed) as problem:
            text = problem.text if isinstance(problem, Failed) else str(problem)
            what = "collect enough transaction endorsements" if asked else "endorse transaction"
            # Without a choice of the client's, the first peer that is asked is this one.
            said = asked or (self._endorser.place.msp,)
            raise Failure(
                Code.ABORTED,
                f"failed to {what}, see attached details for more info",
                [error_detail(self._peers[msp], text) for msp in said if msp in self._peers],
            ) from problem
        return gateway.EndorseResponse(prepared_transaction=envelope)

    def _chosen(self, call: Call, asked: Sequence[str]) -> tuple[str, ...]:
        """The organisations that the client chose, each once."""
        channel = self._channel(call.channel)
        there = channel.topology.organisations if channel else ()
        if channel is None or call.contract not in channel.policies:
            there = ()
        missing = [msp for msp in asked if msp not in there]
        if missing:
            raise Failure(
                Code.UNAVAILABLE,
                f"failed to find any endorsing peers for org(s): {', '.join(missing)}",
            )
        return tuple(dict.fromkeys(asked))

    def _derived(self, call: Call) -> tuple[str, ...]:
        """The organisations that meet the contract's policy."""
        channel = self._channel(call.channel)
        if channel is None:
            reason = f"channel '{call.channel}' not found"
        elif call.contract not in channel.policies:
            reason = (
                f"No metadata was found for chaincode {call.contract} in channel {call.channel}"
            )
        else:
            try:
                return self._endorser.group(channel, call.contract)
            except PolicyError as problem:
                reason = problem.message
        raise Failure(Code.FAILED_PRECONDITION, f"{_NO_COMBINATION}: {reason}")

    def _read(self, request: Any, prefix: str) -> Call:
        signed = request.proposed_transaction
        if not signed.proposal_bytes:
            missing = "the proposed transaction must contain a signed proposal"
            if prefix:
                missing = f"{prefix}a signed proposal is required"
            raise Failure(Code.INVALID_ARGUMENT, missing)
        try:
            return read_call(signed)
        except Refusal as problem:
            if not problem.unreadable:
                raise
            raise Failure(Code.INVALID_ARGUMENT, f"{prefix}{problem}") from problem

    def _channel(self, name: str) -> EmbeddedChannel | None:
        try:
            return joined(self._work.ledger, name, self._endorser.place.msp)
        except NotFound:
            return None

    # -- ordering -----------------------------------------------------------------------------

    @unary
    async def Submit(self, request: Any, context: Any) -> Any:
        if not request.HasField("prepared_transaction"):
            raise Failure(Code.INVALID_ARGUMENT, "a prepared transaction is required")
        if not request.prepared_transaction.signature:
            raise Failure(Code.INVALID_ARGUMENT, "prepared transaction must be signed")
        if self._channel(request.channel_id) is None:
            raise Failure(Code.FAILED_PRECONDITION, f"channel '{request.channel_id}' not found")
        answer = await self._work.run(self._broadcast.take, request.prepared_transaction)
        if answer.status == Status.SUCCESS:
            return gateway.SubmitResponse()
        text = (
            "received unsuccessful response from orderer:"
            f" status={Status.Name(answer.status)}, info={answer.info}"
        )
        if 400 <= answer.status < 500:
            raise Failure(Code.ABORTED, text)
        raise Failure(
            Code.UNAVAILABLE,
            "no orderers could successfully process transaction",
            [error_detail(self._orderer, text)],
        )

    @unary
    async def CommitStatus(self, request: Any, context: Any) -> Any:
        asked = _request(request, gateway.CommitStatusRequest, "commit status")
        if not asked.identity:
            raise Failure(Code.INVALID_ARGUMENT, "no identity provided")
        if not asked.channel_id:
            raise Failure(Code.INVALID_ARGUMENT, "no channel ID provided")
        if not asked.transaction_id:
            raise Failure(Code.INVALID_ARGUMENT, "transaction ID should not be empty")
        channel = await self._work.run(self._reader, request, asked)
        commits = self._work.commits(channel.name)
        while True:
            event = commits.next
            found = await self._work.run(_status_of, channel, asked.transaction_id)
            if found is not None:
                block, _, code = found
                return gateway.CommitStatusResponse(result=code, block_number=block)
            await event.wait()

    # -- events -------------------------------------------------------------------------------

    @stream
    async def ChaincodeEvents(self, request: Any, context: Any) -> AsyncIterator[Any]:
        asked = _request(request, gateway.ChaincodeEventsRequest, "chaincode events")
        channel = await self._work.run(self._reader, request, asked)
        after = asked.after_transaction_id
        start = await self._work.run(_start, channel, asked)
        async for block in self._work.blocks(channel.name, start):
            found = []
            for one in block.transactions():
                if after:
                    # Everything up to and including this transaction has been seen.
                    after = "" if one.tx_id == after else after
                    continue
                event = one.event
                if one.valid and event is not None and event.chaincode_id == asked.chaincode_id:
                    found.append(event)
            after = ""
            if found:
                yield gateway.ChaincodeEventsResponse(events=found, block_number=block.number)

    def _reader(self, request: Any, asked: Any) -> EmbeddedChannel:
        """The channel, if the one who signed may read it."""
        channel = self._channel(asked.channel_id)
        if channel is None:
            raise Failure(
                Code.PERMISSION_DENIED,
                f"failed to get policy manager for channel [{asked.channel_id}]",
            )
        try:
            member = channel.membership.member(asked.identity)
            member.verify(request.signature, request.request)
        except AccessDenied as problem:
            raise Failure(Code.PERMISSION_DENIED, problem.message) from problem
        if member.msp not in channel.topology.organisations:
            raise Failure(
                Code.PERMISSION_DENIED,
                f"{member.msp} is not an organisation of the channel's application",
            )
        return channel


def _evaluation(code: Any, text: str, place: Place) -> Failure:
    return Failure(
        code, f"evaluate call to endorser returned error: {text}", [error_detail(place, text)]
    )


def _request(signed: Any, kind: Any, what: str) -> Any:
    if not signed.request:
        raise Failure(Code.INVALID_ARGUMENT, f"a {what} request is required")
    try:
        return kind.FromString(signed.request)
    except Exception as problem:
        name = what.removeprefix("commit ")
        raise Failure(Code.INVALID_ARGUMENT, f"invalid {name} request: {problem}") from problem


def _status_of(channel: EmbeddedChannel, tx_id: str) -> tuple[int, int, int] | None:
    with channel.lock:
        if channel.closed:
            raise Failure(Code.UNAVAILABLE, "the ledger is closed")
        found = channel.store.transaction(tx_id)
        failure: LedgerError | None = None if found else channel.failed.get(tx_id)
    if failure is not None:
        raise Failure(Code.ABORTED, failure.message)
    return found


def _start(channel: EmbeddedChannel, asked: Any) -> int:
    """The block with which a stream of events begins."""
    if asked.after_transaction_id:
        with channel.lock:
            found = channel.store.transaction(asked.after_transaction_id)
        if found is not None:
            return found[0]
    kind = asked.start_position.WhichOneof("Type")
    if kind == "specified":
        return int(asked.start_position.specified.number)
    if kind in (None, "next_commit"):
        return channel.height
    raise Failure(
        Code.INVALID_ARGUMENT,
        f"invalid start position type: *orderer.SeekPosition_{kind.capitalize()}",
    )
