"""Executes a batch of signed lines: every message by itself, in order, with one result each.

Keys are declared by the texts and read at once; signatures are verified in bulk against the keys
that were read, and again where a line of the same batch changed the key.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import cast

import msgspec

# Importing the modules registers their effects.
from chaincode.udl import (
    assets,
    funds,
    governance,
    holdings,
    orders,
    settlement,
    standing,
    updates,
    users,
    withdrawals,
)
from chaincode.udl.run import (
    EFFECTS,
    RULES,
    Refusal,
    Run,
    Signatory,
    check_active,
    signatory_of,
    signer_record,
)
from ufmi.contract import Context
from ufmi.crypto import Signed, verify_many
from ufmi.errors import ContractFailure
from ufmi.protocol import UNRECORDED, Code, Entry, Message, Result, SignedMessage, read_signed
from ufmi.protocol import keys as state
from ufmi.protocol.records import Network, Outcome

LINES_MAX = 1_000
__all__ = [
    "assets",
    "funds",
    "governance",
    "holdings",
    "orders",
    "settlement",
    "standing",
    "updates",
    "users",
    "withdrawals",
]

_header_decoder = msgspec.json.Decoder(list[Entry])


# A line that is a message, or the result that refuses it.
Item = SignedMessage | Result


def read_header(raw: bytes, lines: int) -> list[Entry]:
    """The batch header: arrival number and time of every line, ascending.

    Raises:
        ContractFailure: it does not fit the lines.
    """
    try:
        entries = _header_decoder.decode(raw)
    except msgspec.DecodeError as problem:
        raise ContractFailure(f"the batch header cannot be read: {problem}") from problem
    if len(entries) != lines or not 1 <= lines <= LINES_MAX:
        raise ContractFailure(f"the header has {len(entries)} entries for {lines} lines")
    numbers = [entry.number for entry in entries]
    if any(after <= before for before, after in zip(numbers, numbers[1:], strict=False)):
        raise ContractFailure("the header's arrival numbers do not ascend")
    return entries


def execute(context: Context, header: bytes, lines: Sequence[bytes]) -> list[Result]:
    """Runs all lines. Raises ContractFailure where the batch as a whole is not in order."""
    entries = read_header(header, len(lines))
    if max(entry.time for entry in entries) > context.timestamp_ms:
        raise ContractFailure("the transaction is older than an arrival in it")
    items = [read_signed(line) for line in lines]
    _declare(context, entries, items)
    network = authorised(context)
    checks = Checks(context, network, items)
    return [
        _run(context, at, entry, item, checks)
        if type(item) is SignedMessage
        else cast(Result, item)
        for at, (entry, item) in enumerate(zip(entries, items, strict=True))
    ]


def authorised(context: Context) -> Network:
    """The network's record, if the caller is its front-end. Raises ContractFailure."""
    network = context.get(state.NETWORK, Network)
    if network is None:
        raise ContractFailure("the ledger is not initialised", hint="Call init first")
    if network.rules > RULES:
        raise ContractFailure(
            f"rules {network.rules} are in force, this contract knows them up to {RULES}",
            hint="Install the contract that knows them",
        )
    parameters = network.parameters
    caller = context.caller
    if (caller.msp, caller.fingerprint) != (
        parameters.frontend_msp,
        parameters.frontend_certificate,
    ):
        raise ContractFailure(
            "only the front-end may call execute",
            hint="Send messages to the front-end, or use its identity while it does not run",
        )
    return network


def _declare(context: Context, entries: list[Entry], items: list[Item]) -> None:
    reads: list[str] = [state.NETWORK]
    writes: list[str] = []
    for entry, item in zip(entries, items, strict=True):
        if type(item) is SignedMessage:
            keys = item.message.keys(entry)
            reads += keys.reads
            writes += keys.writes
    context.declare(reads, writes)


class Checks:
    """The verdicts on all signatures of a batch, verified in bulk."""

    def __init__(self, context: Context, network: Network, items: Sequence[Item]) -> None:
        # New rules take effect with the next transaction, not in the middle of one.
        self.rules = network.rules
        self._known: dict[str, tuple[object, Signatory | None]] = {}
        self._keys: dict[int, str] = {}  # place of a line → the sender's key when it was read
        wanted: list[Signed] = []
        places: list[tuple[int, int]] = []  # where a line's verdicts begin, and their number
        for at, item in enumerate(items):
            begin = len(wanted)
            if type(item) is SignedMessage:
                signatory = self.signatory(context, network, item.message.sender)
                if signatory is not None:
                    self._keys[at] = signatory.key
                    wanted.append((_raw_key(signatory.key), item.text, item.signature))
                wanted += _claims(item.message)
            places.append((begin, len(wanted)))
        self._places = places
        self._verdicts = verify_many(wanted)

    def signatory(self, context: Context, network: Network, sender: str) -> Signatory | None:
        """Who a sender is now; looked up anew only where his record has changed."""
        record = signer_record(context, network, sender)
        known = self._known.get(sender)
        if known is not None and known[0] is record:
            return known[1]
        found = signatory_of(record)
        self._known[sender] = (record, found)
        return found

    def sender(self, at: int, item: SignedMessage, signatory: Signatory) -> bool:
        """Whether the sender's key of this moment signed the line at a place."""
        if self._keys.get(at) == signatory.key:
            return self._verdicts[self._places[at][0]]
        # An earlier line of the batch changed the key.
        return verify_many([(_raw_key(signatory.key), item.text, item.signature)])[0]

    def claims(self, at: int) -> bool:
        """Whether every signature carried inside a line holds."""
        begin, end = self._places[at]
        return all(self._verdicts[begin + (at in self._keys) : end])


_raw_key = lru_cache(maxsize=4_096)(bytes.fromhex)


def _claims(message: Message) -> list[Signed]:
    return [
        (bytes.fromhex(claim.public_key), claim.text.encode(), bytes.fromhex(claim.signature))
        for claim in message.claims()
    ]


def _run(context: Context, at: int, entry: Entry, item: SignedMessage, checks: Checks) -> Result:
    """Authenticates one message, executes it within a savepoint and records its result."""
    message, identity = item.message, item.identity
    network = context.get(state.NETWORK, Network)
    assert network is not None
    signatory = checks.signatory(context, network, message.sender)
    if signatory is None:
        return Result(identity, Code.SIGNER_UNKNOWN, f"{message.sender} is not known here")
    if not checks.sender(at, item, signatory):
        return Result(identity, Code.SIGNATURE_INVALID, f"not signed by {message.sender}")
    first = context.get(state.result(identity), Outcome)
    if first is not None:
        if first.text != item.digest:
            return Result(identity, Code.ID_REUSED, "another text has this identity")
        return Result(identity, first.code, first.detail, dict(first.data), repeated=True)
    if signatory.revoked:
        return Result(identity, Code.KEY_REVOKED, f"the key of {message.sender} is revoked")
    run = Run(
        context, network, entry, item.digest, signatory, context.timestamp_ms, message, checks.rules
    )
    try:
        with context.savepoint():
            _check_terms(run, item, checks.claims(at))
            code, data = EFFECTS[type(message)](run, message)
        result = Result(identity, code, "", data)
    except Refusal as refusal:
        result = Result(identity, refusal.code, refusal.detail, refusal.data)
        if refusal.code in UNRECORDED:
            return result
    context.put(
        state.result(identity),
        Outcome(item.digest, entry.number, entry.time, result.code, result.detail, result.data),
    )
    return result


def _check_terms(run: Run, item: SignedMessage, claims_hold: bool) -> None:
    """What holds for every message before its own rules."""
    message = item.message
    if message.network != run.network.digest:
        raise Refusal(Code.WRONG_NETWORK, "the text was signed for another ledger")
    if run.signatory.role not in message.ROLES:
        raise Refusal(Code.ROLE_NOT_ALLOWED, f"{run.signatory.role} does not send {message.NAME}")
    if message.valid_until < run.now:
        raise Refusal(Code.EXPIRED, f"valid until {message.valid_until}, it is {run.now}")
    if run.signatory.party is not None:
        check_active(run.signatory.party)
    if not claims_hold:
        raise Refusal(Code.PROOF_INVALID, "a signature carried in the text does not hold")
