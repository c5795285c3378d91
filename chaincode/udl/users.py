"""用户登记 on the ledger: unified accounts, their confirmations, addresses (guide chapter 7)."""

from __future__ import annotations

from msgspec.structs import replace

from chaincode.udl.run import Data, Refusal, Run, active_party, effect, proven, require
from ufmi.protocol import Code, Role
from ufmi.protocol import keys as state
from ufmi.protocol.records import Account, AccountIndex, Address, Key, PersonIndex, User
from ufmi.protocol.users import X1, X1Bank, X1Registry

ACCOUNTS_MAX = 16


@effect(X1)
def register(run: Run, x1: X1) -> tuple[Code, Data]:
    """Opens an account for a new user, or joins one to the person who is known (7.3.1)."""
    require(x1.ag == x1.sender, Code.SENDER_MISMATCH, "a broker registers in its own name")
    active_party(run, x1.bank, Role.BANK)
    active_party(run, x1.registry, Role.REGISTRY)
    user = _known_user(run, x1) if x1.unified else _new_user(run, x1)
    require(
        all(account.broker != x1.ag or _is_over(run, account) for account in user.accounts),
        Code.ACCOUNT_EXISTS,
        f"{user.id} has an account with {x1.ag}",
    )
    account = Account(
        broker=x1.ag,
        broker_user=x1.broker_user,
        bank=x1.bank,
        bank_user=x1.bank_user,
        registry=x1.registry,
        registry_user=x1.registry_user,
        tx=x1.tx,
        answered=run.digest,
        document=x1.document,
        addresses=_take_addresses(run, x1, user),
        valid_until=x1.valid_until,
    )
    index = state.account(x1.ag, x1.broker_user)
    known = run.context.get(index, AccountIndex)
    require(
        known is None or known.user == user.id,
        Code.ACCOUNT_EXISTS,
        f"{x1.broker_user} is another user's id at {x1.ag}",
    )
    others = _others(user, x1.ag)
    require(len(others) < ACCOUNTS_MAX, Code.TOO_MANY, f"more than {ACCOUNTS_MAX} accounts")
    run.context.put(state.person(x1.person), PersonIndex(user.id))
    run.context.put(index, AccountIndex(user.id))
    run.context.put(state.user(user.id), replace(user, accounts=(*others, account)))
    return Code.PENDING, {"unified": user.id}


def _is_over(run: Run, account: Account) -> bool:
    """Whether an account may be registered anew: refused, or not confirmed in time."""
    late = account.status == "PENDING" and account.valid_until < run.now
    return account.status == "REFUSED" or late


def _others(user: User, broker: str) -> tuple[Account, ...]:
    return tuple([account for account in user.accounts if account.broker != broker])


def _new_user(run: Run, x1: X1) -> User:
    person = run.context.get(state.person(x1.person), PersonIndex)
    if person is not None:
        raise Refusal(
            Code.PERSON_KNOWN, f"the person is registered as {person.user}", unified=person.user
        )
    unified = run.entry.user
    require(unified, Code.USER_TAKEN, "the batch header allots no unified id")
    taken = run.context.get(state.user(unified), User)
    require(taken is None, Code.USER_TAKEN, f"{unified} is in use")
    return User(unified, x1.person, ())


def _known_user(run: Run, x1: X1) -> User:
    user = run.context.get(state.user(x1.unified), User)
    if user is None:
        raise Refusal(Code.USER_UNKNOWN, f"there is no user {x1.unified}")
    require(user.person == x1.person, Code.PERSON_MISMATCH, f"{x1.unified} is another person")
    return user


def _take_addresses(run: Run, x1: X1, user: User) -> tuple[str, ...]:
    """Checks what each proof says (its signature is verified) and registers its address.

    An address of a registration that is over may come again, for the same user.
    """
    used = {one for account in _others(user, x1.ag) for one in account.addresses}
    taken: list[str] = []
    for proof in x1.proofs:
        bind = proof.bind
        fits = proven(run, bind, (x1.network, x1.ag, x1.tx, x1.broker_user))
        require(fits, Code.PROOF_INVALID, "a BIND is for another registration, or has expired")
        address = bind.address
        known = run.context.get(state.address(address), Address)
        again = known is not None and known.user == user.id and known.key.until == 0
        require(
            (known is None or (again and address not in used))
            and address not in taken
            and address not in run.network.services,
            Code.ADDRESS_TAKEN,
            f"{address} is registered",
        )
        if known is None:
            record = Address(address, user.id, Key(bind.key, run.now), broker=x1.ag)
            run.context.put(state.address(address), record)
        else:
            again_with = replace(known, removed=False, broker=x1.ag)
            run.context.put(state.address(address), again_with)
        taken.append(address)
    return tuple(taken)


@effect(X1Bank)
def confirm_bank(run: Run, answer: X1Bank) -> tuple[Code, Data]:
    """The bank's answer (7.5.1.5.1)."""
    user, account = _asked(run, answer)
    require(account.bank == answer.sender, Code.SENDER_MISMATCH, "another bank was asked")
    require(account.bank_confirmed == "", Code.NOT_PENDING, "the bank has answered")
    require(account.bank_user == answer.bank_user, Code.TERMS_DIFFER, "another id at the bank")
    changed = replace(
        account,
        bank_confirmed="Y" if answer.accepted else "N",
        bank_document=answer.document,
    )
    return _keep(run, user, changed)


@effect(X1Registry)
def confirm_registry(run: Run, answer: X1Registry) -> tuple[Code, Data]:
    """The registry's answer (7.5.1.5.2)."""
    user, account = _asked(run, answer)
    require(account.registry == answer.sender, Code.SENDER_MISMATCH, "another registry was asked")
    require(account.registry_confirmed == "", Code.NOT_PENDING, "the registry has answered")
    require(
        account.registry_user == answer.registry_user,
        Code.TERMS_DIFFER,
        "another id at the registry",
    )
    changed = replace(
        account,
        registry_confirmed="Y" if answer.accepted else "N",
        registry_document=answer.document,
    )
    return _keep(run, user, changed)


def _asked(run: Run, answer: X1Bank | X1Registry) -> tuple[User, Account]:
    user = run.context.get(state.user(answer.unified), User)
    if user is None:
        raise Refusal(Code.USER_UNKNOWN, f"there is no user {answer.unified}")
    for account in user.accounts:
        if (account.broker, account.tx) == (answer.ag, answer.tx):
            require(
                account.answered == answer.answered,
                Code.DIGEST_MISMATCH,
                "the answer is to another text of X1",
            )
            return user, account
    raise Refusal(Code.NOT_PENDING, f"{answer.ag} registered nobody with {answer.tx}")


def _keep(run: Run, user: User, account: Account) -> tuple[Code, Data]:
    keep_account(run, user, account)
    return Code.OK, {"unified": user.id, "account": account.status}


def keep_account(run: Run, user: User, account: Account) -> None:
    """Puts an account in place of the one with the same broker."""
    accounts = tuple(
        [account if known.broker == account.broker else known for known in user.accounts]
    )
    run.context.put(state.user(user.id), replace(user, accounts=accounts))


def active_account(run: Run, unified: str, broker: str) -> tuple[User, Account]:
    """The user's account with a broker, if both bank and registry confirmed it; else refuses."""
    user = run.context.get(state.user(unified), User)
    if user is None:
        raise Refusal(Code.USER_UNKNOWN, f"there is no user {unified}")
    for account in user.accounts:
        if account.broker == broker:
            require(
                account.status == "ACTIVE",
                Code.ACCOUNT_INACTIVE,
                f"the account of {unified} with {broker} is {account.status.lower()}",
            )
            return user, account
    raise Refusal(Code.ACCOUNT_UNKNOWN, f"{unified} has no account with {broker}")


def own_address(user: User, address: str) -> None:
    """Refuses unless the address is the user's."""
    require(address in user.addresses, Code.ADDRESS_MISMATCH, f"{address} is not of {user.id}")
