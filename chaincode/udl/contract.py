"""The contract of the business channel, named `udl` on every ledger."""

from __future__ import annotations

import msgspec

from chaincode.udl import ask, batch
from ufmi.contract import Context, StateQueries, encode_record, evaluate, submit
from ufmi.crypto import Sm2PublicKey, address_of, sm3_hex
from ufmi.errors import ContractFailure, InvalidKey
from ufmi.protocol import Role
from ufmi.protocol import keys as state
from ufmi.protocol.codes import USERS_MAX, user_id
from ufmi.protocol.records import InitParameters, Key, Network, Service

OPERATORS_MAX = 16
EVENT_EXECUTED = "executed"

_parameters_decoder = msgspec.json.Decoder(InitParameters)


class UdlContract(StateQueries):
    """Identities, asset codes, tokens, locks, orders and their settlement."""

    name = "udl"
    SOURCES = ("ufmi.protocol", "ufmi.crypto", "ufmi.errors")

    @submit
    def init(self, context: Context, parameters: bytes) -> bytes:
        """Founds the network: JSON of `InitParameters`. Once; returns the network's digest."""
        context.declare((), (state.NETWORK,))
        if context.get(state.NETWORK, Network) is not None:
            raise ContractFailure("the ledger is initialised already")
        read = _read_parameters(parameters)
        services = {
            address_of(bytes.fromhex(key)): Service(Role.OPERATOR, Key(key, context.timestamp_ms))
            for key in read.operators
        }
        front = address_of(bytes.fromhex(read.frontend_key))
        if front in services:
            raise ContractFailure("the front-end needs a key of its own")
        services[front] = Service(Role.FRONTEND, Key(read.frontend_key, context.timestamp_ms))
        digest = sm3_hex(encode_record(read))
        context.put(state.NETWORK, Network(digest, read, services))
        return digest.encode()

    @submit
    def execute(self, context: Context, header: bytes, *lines: bytes) -> bytes:
        """Executes signed lines in order; returns a JSON list of their results.

        The header is a JSON list with [arrival number, arrival time, allotted user id] of every
        line. The event `executed` holds the pairs (identity, code).
        """
        results = batch.execute(context, header, lines)
        pairs = [(result.id, result.code) for result in results]
        context.emit(EVENT_EXECUTED, encode_record(pairs))
        return encode_record(results)

    @evaluate
    def result(self, context: Context, identity: bytes) -> bytes:
        """The recorded result of a message by its identity, as JSON; `null` if there is none."""
        return self.get(context, state.result(identity.decode()).encode())

    @evaluate
    def ask(self, context: Context, line: bytes) -> bytes:
        """Answers a signed question, X3 (7.5.3) or P3 (8.5.3).

        Returns JSON with `code`, `detail` and `text`, the text of the answer.
        """
        return ask.ask(context, line)

    @evaluate
    def next_user(self, context: Context) -> bytes:
        """The number after the highest unified id of a user, as JSON."""
        low, high = 1, USERS_MAX + 1
        while low < high:
            middle = (low + high) // 2
            if context.scan(state.user(user_id(middle)), "user0", 1):
                low = middle + 1
            else:
                high = middle
        return encode_record(low)


def _read_parameters(raw: bytes) -> InitParameters:
    try:
        read = _parameters_decoder.decode(raw)
        for key in (*read.operators, read.frontend_key):
            if Sm2PublicKey.from_hex(key).to_hex() != key:
                raise ContractFailure("keys are written in lower case")
    except (msgspec.DecodeError, InvalidKey) as problem:
        raise ContractFailure(f"the init parameters cannot be read: {problem}") from problem
    count = len(set(read.operators))
    if count != len(read.operators) or not 1 <= read.threshold <= count <= OPERATORS_MAX:
        raise ContractFailure("needs 1 ≤ m ≤ n ≤ 16 different operator keys")
    if read.clock not in ("system", "controlled"):
        raise ContractFailure("the clock is system or controlled")
    return read
