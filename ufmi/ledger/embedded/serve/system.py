"""The contracts that every peer has: qscc, cscc and _lifecycle, as far as they ask questions."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ufmi.errors import LedgerError, NotFound
from ufmi.ledger.blocks import Block
from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.ledger.embedded.channel import EmbeddedChannel
from ufmi.ledger.embedded.serve.messages import (
    application_policy,
    chain,
    lifecycle,
    query,
)
from ufmi.ledger.embedded.serve.places import joined
from ufmi.ledger.msp import Member
from ufmi.ledger.proposals import Call
from ufmi.ledger.protos import SUCCESS, common, configtx, proposal_response, transaction

QSCC, CSCC, LIFECYCLE = "qscc", "cscc", "_lifecycle"
# By hash, the newest so many blocks of a channel are found.
HASHES_MAX = 200_000
_NUMBER_MAX = 2**64 - 1
_FIXED = "the embedded ledger runs the contracts and channels that it was founded with"


class _Answer(Exception):
    """A call that a system contract does not answer as asked."""

    def __init__(self, message: str, status: int = 500) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class SystemContracts:
    """The system contracts of one organisation's peer."""

    def __init__(self, ledger: EmbeddedLedger, msp: str) -> None:
        self._ledger = ledger
        self._msp = msp
        self._hashes: dict[str, _Hashes] = {}
        self._contracts: dict[str, Callable[[Call, Member], bytes]] = {
            QSCC: self._qscc,
            CSCC: self._cscc,
            LIFECYCLE: self._lifecycle,
        }

    def has(self, contract: str) -> bool:
        """Whether a contract is one of these."""
        return contract in self._contracts

    def invoke(self, call: Call, member: Member) -> Any:
        """The Response to a member's call."""
        try:
            payload = self._contracts[call.contract](call, member)
        except _Answer as problem:
            return proposal_response.Response(status=problem.status, message=problem.message)
        except LedgerError as problem:
            return proposal_response.Response(status=500, message=str(problem))
        return proposal_response.Response(status=SUCCESS, payload=payload)

    def _channel(self, raw: bytes, member: Member, function: str, unknown: str) -> EmbeddedChannel:
        name = raw.decode("utf-8", "replace")
        try:
            channel = joined(self._ledger, name, self._msp)
        except NotFound:
            raise _Answer(f"{unknown}, {name}") from None
        if member.msp not in channel.topology.organisations:
            raise _Answer(f"access denied for [{function}][{name}]: not a reader of the channel")
        return channel

    # -- qscc: blocks and transactions ----------------------------------------------------------

    def _qscc(self, call: Call, member: Member) -> bytes:
        arguments, function = call.arguments, call.function
        if not arguments:
            raise _Answer("Incorrect number of arguments, 1")
        if function != "GetChainInfo" and len(arguments) < 2:
            raise _Answer(f"missing 3rd argument for {function}")
        channel = self._channel(arguments[0], member, function, "Invalid chain ID")
        answers: dict[str, Callable[[EmbeddedChannel, bytes], bytes]] = {
            "GetChainInfo": _chain_info,
            "GetBlockByNumber": _block_by_number,
            "GetBlockByHash": self._block_by_hash,
            "GetTransactionByID": _transaction_by_id,
            "GetBlockByTxID": _block_by_tx_id,
        }
        if function not in answers:
            raise _Answer(f"Requested function {function} not found.")
        return answers[function](channel, arguments[1] if len(arguments) > 1 else b"")

    def _block_by_hash(self, channel: EmbeddedChannel, wanted: bytes) -> bytes:
        hashes = self._hashes.setdefault(channel.name, _Hashes())
        number = hashes.find(channel, wanted)
        if number is None:
            text = wanted.decode("utf-8", "replace")
            raise _Answer(
                f"Failed to get block hash {text}, error no such block hash"
                f" [{wanted.hex()}] in index"
            )
        return _raw(channel.block(number))

    # -- cscc: configuration --------------------------------------------------------------------

    def _cscc(self, call: Call, member: Member) -> bytes:
        arguments, function = call.arguments, call.function
        if function == "GetChannels":
            names = [
                name
                for name, one in self._ledger.topology.channels.items()
                if self._msp in one.organisations
            ]
            found = [query.ChannelInfo(channel_id=name) for name in names]
            return bytes(query.ChannelQueryResponse(channels=found).SerializeToString())
        if function in ("JoinChain", "JoinChainBySnapshot", "JoinBySnapshotStatus"):
            raise _Answer(f"{function} is not possible: {_FIXED}")
        if function not in ("GetConfigBlock", "GetChannelConfig"):
            raise _Answer(f"Requested function {function} not found.")
        if not arguments:
            raise _Answer("Incorrect number of arguments, 1")
        channel = self._channel(arguments[0], member, function, "Unknown channel ID")
        block = channel.block(0)
        if function == "GetConfigBlock":
            return _raw(block)
        envelope = common.Envelope.FromString(block.message.data.data[0])
        payload = common.Payload.FromString(envelope.payload)
        config = configtx.ConfigEnvelope.FromString(payload.data).config
        return bytes(config.SerializeToString())

    # -- _lifecycle: which contracts there are ----------------------------------------------------

    def _lifecycle(self, call: Call, member: Member) -> bytes:
        arguments, function = call.arguments, call.function
        if len(arguments) != 1:
            raise _Answer(
                "lifecycle scc operations require exactly two arguments"
                f" but received {len(arguments) + 1}"
            )
        if function not in ("QueryChaincodeDefinition", "QueryChaincodeDefinitions"):
            raise _Answer(
                f"failed to invoke backing implementation of '{function}': {_FIXED};"
                " it installs and defines none"
            )
        channel = self._channel(
            call.channel.encode(), member, function, "could not get channelconfig for channel"
        )
        if function == "QueryChaincodeDefinitions":
            whole = lifecycle.QueryChaincodeDefinitionsResult(
                chaincode_definitions=[
                    lifecycle.QueryChaincodeDefinitionsResult.ChaincodeDefinition(
                        name=name, **_definition(channel, name)
                    )
                    for name in sorted(channel.policies)
                ]
            )
            return bytes(whole.SerializeToString())
        name = _parsed(lifecycle.QueryChaincodeDefinitionArgs, arguments[0]).name
        if name not in channel.policies:
            raise _Answer(f"namespace {name} is not defined", 404)
        one = lifecycle.QueryChaincodeDefinitionResult(
            approvals=dict.fromkeys(channel.topology.organisations, True),
            **_definition(channel, name),
        )
        return bytes(one.SerializeToString())


def _definition(channel: EmbeddedChannel, contract: str) -> dict[str, Any]:
    """What both kinds of answers say of a contract."""
    rule = application_policy.ApplicationPolicy(signature_policy=channel.policies[contract])
    return {
        "sequence": 1,
        "version": "1",
        "endorsement_plugin": "escc",
        "validation_plugin": "vscc",
        "validation_parameter": rule.SerializeToString(),
    }


def _parsed(kind: Any, raw: bytes) -> Any:
    try:
        return kind.FromString(raw)
    except Exception as problem:
        raise _Answer(f"the argument cannot be read: {problem}") from problem


def _raw(block: Block) -> bytes:
    return bytes(block.message.SerializeToString())


def _chain_info(channel: EmbeddedChannel, _: bytes) -> bytes:
    with channel.lock:
        height, tip = channel.height, channel.tip_hash
        newest = channel.block(height - 1)
    info = chain.BlockchainInfo(
        height=height,
        currentBlockHash=tip,
        previousBlockHash=newest.message.header.previous_hash,
    )
    return bytes(info.SerializeToString())


def _block_by_number(channel: EmbeddedChannel, raw: bytes) -> bytes:
    text = raw.decode("ascii", "replace")
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) > _NUMBER_MAX:
        raise _Answer(f'Failed to parse block number with error parsing "{text[:100]}"')
    number = int(text)
    if number == _NUMBER_MAX:  # as in a peer, the newest
        number = channel.height - 1
    if number >= channel.height:
        raise _Answer(
            f"Failed to get block number {number}, error no such block number [{number}] in index"
        )
    return _raw(channel.block(number))


def _place_of(channel: EmbeddedChannel, tx_id: str, failed: str) -> tuple[int, int, int]:
    with channel.lock:
        channel.check_open()
        found = channel.store.transaction(tx_id)
    if found is None:
        raise _Answer(f"{failed} {tx_id}, error no such transaction ID [{tx_id}] in index")
    return found


def _transaction_by_id(channel: EmbeddedChannel, raw: bytes) -> bytes:
    tx_id = raw.decode("utf-8", "replace")
    number, at, code = _place_of(channel, tx_id, "Failed to get transaction with id")
    envelope = channel.block(number).message.data.data[at]
    found = transaction.ProcessedTransaction(
        transactionEnvelope=common.Envelope.FromString(envelope), validationCode=code
    )
    return bytes(found.SerializeToString())


def _block_by_tx_id(channel: EmbeddedChannel, raw: bytes) -> bytes:
    tx_id = raw.decode("utf-8", "replace")
    return _raw(channel.block(_place_of(channel, tx_id, "Failed to get block for txID")[0]))


class _Hashes:
    """Which block has which hash; brought up to date when it is asked for."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._next = 0
        self._lock = threading.Lock()  # not the channel's: the first time takes long

    def find(self, channel: EmbeddedChannel, wanted: bytes) -> int | None:
        """The number of the block with this hash."""
        with self._lock:
            self._next = max(self._next, channel.height - HASHES_MAX)
            while self._next < channel.height:
                self._numbers[channel.block(self._next).hash] = self._next
                self._next += 1
            while len(self._numbers) > HASHES_MAX:
                del self._numbers[next(iter(self._numbers))]
            return self._numbers.get(wanted)
