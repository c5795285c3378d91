"""`ufmi ledger`: the embedded ledger itself."""

from __future__ import annotations

import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from ufmi.cli.common import DATA_DEFAULT, AsJson, Data, fail, guarded
from ufmi.cli.output import out, print_json
from ufmi.datafolder import workers
from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.ledger.embedded.topology import OPERATOR
from ufmi.ledger.embedded.verify import verify_channel
from ufmi.ledger.profile import write_connection
from ufmi.node import CONTRACTS, FABRIC_FILE
from ufmi.system import write_file

if TYPE_CHECKING:
    from ufmi.ledger.embedded.serve import Places

app = typer.Typer(help="Verify, export and serve the embedded ledger.", no_args_is_help=True)


def _embedded(data: Path) -> EmbeddedLedger:
    """The embedded ledger of a data folder. Raises NotFound, LedgerInUse, StoreCorrupted."""
    if (data / FABRIC_FILE).exists():
        fail(f"the ledger of {data} is a Fabric network, whose peers verify and serve its blocks")
    return EmbeddedLedger.open(data / "ledger", CONTRACTS)


@app.command()
@guarded
def verify(data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """Check hash chain, signatures and verdicts, and recompute the state from the blocks."""
    reports = []
    started = time.perf_counter()
    with _embedded(data) as ledger:
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
    with _embedded(data) as ledger:
        raw = ledger.channel(channel).block(block).message.SerializeToString()
    write_file(out_file, raw, 0o644)


@app.command()
@guarded
def serve(
    connection: Annotated[
        Path, typer.Option(help="The folder to write what clients need into (docs/serve.md).")
    ],
    listen: Annotated[
        str, typer.Option(help="HOST:PORT of the first peer; the others follow. Port 0: free ones.")
    ] = "127.0.0.1:7051",
    data: Data = DATA_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Serve the ledger to Fabric's clients over gRPC until SIGINT or SIGTERM."""
    try:
        from ufmi.ledger.embedded import serve as serving
    except ImportError as problem:
        fail(f"serving needs the extra `fabric` ({problem}): pip install 'ufmi[fabric]'", 2)
    host, port = serving.parse_listen(listen)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with (
        _embedded(data) as ledger,
        serving.Server(ledger, host, port) as server,
    ):
        members = {OPERATOR: workers(ledger)}
        write_connection(serving.layout(ledger, server.places), connection, members)
        _show_served(server.places, connection, as_json)
        stopped.wait()
        # A second signal ends at once.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _show_served(places: Places, connection: Path, as_json: bool) -> None:
    """Says what is served where, as soon as it is."""
    if as_json:
        peers = [
            {"organisation": one.msp, "name": one.name, "address": one.address}
            for one in places.peers
        ]
        print_json(
            {
                "peers": peers,
                "orderer": {"organisation": places.orderer.msp, "address": places.orderer.address},
                "connection": str(connection.absolute()),
            }
        )
        sys.stdout.flush()
        return
    for one in places.peers:
        out.print(f"peer of {one.msp:<14} {one.address}  Gateway, Endorser, Deliver, discovery")
    out.print(f"orderer {places.orderer.msp:<14} {places.orderer.address}  Broadcast, Deliver")
    out.print(f"for clients            {escape(str(connection / 'connection.json'))}")
    out.print("Stop with Ctrl-C.")
    sys.stdout.flush()
