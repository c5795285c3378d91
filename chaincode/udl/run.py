"""What the effect of one message works with, and how it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from ufmi.contract import Context
from ufmi.protocol import Code, Entry, Message, Role
from ufmi.protocol import keys as state
from ufmi.protocol.records import Address, Key, Network, Party, Service
from ufmi.protocol.users import Bind

Data = dict[str, Any]
# The newest rules that this contract knows. What differs between rules asks for `Run.rules`.
RULES = 1


class Refusal(Exception):
    """Ends one message with a code. What the message changed is undone."""

    def __init__(self, code: Code, detail: str = "", **data: Any) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.data: Data = data


class Signatory(NamedTuple):
    """Who a sender is on the ledger, and the key that his signatures are verified with."""

    role: str
    key: str
    revoked: bool
    party: Party | None = None


class Run(NamedTuple):
    """One message in execution."""

    context: Context
    network: Network
    entry: Entry
    digest: str  # SM3 of the message's text
    signatory: Signatory
    now: int  # contract time, milliseconds since 1970, UTC
    message: Message
    rules: int = 1  # those in force when the batch began

    @property
    def sender(self) -> str:
        """Who sent the message."""
        return self.message.sender


# An effect returns its code and the data of its result, or raises Refusal.
Effect = Callable[[Run, Any], tuple[Code, Data]]
EFFECTS: dict[type[Message], Effect] = {}
_Effect = TypeVar("_Effect", bound=Effect)


def effect(kind: type[Message]) -> Callable[[_Effect], _Effect]:
    """Registers the function that executes messages of one class."""

    def register(function: _Effect) -> _Effect:
        EFFECTS[kind] = function
        return function

    return register


def require(holds: object, code: Code, detail: str = "") -> None:
    """Refuses unless the condition holds."""
    if not holds:
        raise Refusal(code, detail)


def valid_key(keys: tuple[Key, ...]) -> Key:
    """The newest key; it may be revoked."""
    return keys[-1]


Signer = Party | Service | Address | None


def signer_record(context: Context, network: Network, sender: str) -> Signer:
    """The record that holds a sender's key: party, operator or front-end, wallet address."""
    if sender[0] in "NM":
        return context.get(state.party(sender), Party)
    return network.services.get(sender) or context.get(state.address(sender), Address)


def signatory_of(record: Signer) -> Signatory | None:
    """Who the holder of a record is; None for a stranger."""
    if record is None:
        return None
    if isinstance(record, Party):
        key = valid_key(record.keys)
        return Signatory(record.role, key.key, key.until != 0, record)
    role = record.role if isinstance(record, Service) else Role.WALLET.value
    return Signatory(role, record.key.key, record.key.until != 0)


def active_party(run: Run, institution: str, role: Role) -> Party:
    """The party if it is admitted in this role and active; else refuses."""
    party = run.context.get(state.party(institution), Party)
    if party is None or party.role != role:
        raise Refusal(Code.PARTY_UNKNOWN, f"{institution} is not admitted as {role}")
    check_active(party)
    return party


def check_active(party: Party) -> None:
    if party.frozen or not party.active:
        raise Refusal(Code.PARTY_INACTIVE, f"{party.id} is not active")


def open_market(run: Run, market: str) -> None:
    """Refuses unless trading is on, everywhere and in the market, and the sender belongs to it."""
    if run.network.halted:
        raise Refusal(Code.MARKET_HALTED, "all trading is halted")
    if active_party(run, market, Role.MARKET).halted:
        raise Refusal(Code.MARKET_HALTED, f"trading in {market} is halted")
    party = run.signatory.party
    if party is None or party.market not in ("", market):
        raise Refusal(Code.PARTY_UNKNOWN, "the sender is not of this market")


def usable_address(run: Run, address: str, leaving: bool = False) -> Address:
    """The address's record if it may take tokens in, or only let them go; else refuses."""
    record = run.context.get(state.address(address), Address)
    if record is None:
        raise Refusal(Code.ADDRESS_UNKNOWN, f"{address} belongs to nobody here")
    require(record.key.until == 0, Code.ADDRESS_REVOKED, f"the key of {address} is revoked")
    require(not record.frozen, Code.ADDRESS_FROZEN, f"{address} is frozen")
    require(leaving or not record.removed, Code.ADDRESS_MISMATCH, f"{address} was removed")
    return record


def proven(run: Run, bind: Bind, key: tuple[str, str, str, str]) -> bool:
    """Whether a `BIND` is for this network, ag, tx and user, and still valid."""
    return (bind.network, bind.ag, bind.tx, bind.user) == key and bind.valid_until >= run.now
