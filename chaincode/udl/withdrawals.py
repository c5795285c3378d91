"""资金映射, the way back on the ledger (guide 9.4.2): one state machine for each mark.

SENT → BURNING → MOVED → DESTROYED, or SENT → RETURNED. The bank moves cash only in BURNING, and
tokens go back to the user only from SENT: nobody is paid twice and nothing is lost, whoever stops
answering. What is SENT or BURNING counts to the mark's supply; what is MOVED has been paid for.
"""

from __future__ import annotations

from msgspec.structs import replace

from chaincode.udl.run import Data, Refusal, Run, active_party, effect, proven, require
from chaincode.udl.tokens import cash_of, return_cash, take
from chaincode.udl.users import active_account
from ufmi.protocol import Code, Role
from ufmi.protocol import keys as state
from ufmi.protocol.codes import CURRENCIES, mark_bank, mark_currency
from ufmi.protocol.records import Account, Address, Cash, Key, Part, Party, Withdrawal
from ufmi.protocol.withdrawals import Y2, Receive, Y2Burn, Y2Credited, Y2Moved

_ENDED = ("DESTROYED", "RETURNED")


@effect(Receive)
def receive(run: Run, message: Receive) -> tuple[Code, Data]:
    """The bank's receiving address, which nobody else has (9.3.2.2)."""
    bind = message.proof[0].bind
    fits = proven(run, bind, (message.network, message.sender, message.tx, message.sender))
    require(fits, Code.PROOF_INVALID, "the BIND is for another registration, or has expired")
    address = message.address
    known = run.context.get(state.address(address), Address)
    require(
        (known is None or known.user == message.sender) and address not in run.network.services,
        Code.ADDRESS_TAKEN,
        f"{address} is registered",
    )
    require(
        known is None or known.key.until == 0,
        Code.ADDRESS_REVOKED,
        f"the key of {address} is revoked",
    )
    if known is None:
        run.context.put(
            state.address(address), Address(address, message.sender, Key(bind.key, run.now))
        )
    party = run.context.get(state.party(message.sender), Party)
    assert party is not None
    run.context.put(state.party(message.sender), replace(party, receiving=address))
    return Code.OK, {"address": address}


@effect(Y2)
def request(run: Run, y2: Y2) -> tuple[Code, Data]:
    """Takes the money off the address and sends each mark to its bank (9.4.2.6.1)."""
    require(y2.ag == y2.sender, Code.SENDER_MISMATCH, "a broker withdraws in its own name")
    _, account = active_account(run, y2.unified, y2.ag)
    _check_terms(run, y2, account)
    active_party(run, y2.bank, Role.BANK)
    receiving = {mark: _receiving(run, y2, mark) for mark in y2.marks}
    key = state.withdrawal(y2.address, y2.tx)
    require(
        run.context.get(key, Withdrawal) is None,
        Code.ORDER_EXISTS,
        f"the owner has used the number {y2.tx}",
    )
    free = cash_of(run.context, y2.address)
    usable = {mark: free[mark] for mark in y2.marks if mark in free}
    total = sum(usable.values())
    require(
        total >= y2.amount,
        Code.INSUFFICIENT,
        f"needs {y2.amount}, has {total} free of these banks",
    )
    taken, rest = take(usable, y2.amount)
    others = {mark: free[mark] for mark in free if mark not in usable}
    run.context.put(state.cash(y2.address), Cash(others | rest))
    parts = tuple(
        [Part(mark, mark_bank(mark), receiving[mark], taken[mark]) for mark in sorted(taken)]
    )
    withdrawal = Withdrawal(
        answered=run.digest,
        ag=y2.ag,
        bank=y2.bank,
        payee=y2.order.payee,
        currency=y2.currency,
        amount=y2.amount,
        valid_until=y2.valid_until,
        parts=parts,
    )
    run.context.put(key, withdrawal)
    return Code.PENDING, {"parts": [f"{part.mark}:{part.amount}" for part in parts]}


def _check_terms(run: Run, y2: Y2, account: Account) -> None:
    """The Y2 is what the owner signed, from an address of the user, to his account."""
    order = y2.order
    signed = (order.number, order.network, order.address, order.ag, order.bank)
    require(
        signed == (y2.tx, y2.network, y2.address, y2.ag, y2.bank)
        and (order.currency, order.amount) == (y2.currency, y2.amount),
        Code.ORDER_MISMATCH,
        "Y2 describes another withdrawal than its owner signed",
    )
    require(order.valid_until >= run.now, Code.ORDER_EXPIRED, "the WITHDRAW has expired")
    ids = (account.bank, account.broker_user, account.bank_user)
    require(
        ids == (y2.bank, y2.broker_user, y2.bank_user),
        Code.TERMS_DIFFER,
        "the user's ids are not those of his account",
    )
    address = run.context.get(state.address(y2.address), Address)
    if address is None:
        raise Refusal(Code.ADDRESS_UNKNOWN, f"{y2.address} belongs to nobody here")
    # Money can leave an address that was removed.
    require(address.user == y2.unified, Code.ADDRESS_MISMATCH, f"it is not of {y2.unified}")
    require(address.key.key == order.key, Code.ADDRESS_MISMATCH, "it has another key")
    require(address.key.until == 0, Code.ADDRESS_REVOKED, f"the key of {y2.address} is revoked")
    require(not address.frozen, Code.ADDRESS_FROZEN, f"{y2.address} is frozen")
    require(
        y2.unit == CURRENCIES[y2.currency],
        Code.UNIT_MISMATCH,
        f"the unit has {CURRENCIES[y2.currency]} decimals",
    )


def _receiving(run: Run, y2: Y2, mark: str) -> str:
    """The receiving address of a mark's bank; else refuses."""
    require(
        mark_currency(mark) == y2.currency and y2.marks.count(mark) == 1,
        Code.CURRENCY_MISMATCH,
        f"{mark} is in another currency, or named twice",
    )
    bank = mark_bank(mark)
    party = active_party(run, bank, Role.BANK)
    require(party.receiving, Code.NO_RECEIVING_ADDRESS, f"{bank} takes in no tokens to be paid out")
    return party.receiving


def _part(
    run: Run, message: Y2Burn | Y2Moved | Y2Credited, bank: str, status: str
) -> tuple[Withdrawal, Part]:
    """The part that a step is about, if it is in the state that the step follows; else refuses."""
    withdrawal = run.context.get(state.withdrawal(message.address, message.tx), Withdrawal)
    if withdrawal is None or withdrawal.ag != message.ag:
        raise Refusal(Code.NOT_PENDING, f"{message.ag} has no withdrawal {message.tx}")
    require(withdrawal.answered == message.answered, Code.DIGEST_MISMATCH, "it is to another text")
    for part in withdrawal.parts:
        if part.mark == message.mark:
            break
    else:
        raise Refusal(Code.TERMS_DIFFER, f"the withdrawal has nothing of {message.mark}")
    require(part.amount == message.amount, Code.TERMS_DIFFER, f"the amount is {part.amount}")
    asked = withdrawal.bank if isinstance(message, Y2Credited) else part.bank
    require(asked == message.sender, Code.SENDER_MISMATCH, "another bank was asked")
    require(bank == part.bank, Code.TERMS_DIFFER, f"{part.bank} pays")
    if part.status != status:
        raise Refusal(Code.OUT_OF_TURN, f"it is {part.status.lower()}", status=part.status)
    return withdrawal, part


def _keep(
    run: Run, message: Y2Burn | Y2Moved | Y2Credited, withdrawal: Withdrawal, part: Part
) -> tuple[Code, Data]:
    """Records a part's new state and, with the last one, the end."""
    withdrawal = _with_part(withdrawal, part)
    run.context.put(state.withdrawal(message.address, message.tx), withdrawal)
    data: Data = {"status": part.status, "bank": withdrawal.bank}
    if not withdrawal.open:
        data |= ended(withdrawal)
    return Code.OK, data


def _with_part(withdrawal: Withdrawal, part: Part) -> Withdrawal:
    parts = tuple([part if one.mark == part.mark else one for one in withdrawal.parts])
    withdrawal = replace(withdrawal, parts=parts)
    if all(one.status in _ENDED for one in parts):
        withdrawal = replace(withdrawal, open=False, outcome=str(ended(withdrawal)["outcome"]))
    return withdrawal


def ended(withdrawal: Withdrawal) -> Data:
    """What was paid and what went back, of one that is at its end."""
    paid = sum([one.amount for one in withdrawal.parts if one.status == "DESTROYED"])
    returned = withdrawal.amount - paid
    outcome = "OK" if not returned else "PARTLY" if paid else "RETURNED"
    return {"outcome": outcome, "paid": paid, "returned": returned}


@effect(Y2Burn)
def burn(run: Run, message: Y2Burn) -> tuple[Code, Data]:
    """The bank agrees to destroy, or refuses: then the tokens go back (9.4.2.6.2 a)."""
    withdrawal, part = _part(run, message, message.sender, "SENT")
    if message.burn:
        return _keep(run, message, withdrawal, replace(part, status="BURNING"))
    return_cash(run.context, message.address, {part.mark: part.amount})
    return _keep(run, message, withdrawal, replace(part, status="RETURNED"))


@effect(Y2Moved)
def moved(run: Run, message: Y2Moved) -> tuple[Code, Data]:
    """The bank moved the cash, or could not and will try again (9.4.2.6.2 b to d)."""
    withdrawal, part = _part(run, message, message.sender, "BURNING")
    status = "MOVED" if message.moved else part.status
    return _keep(run, message, withdrawal, replace(part, status=status))


@effect(Y2Credited)
def credited(run: Run, message: Y2Credited) -> tuple[Code, Data]:
    """The opening bank has the cash; UFMI destroys the tokens (9.4.2.6.3, 9.4.2.6.4)."""
    withdrawal, part = _part(run, message, message.paying, "MOVED")
    status = "DESTROYED" if message.received else part.status
    return _keep(run, message, withdrawal, replace(part, status=status))


def give_back(run: Run, address: str, tx: str) -> Withdrawal:
    """After the deadline: what no bank has agreed to destroy goes back to the user."""
    key = state.withdrawal(address, tx)
    withdrawal = run.context.get(key, Withdrawal)
    if withdrawal is None or not withdrawal.open:
        raise Refusal(Code.NOT_PENDING, "there is no such open withdrawal")
    sent = [part for part in withdrawal.parts if part.status == "SENT"]
    require(sent, Code.OUT_OF_TURN, "every bank has agreed; what is burning cannot go back")
    require(
        withdrawal.valid_until < run.now,
        Code.NOT_EXPIRED,
        f"valid until {withdrawal.valid_until}",
    )
    for part in sent:
        return_cash(run.context, address, {part.mark: part.amount})
        withdrawal = _with_part(withdrawal, replace(part, status="RETURNED"))
    run.context.put(key, withdrawal)
    return withdrawal
