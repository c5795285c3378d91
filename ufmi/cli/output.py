"""How the command line shows things to people and to programs."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ufmi.amounts import format_amount
from ufmi.protocol.codes import CURRENCIES, mark_bank, mark_currency
from ufmi.scenario import Outcome

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(data: Any) -> None:
    """One JSON document on standard output."""
    json.dump(msgspec.to_builtins(data), sys.stdout, ensure_ascii=False, indent=2)
    sys.stdout.write("\n")


def moment(milliseconds: int) -> str:
    """A time of the ledger for people, UTC."""
    shown = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return shown.strftime("%Y-%m-%d %H:%M:%S") + f".{milliseconds % 1000:03d}Z"


def show_code(code: str) -> str:
    """A result code in colour."""
    colour = {"OK": "green", "PENDING": "yellow"}.get(code, "red")
    return f"[{colour}]{code}[/]"


_LONG = re.compile(r"\b(?:[0-9a-f]{40,}|u[a-z2-7]{40})\b")


def shorten(text: str) -> str:
    """A text with its digests, keys and addresses cut to what an eye can compare."""
    return _LONG.sub(lambda match: match[0][:8] + "…", text)


def show_outcome(outcome: Outcome) -> None:
    """A run, so that a person can follow it."""
    out.rule(f"[bold]{escape(outcome.scenario.title)}")
    out.print("[dim]Digests, keys and addresses are shortened; --json has them whole.[/]")
    for number, one in enumerate(outcome.record.instructions, 1):
        code, detail, block, transaction = one.outcome()
        if one.said:
            out.print(f"\n[bold]{escape(one.said)}[/]")
        who = outcome.names.get(one.signer, one.signer) or "nobody"
        where = f"block {block}, transaction {transaction[:12]}…" if block else "not recorded"
        out.print(f"{number:3d}. [cyan]{escape(who)}[/] signs  {escape(shorten(one.text))}")
        told = f": {escape(shorten(detail))}" if detail else ""
        out.print(f"     → {show_code(code)}{told}  [dim]({where})[/]")
    show_balances(outcome)
    show_checks(outcome)


def show_balances(outcome: Outcome) -> None:
    """Balances before and after, a line each."""
    table = Table(title="Free balances before → after", title_justify="left")
    for column in ("who", "what", "at the institution", "on the ledger"):
        table.add_column(column, justify="left" if column in ("who", "what") else "right")
    for name in outcome.after:
        for row in _balance_rows(outcome, name):
            table.add_row(name, *row)
    out.print()
    out.print(table)


def _balance_rows(outcome: Outcome, name: str) -> list[tuple[str, str, str]]:
    before: Any = outcome.before[name]
    after: Any = outcome.after[name]

    def change(old: int, new: int, decimals: int) -> str:
        return f"{format_amount(old, decimals)} → {format_amount(new, decimals)}"

    rows = []
    for currency, amount in after["bank_cash"].items():
        decimals = CURRENCIES[currency]
        rows.append((currency, change(before["bank_cash"][currency], amount, decimals), ""))
    for mark in sorted({*before["ledger_cash"], *after["ledger_cash"]}):
        old, new = before["ledger_cash"].get(mark, 0), after["ledger_cash"].get(mark, 0)
        decimals = CURRENCIES[mark_currency(mark)]
        bank = outcome.names.get(mark_bank(mark), mark_bank(mark))
        rows.append((f"{mark} ({bank})", "", change(old, new, decimals)))
    for asset in outcome.scenario.assets.values():
        decimals = asset.decimals
        old, new = before["registry_holdings"][asset.id], after["registry_holdings"][asset.id]
        rows.append((f"{asset.name} ({asset.id})", change(old, new, decimals), ""))
    for code in sorted({*before["ledger_holdings"], *after["ledger_holdings"]}):
        old, new = before["ledger_holdings"].get(code, 0), after["ledger_holdings"].get(code, 0)
        rows.append((code, "", change(old, new, 0)))
    return rows


def show_checks(outcome: Outcome) -> None:
    """The reconciliation and what the scenario expected."""
    out.print("\n[bold]Reconciliation[/]")
    print_checks(outcome.reconciliation.checks)
    expected = len(outcome.scenario.steps)
    if outcome.faults:
        for fault in outcome.faults:
            out.print(f"  [red]✗[/] {escape(fault)}")
    else:
        out.print(f"  [green]✓[/] all {expected} steps came out as the scenario expects")
    verdict = "[green]everything is as it should be" if outcome.ok else "[red]something is wrong"
    out.print(f"\n[bold]{verdict}[/]")


def print_checks(checks: list[Any]) -> None:
    """A line a check."""
    for check in checks:
        sign = "[green]✓[/]" if check.ok else "[red]✗[/]"
        note = f" [dim]({escape(check.note)})[/]" if check.note else ""
        out.print(f"  {sign} {escape(check.name)}: {escape(check.subject)}{note}")
        for fault in check.faults:
            out.print(f"      [red]{escape(fault)}[/]")
