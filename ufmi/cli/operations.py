"""`ufmi backup`, `restore`, `notifications`, `statement`: for the people who run it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from ufmi.backup import Manifest
from ufmi.backup import backup as back_up
from ufmi.cli.common import DATA_DEFAULT, AsJson, Data, fail, guarded, open_node
from ufmi.cli.output import moment, out, print_json
from ufmi.cli.statements import as_csv, as_text
from ufmi.errors import BadReceipt
from ufmi.protocol import AMOUNT_MAX
from ufmi.restore import restore as put_back
from ufmi.statement import statement as state
from ufmi.system import write_file

_FORMATS = {"text": as_text, "csv": as_csv}


def add_to(app: typer.Typer) -> None:
    """Adds these commands to the command line."""
    for command in (notifications, statement, backup, restore):
        app.command()(command)


@guarded
def notifications(
    party: Annotated[str, typer.Argument(help="Institution (N…), market (M…) or address (u…).")],
    start: Annotated[int, typer.Option("--from", help="The first number that is wanted.")] = 1,
    limit: Annotated[int, typer.Option(help="How many, about: bundles are whole.")] = 100,
    data: Data = DATA_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """What was sent to a party, from a number on; each block's signature is checked."""
    with open_node(data) as node:
        found = node.frontend.notifications(party, start, limit)
        key = node.frontend_key
    for one in found:
        try:
            one.verify(key)
        except BadReceipt as problem:
            fail(f"block {one.notices.block}: {problem}")
    if as_json:
        print_json(found)
        return
    for one in found:
        for delivery in one.bundle.deliveries:
            if delivery.number >= start:
                out.print(f"{delivery.number:6d}  block {delivery.block}  {escape(delivery.text)}")


def read_time(text: str) -> int:
    """Milliseconds since 1970 of a time: a whole number of them, or ISO 8601 (UTC if not said)."""
    if text.isascii() and text.isdigit() and len(text) > 8:
        return min(int(text[:17]), AMOUNT_MAX)
    try:
        read = datetime.fromisoformat(text)
        read = read if read.tzinfo else read.replace(tzinfo=UTC)
        since = read - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError):
        fail(f"{text!r} is no time: write 2026-03-02, 2026-03-02T09:00:00Z or milliseconds", 2)
    return max(0, (since.days * 86_400 + since.seconds) * 1_000 + since.microseconds // 1_000)


@guarded
def statement(
    subject: Annotated[str, typer.Argument(help="Address (u…), user (L…) or institution (N…).")],
    start: Annotated[str, typer.Option("--from", help="The first moment of the period.")] = "",
    end: Annotated[str, typer.Option("--to", help="The first moment after it.")] = "",
    form: Annotated[str, typer.Option("--format", help="text or csv.")] = "text",
    out_file: Annotated[Path | None, typer.Option("--out", help="The file to write.")] = None,
    data: Data = DATA_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Opening balance, every movement and closing balance of a period, from the blocks."""
    if form not in _FORMATS:
        fail(f"there is no format {form!r}; there is text and csv", 2)
    first = read_time(start) if start else 0
    after = read_time(end) if end else AMOUNT_MAX
    if first > after:
        fail("the period ends before it begins", 2)
    if out_file is not None and not out_file.absolute().parent.is_dir():
        fail(f"there is no folder {out_file.parent}", 2)
    with open_node(data) as node:
        found = state(node, subject, first, after)
    if as_json:
        print_json(found)
        return
    shown = _FORMATS[form](found)
    if out_file is not None:
        write_file(out_file, shown.encode())
    else:
        out.print(escape(shown), end="")


@guarded
def backup(
    out_file: Annotated[Path, typer.Option("--out", help="The file to write; it is not there.")],
    keys: Annotated[bool, typer.Option("--keys", help="Include private keys.")] = False,
    data: Data = DATA_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Back a data folder up into one file, also while another process works on it."""
    if not out_file.absolute().parent.is_dir():
        fail(f"there is no folder {out_file.parent}", 2)
    _show(back_up(data, out_file, keys=keys), out_file, as_json)


@guarded
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `ufmi backup` wrote.")],
    data: Data = DATA_DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Put a backup into an empty or absent data folder, after checking all of it."""
    _show(put_back(file, data), data, as_json)


def _show(manifest: Manifest, place: Path, as_json: bool) -> None:
    if as_json:
        shown = {name: getattr(manifest, name) for name in Manifest.__struct_fields__[:-2]}
        print_json({"place": str(place), "files": len(manifest.files)} | shown)
        return
    out.print(f"written   {escape(str(place))}: {len(manifest.files)} files")
    out.print(f"as of     {moment(manifest.time)}, arrival {manifest.arrival}")
    for name, height in manifest.channels.items():
        out.print(f"channel   {name}: {height.blocks} blocks, newest {height.hash}")
    if manifest.keys_left_out:
        out.print(
            "[yellow]keys      are not included;[/] the ledger opens when these are put back:"
        )
        for name in manifest.keys_left_out:
            out.print(f"          {escape(name)}")
    for name in manifest.left_out:
        out.print(f"[yellow]left out  {escape(name)}[/]")
