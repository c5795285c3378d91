"""资金映射: money comes onto the ledger and leaves it (9.4.1.6.3, 9.4.2.6.5)."""

from __future__ import annotations

from ufmi.protocol.codes import mark_bank
from ufmi.protocol.funds import Y1Locked
from ufmi.protocol.withdrawals import Y2, Receive, Y2Burn, Y2Credited, Y2Moved
from ufmi.regulatory.builders.moves import Side, of_mark, settle
from ufmi.regulatory.builders.state import Part, Withdrawal, add
from ufmi.regulatory.builders.step import Step, builds

_ENDED = ("DESTROYED", "RETURNED")


@builds(Y1Locked)
def deposited(step: Step, answer: Y1Locked) -> None:
    """The bank locked the cash, and tokens came into being."""
    if not answer.locked:
        return
    add(step.state.free, answer.address, answer.mark, answer.amount)
    settle(
        step,
        ("ST", "Y1", answer.ag, answer.tx),
        Side(answer.sender),
        of_mark(answer.mark, answer.address),
        answer.mark,
        answer.amount,
        institution=answer.sender,
        product=answer.mark,
        note="充值",
    )


@builds(Receive)
def receiving(step: Step, message: Receive) -> None:
    """A bank names the address that takes in what is paid out. Nothing is reported of that."""
    step.state.receiving[message.address] = message.sender


@builds(Y2)
def asked(step: Step, y2: Y2) -> None:
    """The money is on its way to the banks, and still the user's."""
    parts = {}
    for item in step.result.data["parts"]:
        mark, _, amount = str(item).partition(":")
        parts[mark] = Part(int(amount))
        add(step.state.free, y2.address, mark, -int(amount))
    withdrawal = Withdrawal(y2.bank, y2.order.payee, parts)
    step.state.withdrawals[f"{y2.address}/{y2.tx}"] = withdrawal


@builds(Y2Burn, Y2Moved, Y2Credited)
def stepped(step: Step, message: Y2Burn | Y2Moved | Y2Credited) -> None:
    """A part went on. Once it is destroyed, the opening bank has credited the cash."""
    key = f"{message.address}/{message.tx}"
    withdrawal = step.state.withdrawals[key]
    part = withdrawal.parts[message.mark]
    part.status = str(step.result.data["status"])
    if part.status == "RETURNED":
        add(step.state.free, message.address, message.mark, part.amount)
    elif part.status == "DESTROYED":
        settle(
            step,
            ("ST", "Y2", message.address, message.mark, message.tx),
            of_mark(message.mark, message.address),
            Side(withdrawal.bank),
            message.mark,
            part.amount,
            institution=mark_bank(message.mark),
            product=message.mark,
            note="提现",
            metadata={"account": withdrawal.payee},
        )
    _forget_ended(step, key)


def give_back(step: Step, address: str, tx: str) -> None:
    """After the deadline: what no bank has agreed to destroy is the user's to spend again."""
    key = f"{address}/{tx}"
    for mark, part in step.state.withdrawals[key].parts.items():
        if part.status == "SENT":
            part.status = "RETURNED"
            add(step.state.free, address, mark, part.amount)
    _forget_ended(step, key)


def _forget_ended(step: Step, key: str) -> None:
    parts = step.state.withdrawals[key].parts.values()
    if all(part.status in _ENDED for part in parts):
        del step.state.withdrawals[key]
