"""资金映射 on the ledger: deposits (guide 9.4.1)."""

from __future__ import annotations

from msgspec.structs import replace

from chaincode.udl.run import Data, Refusal, Run, active_party, effect, require, usable_address
from chaincode.udl.tokens import cash_of, credit_cash
from chaincode.udl.users import active_account, own_address
from ufmi.protocol import Code, Role
from ufmi.protocol import keys as state
from ufmi.protocol.funds import Y1, Y1Locked
from ufmi.protocol.records import Deposit, Mark


@effect(Y1)
def request(run: Run, y1: Y1) -> tuple[Code, Data]:
    """Records the deposit's terms; the bank then locks the cash."""
    require(y1.ag == y1.sender, Code.SENDER_MISMATCH, "a broker deposits in its own name")
    active_party(run, y1.bank, Role.BANK)
    user, account = active_account(run, y1.unified, y1.ag)
    ids = (account.bank, account.broker_user, account.bank_user)
    require(
        ids == (y1.bank, y1.broker_user, y1.bank_user),
        Code.TERMS_DIFFER,
        "the user's ids are not those of his account",
    )
    own_address(user, y1.address)
    usable_address(run, y1.address)
    mark = run.context.get(state.mark(y1.mark), Mark)
    if mark is None:
        raise Refusal(Code.MARK_UNKNOWN, f"{y1.bank} has no code for {y1.currency}; send P1")
    require(mark.unit == y1.unit, Code.UNIT_MISMATCH, f"the unit has {mark.unit} decimals")
    deposit = Deposit(
        answered=run.digest,
        bank=y1.bank,
        address=y1.address,
        mark=y1.mark,
        amount=y1.amount,
        valid_until=y1.valid_until,
    )
    run.context.put(state.deposit(y1.ag, y1.tx), deposit)
    return Code.PENDING, {"mark": y1.mark}


@effect(Y1Locked)
def confirm(run: Run, answer: Y1Locked) -> tuple[Code, Data]:
    """The bank's answer: the tokens come into being one for one, or the deposit ends."""
    key = state.deposit(answer.ag, answer.tx)
    deposit = run.context.get(key, Deposit)
    if deposit is None or not deposit.open:
        raise Refusal(Code.NOT_PENDING, f"{answer.ag} has no open deposit {answer.tx}")
    require(deposit.bank == answer.sender, Code.SENDER_MISMATCH, "another bank was asked")
    require(deposit.answered == answer.answered, Code.DIGEST_MISMATCH, "it is to another text")
    terms = (deposit.address, deposit.mark, deposit.amount)
    require(
        terms == (answer.address, answer.mark, answer.amount),
        Code.TERMS_DIFFER,
        "address, mark or amount are not those of the Y1",
    )
    outcome = Code.OK if answer.locked else Code.INSUFFICIENT
    data: Data = {"outcome": str(outcome)}
    if answer.locked:
        usable_address(run, answer.address)
        credit_cash(run.context, answer.address, {answer.mark: answer.amount})
        data["balance"] = cash_of(run.context, answer.address)[answer.mark]
    run.context.put(key, replace(deposit, open=False, outcome=str(outcome)))
    return Code.OK, data
