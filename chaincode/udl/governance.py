"""Admission, revocation and expiry on the ledger."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import asdict, replace

from chaincode.udl import orders, withdrawals
from chaincode.udl.run import Data, Refusal, Run, effect, require, valid_key
from ufmi.crypto import address_of, sm3_hex
from ufmi.protocol import Code, Message, Role
from ufmi.protocol import keys as state
from ufmi.protocol.governance import Admit, Expire, Revoke, Rotate
from ufmi.protocol.records import (
    Address,
    Amendment,
    Deposit,
    Key,
    Listing,
    Onchain,
    OrderRecord,
    Party,
    Proposal,
    Service,
    Update,
)
from ufmi.protocol.text import join

KEYS_MAX = 32
# Keys of UFMI itself, those that have ended included.
SERVICES_MAX = 128


def approved(run: Run, message: Message) -> bool:
    """Adds the sending operator key to those that approve; whether they are enough now.

    All that the texts must agree in is every field but sender and valid_until.
    """
    agreed = [
        f"{name}={value}"
        for name, value in asdict(message).items()
        if name not in ("sender", "valid_until")
    ]
    terms = sm3_hex(join(message.NAME, agreed).encode())
    key = state.proposal(message.NAME, message.tx)
    proposal = run.context.get(key, Proposal) or Proposal(terms, {})
    require(proposal.terms == terms, Code.PROPOSAL_DIFFERS, "another proposal has this id")
    # An approval counts until its own valid_until; nothing takes effect years later.
    approvals = {who: until for who, until in proposal.approvals.items() if until >= run.now}
    require(
        not proposal.done and message.sender not in approvals,
        Code.ALREADY_APPROVED,
        "it has taken effect or this key has approved it",
    )
    approvals[message.sender] = message.valid_until
    valid = [one for one in approvals if _valid_operator(run, one)]
    done = len(valid) >= run.network.parameters.threshold
    run.context.put(key, Proposal(terms, approvals, done))
    return done


def _valid_operator(run: Run, address: str) -> bool:
    service = run.network.services.get(address)
    return service is not None and service.role == Role.OPERATOR and service.key.until == 0


@effect(Admit)
def admit(run: Run, message: Admit) -> tuple[Code, Data]:
    """Admits a party once m of n operator keys agree."""
    is_market = message.role == Role.MARKET
    require(
        is_market == message.party.startswith("M") and not (is_market and message.market),
        Code.SENDER_MISMATCH,
        "a market has an id M… and belongs to no other; an institution has an id N…",
    )
    done = approved(run, message)
    known = run.context.get(state.party(message.party), Party)
    if known is not None:
        require(known.role == message.role, Code.PARTY_EXISTS, f"admitted as {known.role}")
        require(not known.removed, Code.PARTY_INACTIVE, "removed for good")
        require(valid_key(known.keys).until != 0, Code.PARTY_EXISTS, "its key is valid")
        used = [key.key for key in known.keys]
        require(message.key not in used, Code.KEY_UNKNOWN, "the key was revoked")
        require(len(used) < KEYS_MAX, Code.TOO_MANY, f"more than {KEYS_MAX} keys")
    if not done:
        return Code.PENDING, {}
    key = Key(message.key, run.now)
    if known is None:
        party = Party(message.party, message.role, message.market, message.name, (key,))
    else:
        party = replace(known, keys=(*known.keys, key), name=message.name, market=message.market)
    run.context.put(state.party(message.party), party)
    return Code.OK, {"party": message.party}


@effect(Revoke)
def revoke(run: Run, message: Revoke) -> tuple[Code, Data]:
    """Revokes a key: by its subject at once, else by m of n operator keys."""
    own = message.sender == message.subject and run.signatory.role != Role.OPERATOR
    require(
        own or run.signatory.role == Role.OPERATOR,
        Code.ROLE_NOT_ALLOWED,
        "only the subject itself and the operator revoke a key",
    )
    done = own or approved(run, message)
    _revocable(run, message)
    if not done:
        return Code.PENDING, {}
    _mark_revoked(run, message)
    return Code.OK, {"subject": message.subject}


def _revocable(run: Run, message: Revoke) -> None:
    """Refuses unless the key is the subject's valid one and enough operator keys remain."""
    service = run.network.services.get(message.subject)
    if service is not None:
        require(service.role == Role.OPERATOR, Code.KEY_UNKNOWN, "not an operator's key")
        key = service.key
        remaining = sum([_valid_operator(run, one) for one in run.network.services]) - 1
        require(
            key.until != 0 or remaining >= run.network.parameters.threshold,
            Code.TOO_FEW_OPERATORS,
            f"{remaining} operator keys would remain",
        )
    elif message.subject[0] in "NM":
        party = run.context.get(state.party(message.subject), Party)
        require(party, Code.KEY_UNKNOWN, f"{message.subject} is not admitted")
        assert party is not None
        key = valid_key(party.keys)
    else:
        address = run.context.get(state.address(message.subject), Address)
        require(address, Code.KEY_UNKNOWN, f"{message.subject} belongs to nobody here")
        assert address is not None
        key = address.key
    require(
        key.key == message.key and key.until == 0,
        Code.KEY_UNKNOWN,
        f"it is not the valid key of {message.subject}",
    )


def _mark_revoked(run: Run, message: Revoke) -> None:
    context = run.context
    service = run.network.services.get(message.subject)
    if service is not None:
        changed = replace(service, key=replace(service.key, until=run.now))
        services = run.network.services | {message.subject: changed}
        context.put(state.NETWORK, replace(run.network, services=services))
        return
    key = state.signer(message.subject)
    if message.subject[0] in "NM":
        party = context.get(key, Party)
        assert party is not None
        keys = (*party.keys[:-1], replace(party.keys[-1], until=run.now))
        context.put(key, replace(party, keys=keys))
    else:
        address = context.get(key, Address)
        assert address is not None
        context.put(key, replace(address, key=replace(address.key, until=run.now)))


@effect(Rotate)
def rotate(run: Run, message: Rotate) -> tuple[Code, Data]:
    """A new key in place of the valid one: by the party itself, else by m of n operator keys."""
    possess = message.proof[0].possess
    fits = (possess.network, possess.tx, possess.subject) == (
        message.network,
        message.tx,
        message.subject,
    ) and possess.valid_until >= run.now
    require(fits, Code.PROOF_INVALID, "the POSSESS is for another rotation, or has expired")
    service = run.network.services.get(message.subject)
    if service is not None:
        return _rotate_service(run, message, service)
    require(
        message.sender == message.subject,
        Code.ROLE_NOT_ALLOWED,
        "a party changes its key itself; a lost key is revoked, and the party admitted anew",
    )
    party = run.context.get(state.party(message.subject), Party)
    assert party is not None
    used = [key.key for key in party.keys]
    require(used[-1] == message.key, Code.KEY_UNKNOWN, "it is not the valid key")
    require(message.new_key not in used, Code.KEY_UNKNOWN, "the new key was used before")
    require(len(used) < KEYS_MAX, Code.TOO_MANY, f"more than {KEYS_MAX} keys")
    require(message.certificate == "", Code.STATUS_INVALID, "only the front-end has a certificate")
    old = replace(party.keys[-1], until=run.now)
    keys = (*party.keys[:-1], old, Key(message.new_key, run.now))
    run.context.put(state.party(message.subject), replace(party, keys=keys))
    return Code.OK, {"subject": message.subject}


def _rotate_service(run: Run, message: Rotate, service: Service) -> tuple[Code, Data]:
    """Keys of UFMI itself: the new one stands beside the old one, which ends."""
    require(
        run.signatory.role == Role.OPERATOR, Code.ROLE_NOT_ALLOWED, "operators change these keys"
    )
    require(
        service.key.key == message.key and service.key.until == 0,
        Code.KEY_UNKNOWN,
        f"it is not the valid key of {message.subject}",
    )
    address = address_of(bytes.fromhex(message.new_key))
    require(
        address not in run.network.services
        and run.context.get(state.address(address), Address) is None,
        Code.ADDRESS_TAKEN,
        f"{address} is registered",
    )
    is_front = service.role == Role.FRONTEND
    require(
        is_front or message.certificate == "",
        Code.STATUS_INVALID,
        "only the front-end has a certificate",
    )
    require(len(run.network.services) < SERVICES_MAX, Code.TOO_MANY, "too many keys were used")
    if not approved(run, message):
        return Code.PENDING, {}
    network = run.network
    services = network.services | {
        message.subject: replace(service, key=replace(service.key, until=run.now)),
        address: Service(service.role, Key(message.new_key, run.now)),
    }
    if message.certificate:
        changed = replace(network.parameters, frontend_certificate=message.certificate)
        network = replace(network, parameters=changed)
    run.context.put(state.NETWORK, replace(network, services=services))
    return Code.OK, {"subject": address}


_Pending = TypeVar("_Pending", Deposit, Onchain, Listing, Update, Amendment)


@effect(Expire)
def expire(run: Run, message: Expire) -> tuple[Code, Data]:
    """Ends what has expired. Anybody may ask; nothing ends before its time."""
    if message.kind == "ORDER":
        return _expire_order(run, message)
    if message.kind == "DEPOSIT":
        deposit = _close(run, state.deposit(message.owner, message.number), Deposit)
        return Code.OK, {"told": [message.owner, deposit.bank]}
    if message.kind == "UPDATE":
        update = _close(run, state.update(message.owner, message.number), Update)
        return Code.OK, {"told": [message.owner, update.bank, update.registry]}
    if message.kind == "AMENDMENT":
        amendment = _close(run, state.amendment(message.owner, message.number), Amendment)
        return Code.OK, {"told": [message.owner, amendment.registry]}
    if message.kind == "WITHDRAWAL":
        withdrawal = withdrawals.give_back(run, message.owner, message.number)
        banks = [part.bank for part in withdrawal.parts if part.status == "RETURNED"]
        told = [message.owner, withdrawal.ag, withdrawal.bank, *banks]
        data: Data = {"told": list(dict.fromkeys(told))}
        if not withdrawal.open:
            data |= withdrawals.ended(withdrawal)
            data |= {"ag": withdrawal.ag, "bank": withdrawal.bank}
        return Code.OK, data
    if message.kind == "ONCHAIN":
        onchain = _close(run, state.onchain(message.owner, message.number), Onchain)
        return Code.OK, {"told": [message.owner, onchain.ag, onchain.registry]}
    listing = _close(run, state.listing(message.owner, message.number), Listing)
    return Code.OK, {"told": [message.owner, listing.registry]}


def _close(run: Run, key: str, kind: type[_Pending]) -> _Pending:
    record = run.context.get(key, kind)
    if record is None or not record.open:
        raise Refusal(Code.NOT_PENDING, "there is no such open instruction")
    require(record.valid_until < run.now, Code.NOT_EXPIRED, f"valid until {record.valid_until}")
    run.context.put(key, replace(record, open=False, outcome=str(Code.EXPIRED)))
    return record


def _expire_order(run: Run, message: Expire) -> tuple[Code, Data]:
    order = run.context.get(state.order(message.owner, message.number), OrderRecord)
    if order is None:
        raise Refusal(Code.ORDER_UNKNOWN, f"there is no order {message.owner}/{message.number}")
    require(
        order.side == message.side and message.asset in ("", order.asset),
        Code.ORDER_MISMATCH,
        "side or asset are not the order's",
    )
    require(order.side == "BUY" or message.asset, Code.ORDER_MISMATCH, "name the asset to return")
    require(order.status == "OPEN", Code.ORDER_CLOSED, f"it is {order.status.lower()}")
    require(order.valid_until < run.now, Code.NOT_EXPIRED, f"valid until {order.valid_until}")
    orders.end(run.context, message.owner, message.number, order, "EXPIRED")
    return Code.OK, {"told": [message.owner, order.publisher, *order.adopters]}
