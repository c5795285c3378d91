"""`ufmi relay`: reports what happens on channel `udl` to the regulatory channel."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from ufmi.cli.common import DATA_DEFAULT, AsJson, Data, fail, guarded, password
from ufmi.cli.output import out, print_json
from ufmi.datafolder import Ledger, has_ledger, open_ledger, take_clock
from ufmi.errors import NotFound
from ufmi.ledger import Gateway
from ufmi.regulatory.store import open_store
from ufmi.relay.csrb import Csrb, relay_identity
from ufmi.relay.opening import open_csrb, open_relay
from ufmi.relay.relay import Relay, Status

app = typer.Typer(help="Report to the regulatory channel.", no_args_is_help=True)


@contextmanager
def _ledger(data: Path) -> Iterator[Ledger]:
    """The ledger of a data folder, without its front-end."""
    if not has_ledger(data):
        raise NotFound(f"there is no ledger in {data}", hint="Make one: ufmi init")
    ledger = open_ledger(data)
    try:
        take_clock(ledger)
        yield ledger
    finally:
        ledger.close()


@app.command()
@guarded
def run(
    once: Annotated[
        bool, typer.Option("--once", help="End when all there is is reported.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option(help="Where it works: for a second relay. DATA/relay if not given."),
    ] = None,
    store: Annotated[
        str, typer.Option(help="Where bodies go: a folder or s3://…. DATA/snapshots if not given.")
    ] = "",
    metrics: Annotated[
        str, typer.Option(help="HOST:PORT at which Prometheus is answered, without --once.")
    ] = "",
    data: Data = DATA_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Report until SIGINT or SIGTERM. The embedded ledger must not be open elsewhere."""
    with (
        _ledger(data) as ledger,
        open_relay(
            data,
            ledger,
            folder=folder,
            store=open_store(store) if store else None,
            password=password(),
        ) as relay,
    ):
        if once:
            relay.run_once()
        else:
            _serve(relay, metrics)
        _show(relay.status(), as_json)


def _serve(relay: Relay, metrics: str) -> None:
    if metrics:
        _answer_prometheus(relay, metrics)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: relay.stop())
    try:
        relay.run()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _answer_prometheus(relay: Relay, listen: str) -> None:
    host, _, port = listen.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        fail(f"{listen!r} is not HOST:PORT", 2)
    try:
        from ufmi.relay.metrics import Metrics
    except ImportError as problem:
        fail(f"figures need the extra `fabric` ({problem}): pip install 'ufmi[fabric]'", 2)
    Metrics(relay).serve(host, int(port))


@app.command()
@guarded
def status(data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """How far the channel is reported. Status 1 where blocks wait."""
    with _ledger(data) as ledger:
        found = _status(open_csrb(ledger), ledger)
    _show(found, as_json)
    if found.lag:
        raise typer.Exit(1)


@app.command()
@guarded
def exceptions(
    owner: Annotated[str, typer.Option(help="Of one owner only, such as UFMI or N….")] = "",
    limit: Annotated[int, typer.Option(help="How many at most.")] = 1_000,
    data: Data = DATA_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """The exception log: what was not taken, why, and what put it right."""
    with _ledger(data) as ledger:
        found = list(islice(open_csrb(ledger).faults(owner), max(0, limit)))
    if as_json:
        print_json(found)
        return
    for one in found:
        name = f"{one.owner} {one.type} {one.id}/{one.version} {one.operation}"
        right = f", put right by {one.corrected}" if one.corrected else ""
        out.print(escape(f"block {one.source.block}, place {one.source.place}: {name}{right}"))
        for error in one.errors:
            out.print(f"    {escape(error)}")


def _status(csrb: Csrb, ledger: Ledger) -> Status:
    """What the ledger itself tells, whoever reports."""
    height = Gateway(ledger, relay_identity(ledger)).network("udl").height()
    found = Status("udl", csrb.progress(), height)
    totals = csrb.totals()
    found.reports, found.snapshots = totals.reports, totals.snapshots
    found.exceptions = totals.exceptions
    return found


def _show(found: Status, as_json: bool) -> None:
    if as_json:
        print_json(_as_data(found))
        return
    reported = found.reported
    out.print(f"channel    {found.channel}: {found.height} blocks")
    out.print(f"reported   up to block {reported.block}, {found.lag} blocks wait")
    out.print(f"snapshots  {found.snapshots}")
    out.print(f"exceptions {found.exceptions}")
    if found.last_error:
        out.print(f"[red]{escape(found.last_error)}[/]")


def _as_data(found: Status) -> dict[str, Any]:
    data: dict[str, Any] = msgspec.to_builtins(found)
    return data | {"lag": found.lag}
