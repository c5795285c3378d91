"""`ufmi search`: users and assets by words and by fields."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ufmi.cli.common import DATA_DEFAULT, AsJson, Data, fail, open_node
from ufmi.cli.output import err, out, print_json
from ufmi.errors import LedgerInUse
from ufmi.search import Found, Hit, Index, find_offline

# What a line shows of a hit beside its names; --json has all.
_SHOWN = ("role", "class", "currency", "bank", "registry", "broker", "market", "status")

Query = Annotated[str, typer.Argument(help='Words and "phrases"; tea*: words that begin so.')]
Kind = Annotated[str, typer.Option(help="user or asset; both if it is not given.")]
Fields = Annotated[
    list[str] | None,
    typer.Option("--field", help="NAME=VALUE: is so; NAME~VALUE: has this in it. May be repeated."),
]


def search(
    query: Query = "",
    kind: Kind = "",
    field: Fields = None,
    limit: Annotated[int, typer.Option(help="How many at most, up to 1000.")] = 20,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make the index anew first.")] = False,
    data: Data = DATA_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Find users and assets by what ledger and documents say of them."""
    asked = bool(query or field)
    if not (asked or kind or rebuild):
        fail("say what to look for: words, --field or --kind", 2)
    if rebuild and not (asked or kind):
        _rebuild(data, as_json)
        return
    found = _find(data, query, kind, field or [], limit, rebuild)
    if as_json:
        hits = [hit._asdict() for hit in found.hits]
        print_json({"hits": hits, "more": found.more, "blocks": found.blocks})
        return
    for hit in found.hits:
        _show(hit)
    if found.more:
        err.print(f"there are more than {limit}; see --limit")


def _rebuild(data: Path, as_json: bool) -> None:
    with open_node(data) as node, Index(node) as index:
        blocks = index.rebuild()
    if as_json:
        print_json({"blocks": blocks})
    else:
        out.print(f"the index is made anew from {blocks} blocks")


def _find(data: Path, query: str, kind: str, where: list[str], limit: int, rebuild: bool) -> Found:
    try:
        with open_node(data) as node, Index(node) as index:
            if rebuild:
                index.rebuild()
            return index.find(query, kind=kind, where=where, limit=limit)
    except LedgerInUse:
        if rebuild:
            raise
    found = find_offline(data, query, kind=kind, where=where, limit=limit)
    err.print(f"another process has the ledger: as of block {found.blocks}")
    return found


def _show(hit: Hit) -> None:
    said = [
        f"{name} {' '.join(dict.fromkeys(hit.fields[name]))}"
        for name in _SHOWN
        if name in hit.fields
    ]
    names = " / ".join(hit.names)
    out.print(f"[cyan]{hit.id}[/]  {escape(names)}  [dim]{escape(', '.join(said))}[/]")
    for digest, state in hit.documents.items():
        out.print(f"    document {digest} {state.lower()}")
