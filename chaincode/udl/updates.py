"""用户登记, updates (guide 7.5.2): addresses that a broker alone cannot change, new information."""

from __future__ import annotations

from msgspec.structs import replace

from chaincode.udl.run import Data, Refusal, Run, effect, proven, require
from chaincode.udl.users import active_account, keep_account
from ufmi.crypto import address_of
from ufmi.protocol import Code
from ufmi.protocol import keys as state
from ufmi.protocol.records import Account, Address, Key, Update, User
from ufmi.protocol.users import X2, X2Bank, X2Registry, X2Update

# Of one account with one broker.
ADDRESSES_MAX = 16


@effect(X2)
def request(run: Run, x2: X2) -> tuple[Code, Data]:
    """Checks the change; with an address's own consent it is made at once."""
    require(x2.ag == x2.sender, Code.SENDER_MISMATCH, "a broker updates in its own name")
    user, account = active_account(run, x2.unified, x2.ag)
    require(
        (account.bank, account.registry) == (x2.bank, x2.registry),
        Code.TERMS_DIFFER,
        "bank or registry are not those of the account",
    )
    for proof in x2.add:
        fits = proven(run, proof.bind, (x2.network, x2.ag, x2.tx, account.broker_user))
        require(fits, Code.PROOF_INVALID, "a BIND is for another update, or has expired")
    agreed = bool(x2.consent) and _consents(run, x2, user)
    update = Update(
        answered=run.digest,
        unified=x2.unified,
        bank=x2.bank,
        registry=x2.registry,
        remove=x2.remove,
        add=tuple([proof.bind.key for proof in x2.add]),
        valid_until=x2.valid_until,
        applied=agreed,
    )
    _check(run, user, account, update)
    if agreed:
        _apply(run, user, account, update)
    run.context.put(state.update(x2.ag, x2.tx), update)
    return Code.PENDING, {"unified": x2.unified}


def _consents(run: Run, x2: X2, user: User) -> bool:
    """Whether the carried consent (its signature is verified) is to exactly this; else refuses."""
    consent = x2.consent[0].consent
    fits = (
        (consent.network, consent.ag, consent.tx, consent.unified)
        == (x2.network, x2.ag, x2.tx, x2.unified)
        and consent.remove == x2.remove
        and consent.add == tuple([proof.bind.key for proof in x2.add])
        and consent.valid_until >= run.now
    )
    require(fits, Code.PROOF_INVALID, "the CONSENT is to another update, or has expired")
    record = run.context.get(state.address(consent.address), Address)
    holds = (
        record is not None
        and consent.address in user.addresses
        and record.key.until == 0
        and not record.frozen
    )
    require(holds, Code.PROOF_INVALID, "the CONSENT is not by an address of the user")
    return True


def _added(update: Update) -> list[tuple[str, str]]:
    """Address and key of each that is added."""
    return [(address_of(bytes.fromhex(key)), key) for key in update.add]


def _check(run: Run, user: User, account: Account, update: Update) -> None:
    """Refuses a change that cannot be made."""
    for address in update.remove:
        require(
            address in account.addresses,
            Code.ADDRESS_MISMATCH,
            f"{address} is not of the account of {user.id} with {account.broker}",
        )
    added = [address for address, _ in _added(update)]
    changed = [*update.remove, *added]
    require(len(set(changed)) == len(changed), Code.ADDRESS_MISMATCH, "an address is named twice")
    count = len(account.addresses) - len(update.remove) + len(added)
    require(count <= ADDRESSES_MAX, Code.TOO_MANY, f"more than {ADDRESSES_MAX} addresses")
    used = {one for known in user.accounts for one in known.addresses}
    for address in added:
        record = run.context.get(state.address(address), Address)
        again = record is not None and record.user == user.id and record.key.until == 0
        require(
            (record is None or (again and address not in used))
            and address not in run.network.services,
            Code.ADDRESS_TAKEN,
            f"{address} is registered",
        )


def _apply(run: Run, user: User, account: Account, update: Update) -> None:
    """Makes the change (7.5.2.5.4 b). Open orders of a removed address still settle."""
    context = run.context
    for address in update.remove:
        record = context.get(state.address(address), Address)
        assert record is not None
        context.put(state.address(address), replace(record, removed=True))
    for address, key in _added(update):
        known = context.get(state.address(address), Address)
        if known is None:
            found = Address(address, user.id, Key(key, run.now), broker=account.broker)
        else:
            found = replace(known, removed=False, broker=account.broker)
        context.put(state.address(address), found)
    kept = [one for one in account.addresses if one not in update.remove]
    kept += [address for address, _ in _added(update)]
    keep_account(run, user, replace(account, addresses=tuple(kept)))


def _open_update(run: Run, broker: str, tx: str, unified: str, answered: str) -> Update:
    update = run.context.get(state.update(broker, tx), Update)
    if update is None or not update.open:
        raise Refusal(Code.NOT_PENDING, f"{broker} has no open update {tx}")
    require(update.unified == unified, Code.TERMS_DIFFER, "it is about another user")
    require(update.answered == answered, Code.DIGEST_MISMATCH, "it is to another text")
    return update


def _answer(run: Run, answer: X2Bank | X2Registry, update: Update) -> tuple[User, Account, Update]:
    """What bank and registry have in common: with their consent the addresses change."""
    addresses = (*update.remove, *[address for address, _ in _added(update)])
    require(answer.addresses == addresses, Code.TERMS_DIFFER, "the addresses are not those of X2")
    user, account = active_account(run, answer.unified, answer.ag)
    if answer.accepted and not update.applied:
        _check(run, user, account, update)
        _apply(run, user, account, update)
        update = replace(update, applied=True)
    return user, account, update


@effect(X2Bank)
def confirm_bank(run: Run, answer: X2Bank) -> tuple[Code, Data]:
    """The bank's latest information (7.5.2.5.1)."""
    update = _open_update(run, answer.ag, answer.tx, answer.unified, answer.answered)
    require(update.bank == answer.sender, Code.SENDER_MISMATCH, "another bank was asked")
    require(update.bank_confirmed == "", Code.NOT_PENDING, "the bank has answered")
    _, account, update = _answer(run, answer, update)
    require(account.bank_user == answer.bank_user, Code.TERMS_DIFFER, "another id at the bank")
    confirmed = "Y" if answer.accepted else "N"
    update = replace(update, bank_confirmed=confirmed, bank_document=answer.document)
    run.context.put(state.update(answer.ag, answer.tx), update)
    return Code.OK, {"unified": answer.unified}


@effect(X2Registry)
def confirm_registry(run: Run, answer: X2Registry) -> tuple[Code, Data]:
    """The registry's latest information (7.5.2.5.2)."""
    update = _open_update(run, answer.ag, answer.tx, answer.unified, answer.answered)
    require(update.registry == answer.sender, Code.SENDER_MISMATCH, "another registry was asked")
    require(update.registry_confirmed == "", Code.NOT_PENDING, "the registry has answered")
    _, account, update = _answer(run, answer, update)
    require(
        account.registry_user == answer.registry_user,
        Code.TERMS_DIFFER,
        "another id at the registry",
    )
    confirmed = "Y" if answer.accepted else "N"
    update = replace(update, registry_confirmed=confirmed, registry_document=answer.document)
    run.context.put(state.update(answer.ag, answer.tx), update)
    return Code.OK, {"unified": answer.unified}


@effect(X2Update)
def complete(run: Run, message: X2Update) -> tuple[Code, Data]:
    """The broker brings the latest information of all three (7.5.2.5.3, 7.5.2.5.4 a)."""
    update = _open_update(run, message.sender, message.tx, message.unified, message.answered)
    require(
        update.bank_confirmed and update.registry_confirmed,
        Code.NOT_ANSWERED,
        "bank or registry have not answered",
    )
    require(
        (message.bank_document, message.registry_document)
        == (update.bank_document, update.registry_document),
        Code.TERMS_DIFFER,
        "it is not what bank and registry answered",
    )
    user, account = active_account(run, message.unified, message.sender)
    outcome = Code.OK if update.applied else Code.NOT_AGREED
    if update.applied:
        changed = replace(
            account,
            document=message.document or account.document,
            bank_document=message.bank_document or account.bank_document,
            registry_document=message.registry_document or account.registry_document,
        )
        keep_account(run, user, changed)
    closed = replace(update, open=False, outcome=str(outcome))
    run.context.put(state.update(message.sender, message.tx), closed)
    data: Data = {"unified": message.unified, "outcome": str(outcome)}
    return Code.OK, data | {"addresses": sorted(account.addresses)}
