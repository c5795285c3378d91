"""`ufmi ledger`: the embedded ledger itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ufmi.cli.common import DATA_DEFAULT, AsJson, Data, fail, guarded
from ufmi.cli.output import out, print_json
from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.ledger.embedded.verify import verify_channel
from ufmi.node import CONTRACTS
from ufmi.system import write_file

app = typer.Typer(help="Verify and export the embedded ledger.", no_args_is_help=True)


@app.command()
@guarded
def verify(data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """Check hash chain, signatures and verdicts, and recompute the state from the blocks."""
    reports = []
    started = time.perf_counter()
    with EmbeddedLedger.open(data / "ledger", CONTRACTS) as ledger:
        for name in ledger.topology.channels:
            reports.append(verify_channel(ledger.channel(name), ledger.topology.orderer))
    seconds = time.perf_counter() - started
    ok = all(report.ok for report in reports)
    if as_json:
        print_json({"ok": ok, "seconds": round(seconds, 3), "channels": reports})
    else:
        for report in reports:
            sign = "[green]✓[/]" if report.ok else "[red]✗[/]"
            out.print(
                f"{sign} channel {report.channel}: {report.blocks} blocks,"
                f" {report.transactions} transactions, {report.keys} keys of state"
            )
            for problem in report.problems:
                out.print(f"    [red]{escape(problem)}[/]")
    if not ok:
        raise typer.Exit(1)


@app.command()
@guarded
def export(
    block: Annotated[int, typer.Option(help="Number of the block.")],
    out_file: Annotated[Path, typer.Option("--out", help="The file to write.")],
    channel: Annotated[str, typer.Option(help="The channel.")] = "udl",
    data: Data = DATA_DEFAULT,
) -> None:
    """Write one block as Fabric's protobuf, for Fabric's own tools."""
    if not out_file.parent.is_dir():
        fail(f"there is no folder {out_file.parent}", 2)
    with EmbeddedLedger.open(data / "ledger", CONTRACTS) as ledger:
        raw = ledger.channel(channel).block(block).message.SerializeToString()
    write_file(out_file, raw, 0o644)
