"""Runs a scenario: the opening, its steps, and the checks at the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import ufmi.scenario.changes  # noqa: F401  registers its steps
from ufmi.amounts import format_amount, parse_amount
from ufmi.crypto import Sm2PrivateKey
from ufmi.errors import InvalidAmount, Refused, ScenarioError
from ufmi.node import Node
from ufmi.protocol.codes import CURRENCIES, mark_currency
from ufmi.protocol.records import Mark
from ufmi.reconcile import Reconciliation, reconcile
from ufmi.scenario.cast import Cast
from ufmi.scenario.model import Scenario, Step
from ufmi.scenario.record import Record
from ufmi.scenario.steps import ACTIONS, Play

# Is told the number of steps done and of all.
Progress = Callable[[int, int], None]


@dataclass
class Outcome:
    """What a run came to."""

    scenario: Scenario
    record: Record
    before: dict[str, dict[str, object]]
    after: dict[str, dict[str, object]]
    reconciliation: Reconciliation
    ledger: str  # embedded | fabric
    names: dict[str, str]  # institution or address → name in the file
    faults: list[str] = field(default_factory=list)
    blocks: list[dict[str, Any]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)  # X3, P3

    @property
    def ok(self) -> bool:
        return not self.faults and self.reconciliation.ok


def start_ms(scenario: Scenario) -> int:
    """When the scenario's clock begins. Raises ScenarioError."""
    try:
        return int(datetime.fromisoformat(scenario.start).timestamp()) * 1000
    except ValueError as problem:
        raise ScenarioError(f"start: {scenario.start!r} is not a date and time") from problem


def opening(node: Node, cast: Cast) -> list[Step]:
    """The steps that bring the cast onto the ledger, as far as it is not there yet."""
    scenario = cast.scenario
    steps = [
        Step(do="admit", party=name, say=f"{name} is admitted as {spec.role.lower()}")
        for name, spec in scenario.parties.items()
        if node.party(spec.id) is None
    ]
    banks = [name for name, spec in scenario.parties.items() if spec.role == "BANK"]
    marked = bool(node.records("mark/", Mark))
    for name in scenario.assets:
        _, code = cast.asset(name)
        if node.asset(code) is None:
            # The first asset brings the codes of all banks' money with it.
            steps += [
                Step(do="register_asset", asset=name, party=bank, say=f"{name} gets its code")
                for bank in (banks[:1] if marked else banks)
            ]
            marked = True
    for user in cast.users.values():
        record = node.address(user.wallet.address)
        if record is None:
            steps.append(Step(do="register_user", user=user.name, say=f"{user.name} registers"))
        else:
            user.unified = record.user
    return steps


def open_market(node: Node, cast: Cast) -> Play:
    """Brings the cast onto the ledger. Raises ScenarioError where that is refused."""
    cast.open_books()
    play = Play(cast)
    for step in opening(node, cast):
        try:
            ACTIONS[step.do](play, step)
        except Refused as refusal:
            raise ScenarioError(f"{step.say}: {refusal}") from refusal
    return play


def run(
    node: Node, scenario: Scenario, operators: list[Sm2PrivateKey], progress: Progress | None = None
) -> Outcome:
    """Runs a scenario on a node.

    Raises:
        ScenarioError: the file asks for something that cannot be.
        UfmiError: the ledger or front-end does not work.
    """
    cast = Cast(node, scenario, operators)
    try:
        cast.open_books()
        record = Record(node)
        before = cast.balances()
        first_block = node.channel.height()
        faults: list[str] = []
        play = Play(cast)
        steps = [*opening(node, cast), *scenario.steps]
        for at, step in enumerate(steps):
            faults += _run_step(play, record, step, at - (len(steps) - len(scenario.steps)))
            if progress is not None:
                progress(at + 1, len(steps))
        faults += _check_final(cast)
        outcome = Outcome(
            scenario=scenario,
            record=record,
            before=before,
            after=cast.balances(),
            reconciliation=reconcile(node, cast.books),
            ledger=node.ledger.kind,
            names={one.signer: cast.name_of(one.signer) for one in record.instructions},
            faults=faults,
            blocks=_blocks(node, first_block),
            asked=play.asked,
        )
        record.close()
        return outcome
    finally:
        cast.close()


def _run_step(play: Play, record: Record, step: Step, at: int) -> list[str]:
    """Does one step; returns what differs from what the file expects."""
    act = ACTIONS.get(step.do)
    if act is None:
        raise ScenarioError(
            f"step {at + 1}: there is no {step.do!r}; there is {', '.join(ACTIONS)}"
        )
    record.saying = step.say
    first = len(record.instructions)
    try:
        executed = act(play, step)
        code = str(executed.result.code) if executed else "OK"
        accepted = True
    except Refused as refusal:
        code, accepted = str(refusal.result_code), False
    except (InvalidAmount, KeyError) as problem:
        raise ScenarioError(f"step {at + 1} ({step.do}): {problem}") from problem
    if step.name and len(record.instructions) > first:
        play.lines[step.name] = record.instructions[first].as_line()
    if code == step.expect or (accepted and not step.expect):
        return []
    where = f"step {at + 1} ({step.do} {step.name or step.user or step.party})"
    return [f"{where}: expected {step.expect or 'acceptance'}, got {code}"]


def _check_final(cast: Cast) -> list[str]:
    """Compares free balances on the ledger with what the file says they end at."""
    faults = []
    for name, expected in cast.scenario.final.items():
        address = cast.user(name).wallet.address
        cash = cast.node.cash(address)
        for item, text in expected.items():
            if item in CURRENCIES:
                decimals = CURRENCIES[item]
                found = sum(amount for mark, amount in cash.items() if mark_currency(mark) == item)
            else:
                spec, code = cast.asset(item)
                decimals = spec.decimals
                found = cast.node.holdings(address).get(code, 0)
            if found != parse_amount(text, decimals):
                shown = format_amount(found, decimals)
                faults.append(f"{name} ends with {shown} {item}, expected {text}")
    return faults


def _blocks(node: Node, first: int) -> list[dict[str, Any]]:
    return [
        {
            "number": block.number,
            "hash": block.hash.hex(),
            "previous_hash": block.message.header.previous_hash.hex(),
            "transactions": [
                {"id": one.tx_id, "status": one.status} for one in block.transactions()
            ],
        }
        for block in node.channel.past_blocks()
        if block.number >= first
    ]


def as_data(outcome: Outcome) -> dict[str, Any]:
    """The whole run as `--json` prints it."""
    return {
        "title": outcome.scenario.title,
        "ok": outcome.ok,
        "ledger": outcome.ledger,
        "instructions": [one.as_data() for one in outcome.record.instructions],
        "asked": outcome.asked,
        "sent": [{"to": one.to, "text": one.text} for one in outcome.record.sent],
        "balances": {
            name: {"before": outcome.before[name], "after": outcome.after[name]}
            for name in outcome.after
        },
        "reconciliation": {
            "ok": outcome.reconciliation.ok,
            "checks": [
                {
                    "name": check.name,
                    "subject": check.subject,
                    "ok": check.ok,
                    "note": check.note,
                    "faults": check.faults,
                }
                for check in outcome.reconciliation.checks
            ],
        },
        "blocks": outcome.blocks,
        "faults": outcome.faults,
    }
