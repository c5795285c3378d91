"""Who and what may take part, and the rules in force. Ours."""

from __future__ import annotations

from msgspec.structs import replace

from chaincode.udl.governance import approved
from chaincode.udl.run import RULES, Data, Refusal, Run, effect, require
from ufmi.protocol import Code, Role
from ufmi.protocol import keys as state
from ufmi.protocol.governance import Activate, Status
from ufmi.protocol.records import Address, Asset, Party, Subscriptions

# What each kind of subject can be.
_POSSIBLE = {
    "PARTY": ("ACTIVE", "SUSPENDED", "REMOVED", "FROZEN", "HALTED"),
    "ADDRESS": ("ACTIVE", "FROZEN"),
    "ASSET": ("ACTIVE", "FROZEN", "HALTED"),
    "NETWORK": ("ACTIVE", "HALTED"),
}


@effect(Status)
def change(run: Run, message: Status) -> tuple[Code, Data]:
    """Changes a status: by m of n operator keys, or what the regulator may, alone."""
    require(
        message.status in _POSSIBLE[message.kind],
        Code.STATUS_INVALID,
        f"{message.kind} is one of {', '.join(_POSSIBLE[message.kind])}",
    )
    by_regulator = run.signatory.role == Role.REGULATOR
    done = by_regulator or approved(run, message)
    apply = {"PARTY": _party, "ADDRESS": _address, "ASSET": _asset, "NETWORK": _network}
    told = apply[message.kind](run, message, by_regulator, done)
    return (Code.OK, {"told": told}) if done else (Code.PENDING, {})


def _party(run: Run, message: Status, by_regulator: bool, done: bool) -> list[str]:
    party = run.context.get(state.party(message.subject), Party)
    if party is None:
        raise Refusal(Code.PARTY_UNKNOWN, f"{message.subject} is not admitted")
    require(not party.removed, Code.PARTY_INACTIVE, "removed for good")
    status = message.status
    if by_regulator:
        require(status != "SUSPENDED", Code.ROLE_NOT_ALLOWED, "operators suspend")
        require(status != "REMOVED", Code.ROLE_NOT_ALLOWED, "operators remove")
    require(
        status != "HALTED" or party.role == Role.MARKET,
        Code.STATUS_INVALID,
        "a market is halted; an institution is suspended or frozen",
    )
    if status == "ACTIVE":
        # The regulator undoes what he did, not what the operators did.
        active = party.active if by_regulator else True
        changed = replace(party, active=active, frozen=False, halted=False)
    elif status == "SUSPENDED":
        changed = replace(party, active=False)
    elif status == "REMOVED":
        keys = party.keys
        if keys[-1].until == 0:
            keys = (*keys[:-1], replace(keys[-1], until=run.now))
        changed = replace(party, active=False, removed=True, keys=keys)
    elif status == "FROZEN":
        changed = replace(party, frozen=True)
    else:
        changed = replace(party, halted=True)
    if done:
        run.context.put(state.party(message.subject), changed)
        if not changed.active or changed.frozen:
            _unsubscribe(run, message.subject)
    return [message.subject]


def _unsubscribe(run: Run, matcher: str) -> None:
    """Who may not take part gets no orders; S3 again once it may."""
    record = run.context.get(state.SUBSCRIPTIONS, Subscriptions)
    if record is not None and matcher in record.matchers:
        rest = {one: kept for one, kept in record.matchers.items() if one != matcher}
        run.context.put(state.SUBSCRIPTIONS, Subscriptions(rest))


def _address(run: Run, message: Status, by_regulator: bool, done: bool) -> list[str]:
    address = run.context.get(state.address(message.subject), Address)
    if address is None:
        raise Refusal(Code.ADDRESS_UNKNOWN, f"{message.subject} belongs to nobody here")
    if done:
        changed = replace(address, frozen=message.status == "FROZEN")
        run.context.put(state.address(message.subject), changed)
    return [message.subject]


def _asset(run: Run, message: Status, by_regulator: bool, done: bool) -> list[str]:
    asset = run.context.get(state.asset(message.subject), Asset)
    if asset is None:
        raise Refusal(Code.ASSET_UNKNOWN, f"there is no asset {message.subject}")
    if message.status == "ACTIVE":
        changed = replace(asset, frozen=False, halted=False)
    elif message.status == "FROZEN":
        changed = replace(asset, frozen=True)
    else:
        changed = replace(asset, halted=True)
    if done:
        run.context.put(state.asset(message.subject), changed)
    return [asset.registry]


def _network(run: Run, message: Status, by_regulator: bool, done: bool) -> list[str]:
    require(
        message.subject == run.network.digest,
        Code.STATUS_INVALID,
        "the subject is the network's digest",
    )
    if done:
        halted = message.status == "HALTED"
        run.context.put(state.NETWORK, replace(run.network, halted=halted))
    return []


@effect(Activate)
def activate(run: Run, message: Activate) -> tuple[Code, Data]:
    """New rules take effect by this, at a block, and not by what is installed."""
    require(message.rules <= RULES, Code.RULES_UNKNOWN, f"this contract knows rules up to {RULES}")
    require(
        message.rules > run.network.rules,
        Code.STATUS_INVALID,
        f"rules {run.network.rules} are in force",
    )
    if not approved(run, message):
        return Code.PENDING, {}
    run.context.put(state.NETWORK, replace(run.network, rules=message.rules))
    return Code.OK, {"rules": message.rules}
