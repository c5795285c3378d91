"""`ufmi audit`: what was reported, looked at, verified and recomputed."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape

from chaincode.csrb.records import Snapshot
from ufmi.audit import Audit, audit
from ufmi.cli.common import DATA_DEFAULT, AsJson, Data, fail, guarded, open_node, password
from ufmi.cli.output import out, print_json
from ufmi.crypto import Sm2PrivateKey
from ufmi.crypto.envelope import open_envelope
from ufmi.errors import AccessDenied, InvalidSeal, NotFound
from ufmi.node import Node
from ufmi.regulatory.seals import verify_seals
from ufmi.regulatory.store import open_store
from ufmi.regulatory.text import canonical, read
from ufmi.relay.opening import SNAPSHOTS, open_csrb

app = typer.Typer(help="Audit what was reported.", no_args_is_help=True)

Type = Annotated[str, typer.Option("--type", help="Only objects of this type, such as account.")]
Containing = Annotated[str, typer.Option("--id", help="Only ids that contain this.")]
FORMATS = ("csv", "jsonl")


def regulator_key(node: Node) -> Sm2PrivateKey | None:
    """The regulator's key, where the data folder has it."""
    path = node.folder / "keys" / "regulator.pem"
    return Sm2PrivateKey.load(path, password()) if path.exists() else None


def as_data(found: Audit) -> dict[str, Any]:
    """An audit as `--json` shows it."""
    return {
        "ok": found.ok,
        "snapshots": found.snapshots,
        "types": found.types,
        "verified": found.verified,
        "hashed": found.hashed,
        "recomputed": found.recomputed,
        "erased": found.erased,
        "exceptions": found.exceptions,
        "anchors": found.anchors,
        "tampered_copy_found_out": found.found_out,
        "faults": found.faults,
    }


def show(found: Audit) -> None:
    """An audit, a line each."""
    types = ", ".join(f"{count} {name}" for name, count in found.types.items())
    out.print(f"snapshots   {found.snapshots} ({types})")
    out.print(f"verified    {found.verified}, {found.hashed} by their hash only")
    out.print(f"recomputed  {found.recomputed}, {found.erased} not, for erased documents")
    out.print(f"anchors     {found.anchors} blocks; {found.exceptions} exceptions")
    if found.found_out:
        out.print(f"tampering   a changed copy of {escape(found.found_out)} was found out")
    for fault in found.faults:
        out.print(f"  [red]✗[/] {escape(fault)}")


def reported(node: Node) -> Audit | None:
    """Reports what has happened, and audits it; None where there is no regulatory channel.

    A copy that somebody changed is tried too: it must be found out.
    """
    try:
        with node.relay(password()) as relay:
            relay.run_once()
    except NotFound:
        return None
    found = audit(node, regulator=regulator_key(node))
    public = next((one for one in open_csrb(node.ledger).snapshots() if not one.private), None)
    if public is not None:
        body = _body(node, public, None)
        body["header"]["content"]["timestamp"] += 1
        try:
            verify_seals(body)
            found.wrong(f"a changed copy of {public.id} passes for the original")
        except InvalidSeal:
            found.found_out = f"{public.id}/{public.version}"
    return found


def _audit(data: Path, as_json: bool) -> None:
    with open_node(data) as node:
        found = audit(node, regulator=regulator_key(node))
    if as_json:
        print_json(as_data(found))
    else:
        show(found)
    if not found.ok:
        raise typer.Exit(1)


@app.command()
@guarded
def verify(data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """Check every body's hash, seals and content, and every anchored block."""
    _audit(data, as_json)


@app.command()
@guarded
def recompute(data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """Build every object anew from the business channel and compare; verifies too."""
    _audit(data, as_json)


def _found(node: Node, type: str, containing: str) -> list[Snapshot]:
    return [
        one
        for one in open_csrb(node.ledger).snapshots()
        if (not type or one.type == type) and containing in one.id
    ]


@app.command()
@guarded
def find(
    type: Type = "", containing: Containing = "", data: Data = DATA_DEFAULT, as_json: AsJson = False
) -> None:
    """The snapshots of a type or with an id."""
    with open_node(data) as node:
        found = _found(node, type, containing)
    if as_json:
        print_json(found)
        return
    for one in found:
        place = f"block {one.source.block}"
        out.print(f"{escape(one.id)}/{one.version}  {one.type}  {one.operation}  {place}")


def _body(node: Node, one: Snapshot, key: Sm2PrivateKey | None) -> Any:
    """The whole snapshot. Raises AccessDenied where it is private and there is no key."""
    data = open_store(node.folder / SNAPSHOTS).get(one.id, one.version, one.hash)
    if one.private:
        if key is None:
            raise AccessDenied(f"{one.id}/{one.version} is for the regulator alone")
        data = open_envelope(data, key, f"{one.id}/{one.version}".encode())
    return read(data)


@app.command()
@guarded
def history(
    id: Annotated[str, typer.Argument(help="The object's id.")],
    data: Data = DATA_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """All versions of an object, header and body, as JSON."""
    with open_node(data) as node:
        key = regulator_key(node)
        found = [_body(node, one, key) for one in open_csrb(node.ledger).snapshots(id)]
    if not found:
        raise NotFound(f"there is no object {id}")
    if as_json:
        sys.stdout.write("[" + ",".join(canonical(one).decode() for one in found) + "]\n")
        return
    for one in found:
        sys.stdout.write(canonical(one).decode() + "\n")


@app.command()
@guarded
def export(
    to: Annotated[Path, typer.Option("--out", help="The file to write.")],
    form: Annotated[str, typer.Option("--format", help="csv (headers) or jsonl (whole objects).")],
    type: Type = "",
    containing: Containing = "",
    data: Data = DATA_DEFAULT,
) -> None:
    """Write snapshots into a file; jsonl has one whole object, header and body, a line."""
    if form not in FORMATS:
        fail(f"the format is {' or '.join(FORMATS)}", 2)
    with open_node(data) as node:
        found = _found(node, type, containing)
        lines = _csv(found) if form == "csv" else _jsonl(node, found)
        try:
            with to.open("w", encoding="utf-8", newline="") as file:
                file.writelines(lines)
        except OSError as problem:
            fail(f"{to} cannot be written: {problem.strerror}", 2)
    out.print(f"{len(found)} snapshots in {escape(str(to))}")


def _jsonl(node: Node, found: list[Snapshot]) -> Iterator[str]:
    key = regulator_key(node)
    for one in found:
        yield canonical(_body(node, one, key)).decode() + "\n"


def _csv(found: list[Snapshot]) -> Iterator[str]:
    rows = [msgspec.to_builtins(one) for one in found]
    for row in rows:
        source = row.pop("source")
        row |= {f"source_{name}": value for name, value in source.items()}
    if not rows:
        return
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    yield text.getvalue()
