"""The command `ufmi`."""

from __future__ import annotations

import logging
import sys
from importlib.metadata import version as package_version
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import structlog
import typer
from rich.markup import escape
from rich.progress import Progress

from ufmi import crypto
from ufmi.cli import audit as audit_commands
from ufmi.cli import documents, keys, operations, receipts, relay, show
from ufmi.cli import ledger as ledger_commands
from ufmi.cli import network as network_commands
from ufmi.cli import search as search_commands
from ufmi.cli.common import (
    DATA_DEFAULT,
    AsJson,
    Data,
    Strict,
    fail,
    guarded,
    open_node,
    password,
)
from ufmi.cli.nodes import check_ledger, node_for
from ufmi.cli.output import err, out, print_checks, print_json, show_code, show_outcome
from ufmi.crypto import Sm2PrivateKey
from ufmi.errors import UfmiError
from ufmi.ledger.tuning import tune
from ufmi.legacy.books import SqliteBook
from ufmi.node import Node, has_ledger, kept_key
from ufmi.protocol import Line, read_line
from ufmi.reconcile import reconcile as reconcile_node
from ufmi.scenario import Outcome, Scenario, as_data, read_scenario
from ufmi.scenario import run as run_scenario
from ufmi.scenario.day import USERS_LEAST
from ufmi.scenario.day import day as a_day
from ufmi.system import Clock, ControlledClock, SystemClock

app = typer.Typer(
    help="Shared infrastructure of regional equity markets, on an embedded ledger.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(keys.app, name="keys")
app.add_typer(show.app, name="show")
app.add_typer(ledger_commands.app, name="ledger")
app.add_typer(network_commands.app, name="network")
app.add_typer(receipts.app, name="receipt")
app.add_typer(relay.app, name="relay")
app.add_typer(audit_commands.app, name="audit")
operations.add_to(app)
app.add_typer(documents.app, name="documents")
app.command()(guarded(search_commands.search))

LedgerKind = Annotated[str, typer.Option("--ledger", help="Which ledger: embedded or fabric.")]
Folder = Annotated[
    Path | None, typer.Option("--data", help="The data folder; a passing one if none is given.")
]
_PROGRESS_FROM = 200  # steps


@app.callback()
def _setup() -> None:
    # Logs go to standard error, so that standard output holds answers only.
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
    )


@app.command()
@guarded
def version() -> None:
    """Show the version, and which SM2 implementations were found."""
    out.print(f"ufmi {package_version('ufmi')}")
    chosen = crypto.provider()
    for one in crypto.found():
        mark = " (in use)" if one.name == chosen.name else ""
        out.print(f"sm2: {one.name} {one.version}{mark}")


@app.command()
@guarded
def demo(
    ledger: LedgerKind = "embedded",
    data: Folder = None,
    as_json: AsJson = False,
    strict: Strict = False,
    day: Annotated[
        int, typer.Option(help="A whole day of a market with so many users instead (even, ≥ 12).")
    ] = 0,
) -> None:
    """Run every message of a small market and show it; a new folder each time."""
    if day and (day < USERS_LEAST or day % 2):
        fail(f"--day takes an even number of users, {USERS_LEAST} or more", 2)
    scenario = files("ufmi.scenario").joinpath("demo.toml")
    chosen = a_day(day) if day else read_scenario(Path(str(scenario)))
    _run(chosen, ledger, data, as_json, strict)


@app.command()
@guarded
def run(
    scenario: Annotated[Path, typer.Argument(help="A scenario file (docs/scenarios.md).")],
    ledger: LedgerKind = "embedded",
    data: Folder = None,
    as_json: AsJson = False,
    strict: Strict = False,
) -> None:
    """Run a scenario file, on the ledger in --data or on a new one that is thrown away."""
    _run(read_scenario(scenario), ledger, data, as_json, strict)


def _run(scenario: Scenario, ledger: str, data: Path | None, as_json: bool, strict: bool) -> None:
    check_ledger(ledger)
    with node_for(scenario, ledger, data, strict) as (node, operators):
        outcome = _with_progress(node, scenario, operators)
        reports = audit_commands.reported(node)
        if as_json:
            shown = as_data(outcome)
            if reports is not None:
                shown["reports"] = audit_commands.as_data(reports)
            print_json(shown)
        else:
            show_outcome(outcome)
            if reports is not None:
                out.print("\n[bold]Reports to the regulatory channel[/]")
                audit_commands.show(reports)
    if not outcome.ok or (reports is not None and not reports.ok):
        raise typer.Exit(1)


def _with_progress(node: Node, scenario: Scenario, operators: list[Sm2PrivateKey]) -> Outcome:
    if len(scenario.steps) < _PROGRESS_FROM:
        return run_scenario(node, scenario, operators)
    with Progress(console=err, transient=True) as bar:
        task = bar.add_task(escape(scenario.title), total=None)
        return run_scenario(
            node,
            scenario,
            operators,
            lambda done, total: bar.update(task, completed=done, total=total),
        )


@app.command()
@guarded
def init(
    data: Data = DATA_DEFAULT,
    operators: Annotated[int, typer.Option(help="How many operator keys to make.")] = 3,
    threshold: Annotated[int, typer.Option(help="How many of them an admission needs.")] = 2,
    clock: Annotated[str, typer.Option(help="system, or controlled for trying out.")] = "system",
    ledger: LedgerKind = "embedded",
    as_json: AsJson = False,
) -> None:
    """Found a ledger in the data folder, with new operator and front-end keys.

    On Fabric, the network in the data folder must run: `ufmi network up`.
    """
    if clock not in ("system", "controlled"):
        fail("the clock is system or controlled", 2)
    system = SystemClock()
    chosen: Clock = system if clock == "system" else ControlledClock(system.now_ms())
    keys_folder = data / "keys"
    if not 1 <= threshold <= operators <= 16:
        fail("needs 1 ≤ threshold ≤ operators ≤ 16", 2)
    check_ledger(ledger)
    if has_ledger(data):
        fail(f"{data} has a ledger already; take another folder", 2)
    fabric = None if ledger == "embedded" else data / "network" / "connection"
    made = [
        kept_key(keys_folder / f"operator-{at}.pem", password()) for at in range(1, operators + 1)
    ]
    with Node.create(
        data,
        operators=made,
        threshold=threshold,
        fabric=fabric,
        clock=chosen,
        password=password(),
    ) as node:
        network = node.network
    if as_json:
        print_json({"network": network, "data": str(data)})
        return
    out.print(f"network  {network}")
    out.print(f"keys     {keys_folder} ({operators} operators, {threshold} needed; frontend)")


@app.command()
@guarded
def submit(
    file: Annotated[Path, typer.Argument(help="A file of signed lines; - for standard input.")],
    data: Data = DATA_DEFAULT,
    as_json: AsJson = False,
    strict: Strict = False,
    kept: Annotated[
        Path | None, typer.Option("--receipts", help="A folder to keep lines and receipts in.")
    ] = None,
) -> None:
    """Submit signed lines, one JSON object a line, and show what became of each."""
    raw = sys.stdin.read() if str(file) == "-" else _read(file)
    lines: list[Line] = [read_line(line) for line in raw.splitlines() if line.strip()]
    refused = False
    answers = []
    if kept is not None:
        # Before anything is submitted: nobody shall be without a receipt afterwards.
        kept.mkdir(parents=True, exist_ok=True)
    with open_node(data, strict) as node:
        for line in lines:
            answer = _submit_one(node, line, kept)
            refused |= answer["code"] not in ("OK", "PENDING")
            answers.append(answer)
            if not as_json:
                out.print(
                    f"{show_code(str(answer['code']))}  {escape(str(answer['id']))}"
                    f"  {escape(str(answer['detail']))}"
                )
    if as_json:
        print_json(answers)
    if refused:
        raise typer.Exit(1)


@app.command()
@guarded
def ask(
    file: Annotated[Path, typer.Argument(help="A signed X3 or P3 as a line of JSON; - for stdin.")],
    data: Data = DATA_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Put a signed question (X3, P3) and show the answer; nothing is recorded."""
    raw = sys.stdin.read() if str(file) == "-" else _read(file)
    with open_node(data) as node:
        answer = node.ask(read_line(raw.strip()))
    if as_json:
        print_json(answer)
    else:
        out.print(f"{show_code(answer.code)}  {escape(answer.detail or answer.text)}")
    if answer.code != "OK":
        raise typer.Exit(1)


def _read(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError) as problem:
        fail(f"{file} cannot be read: {problem}", 2)


def _submit_one(node: Node, line: Line, kept: Path | None) -> dict[str, object]:
    ticket = node.frontend.submit([line])[0]
    receipt = ticket.receipt
    if receipt is not None and kept is not None:
        receipts.keep(kept, line, receipt)
    if ticket.refusal is not None:
        refusal = ticket.refusal
        return {"id": refusal.id, "code": refusal.code, "detail": refusal.detail, "receipt": None}
    try:
        executed = ticket.outcome()
    except UfmiError as problem:
        return {"id": "", "code": problem.code, "detail": problem.message, "receipt": receipt}
    result = executed.result
    return {
        "id": result.id,
        "code": result.code,
        "detail": result.detail,
        "data": result.data,
        "block": executed.block,
        "transaction": executed.transaction_id,
        "receipt": receipt,
    }


@app.command()
@guarded
def reconcile(data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """Check every invariant of the market, against the books in the data folder."""
    folders = sorted((data / "books").glob("*/book.sqlite"))
    with open_node(data) as node:
        books = {path.parent.name: SqliteBook(path.parent) for path in folders}
        report = reconcile_node(node, books)
        for book in books.values():
            book.close()
    if as_json:
        print_json({"ok": report.ok, "checks": report.checks})
    else:
        print_checks(report.checks)
    if not report.ok:
        raise typer.Exit(1)


def main() -> None:
    """Entry point."""
    tune()
    app()
