"""`ufmi network`: a Fabric network on this machine, without Docker."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from network import binaries
from network.plan import read_plan
from network.topology import names, read_topology
from ufmi.cli.common import DATA_DEFAULT, AsJson, Data, fail, guarded
from ufmi.cli.output import err, out, print_json
from ufmi.errors import UsageError

if TYPE_CHECKING:
    from network.fabric import FabricNetwork

app = typer.Typer(
    help="Bring up a Fabric network of native processes, and take it down.", no_args_is_help=True
)

TopologyName = Annotated[
    str, typer.Option("--topology", help=f"A topology file, or one of {', '.join(names())}.")
]
Version = Annotated[str, typer.Option("--fabric", help="A version or line of Fabric.")]
Ports = Annotated[
    int | None, typer.Option("--ports", help="The first port; 0 for any that are free.")
]
ClockMode = Annotated[
    str, typer.Option("--clock", help="system; or controlled, for scenarios with their own time.")
]


def network_folder(data: Path) -> Path:
    """Where a data folder's network is."""
    return data / "network"


def fabric_network() -> type[FabricNetwork]:
    """The class that runs networks, whose packages the embedded ledger does without.

    Raises:
        UsageError: they are not installed.
    """
    try:
        from network.fabric import FabricNetwork
    except ImportError as problem:
        raise UsageError(
            f"the packages for Fabric are missing: {problem}", hint="Install ufmi[fabric]"
        ) from problem
    return FabricNetwork


def _opened(data: Path) -> FabricNetwork:
    return fabric_network().open(network_folder(data), teller())


def teller(quiet: bool = False) -> Callable[[str], None]:
    """Says on standard error how far something has come, with the seconds since the start."""
    started = time.monotonic()

    def say(text: str) -> None:
        if not quiet:
            err.print(f"[dim]{time.monotonic() - started:5.1f} s[/] {escape(text)}")

    return say


@app.command()
@guarded
def build(as_json: AsJson = False) -> None:
    """Compile the pinned release of Fabric with Go into the cache folder, once."""
    fabric = binaries.build(teller())
    if as_json:
        print_json({"version": fabric.version, "folder": str(fabric.folder)})
    else:
        out.print(f"Fabric {fabric.version} in {fabric.folder}")


@app.command()
@guarded
def versions(as_json: AsJson = False) -> None:
    """List the versions of Fabric that are found, in the order in which they are taken."""
    found = binaries.find()
    if as_json:
        print_json([{"version": one.version, "folder": str(one.folder)} for one in found])
        return
    for one in found:
        out.print(f"{one.version}  {one.folder}")
    if not found:
        out.print("none; `ufmi network build` compiles one (needs Go)")


@app.command()
@guarded
def up(
    topology: TopologyName = "",
    fabric: Version = "",
    ports: Ports = None,
    clock: ClockMode = "system",
    data: Data = DATA_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Start the network in the data folder; lay it out first where there is none."""
    folder = network_folder(data)
    say = teller()
    if clock not in ("system", "controlled"):
        fail("the clock is system or controlled", 2)
    if read_plan(folder) is None:
        found = read_topology(topology or "default")
        network = fabric_network().create(
            folder, found, version=fabric, clock=clock, ports=ports, say=say
        )
    else:
        if topology or fabric or ports is not None:
            fail("the network is laid out already; `ufmi network reset` removes it", 2)
        network = fabric_network().open(folder, say)
    network.up()
    say("ready")
    if as_json:
        print_json({"connection": str(network.connection), "processes": network.status()})
    else:
        _print(network.status())
        out.print(f"clients connect with {network.connection}")


@app.command()
@guarded
def status(data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """Show what each process does; exit status 1 unless all are ready."""
    rows = _opened(data).status()
    if as_json:
        print_json(rows)
    else:
        _print(rows)
    if any(row["state"] != "ready" for row in rows):
        raise typer.Exit(1)


def _print(rows: list[dict[str, object]]) -> None:
    for row in rows:
        colour = "green" if row["state"] == "ready" else "red"
        out.print(
            f"{row['name']:<28} {row['pid'] or '-':>8}  {row['address']:<18}"
            f" [{colour}]{row['state']}[/]"
        )


@app.command()
@guarded
def logs(
    name: Annotated[str, typer.Argument(help="A process, as `status` names it.")],
    lines: Annotated[int, typer.Option(min=1, max=10_000, help="How many lines.")] = 40,
    data: Data = DATA_DEFAULT,
) -> None:
    """Show the end of a process's log."""
    network = _opened(data)
    if name not in network.names():
        fail(f"there is no process {name!r}; there is {', '.join(network.names())}", 2)
    tail = network.process(name).tail(lines * 400).splitlines()[-lines:]
    for line in tail:
        out.print(escape(line), highlight=False)


@app.command()
@guarded
def down(data: Data = DATA_DEFAULT) -> None:
    """Stop all processes; what the network keeps stays for the next `up`."""
    _opened(data).down()
    out.print("stopped")


@app.command()
@guarded
def reset(data: Data = DATA_DEFAULT) -> None:
    """Stop all processes and remove the network, ledgers and keys included."""
    _opened(data).reset()
    out.print("removed")


@app.command("add-organisation")
@guarded
def add_organisation(
    msp: Annotated[str, typer.Argument(help="The new organisation's MSP id, such as BankTwoMSP.")],
    channel: Annotated[str, typer.Option(help="The channel that it joins.")] = "udl",
    data: Data = DATA_DEFAULT,
) -> None:
    """Add an organisation, such as a bank, with a peer to a running network."""
    network = _opened(data)
    network.add_organisation(msp, channel)
    out.print(f"{msp} takes part in channel {channel}")
