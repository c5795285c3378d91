"""`ufmi documents`: what is kept off the ledger, and can be erased."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ufmi.cli.common import DATA_DEFAULT, AsJson, Data, guarded
from ufmi.cli.output import moment, out, print_json
from ufmi.documents import read
from ufmi.errors import NotFound, UfmiError
from ufmi.frontend.documents import Documents
from ufmi.node import has_ledger
from ufmi.search import erase as erase_everywhere

app = typer.Typer(help="Show and erase documents, which lie off the ledger.", no_args_is_help=True)

Digest = Annotated[str, typer.Argument(help="SM3 of the document, as the ledger has it.")]


def _documents(data: Path) -> Documents:
    """The store of a data folder, whether or not another process runs over it."""
    if not has_ledger(data):
        raise NotFound(f"there is no ledger in {data}", hint="Run ufmi init")
    return Documents(data / "frontend" / "documents")


@app.command("list")
@guarded
def list_documents(data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """List what is kept and what was erased, by digest."""
    found = list(_documents(data).list())
    if as_json:
        print_json(found)
        return
    for one in found:
        if one.erased is None:
            out.print(f"{one.digest}  {one.bytes} bytes")
        else:
            out.print(f"{one.digest}  erased {_erased(one.erased.time, one.erased.reason)}")


def _erased(time: int, reason: str) -> str:
    return moment(time) + (f": {escape(reason)}" if reason else "")


@app.command()
@guarded
def show(digest: Digest, data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """Show a document: its fields and its text; with --json, exactly as it is kept."""
    raw = _documents(data).read(digest)
    if as_json:
        typer.echo(raw)
        return
    try:
        document = read(raw)
    except UfmiError:
        # In a form of its sender's own, which is allowed.
        out.print(escape(raw))
        return
    out.print(f"[dim]{document.kind}, {digest}[/]")
    for path, value in document.fields():
        out.print(f"{path.rpartition('.')[2]:<40} {escape(value)}")
    out.print(f"\n{escape(document.text)}")


@app.command()
@guarded
def erase(
    digest: Digest,
    reason: Annotated[str, typer.Option(help="Why; it stays with the tombstone.")] = "",
    data: Data = DATA_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Erase a document for good, from the store and from the search index."""
    tombstone = erase_everywhere(data, _documents(data), digest, reason)
    if as_json:
        print_json(tombstone)
    else:
        out.print(f"{digest}  erased {_erased(tombstone.time, tombstone.reason)}")
