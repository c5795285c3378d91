"""`ufmi receipt`: a sender's own check of arrival receipts, without any ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from ufmi.cli.common import AsJson, fail, guarded
from ufmi.cli.output import moment, out, print_json
from ufmi.crypto import Sm2PublicKey
from ufmi.errors import BadReceipt, CryptoError, ProtocolError
from ufmi.frontend import Receipt
from ufmi.protocol import Line, read_line
from ufmi.system import write_file

app = typer.Typer(help="Check arrival receipts.", no_args_is_help=True)

# A receipt carries the list of up to 1,000 arrivals that one signature covers.
FILE_BYTES_MAX = 1024 * 1024


@app.callback()
def _group() -> None:
    # With a callback a single command keeps its name.
    pass


def keep(folder: Path, line: Line, receipt: Receipt) -> None:
    """Writes a receipt and the line that it is for: NUMBER.receipt.json, NUMBER.line.json."""
    folder.mkdir(parents=True, exist_ok=True)
    write_file(folder / f"{receipt.number}.line.json", line.encode())
    write_file(folder / f"{receipt.number}.receipt.json", msgspec.json.encode(receipt))


@app.command()
@guarded
def verify(
    receipt: Annotated[Path, typer.Argument(help="The receipt, as JSON.")],
    line: Annotated[Path, typer.Option(help="The signed line that it is for, as JSON.")],
    key: Annotated[str, typer.Option(help="The front-end's public key: hex, 04 first.")],
    as_json: AsJson = False,
) -> None:
    """Check that the front-end took in this line, at this time and under this number."""
    try:
        known = Sm2PublicKey.from_hex(key.strip())
    except CryptoError as problem:
        fail(str(problem), 2)
    try:
        found = msgspec.json.decode(_read(receipt), type=Receipt)
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        fail(f"{receipt} is no receipt: {problem}", 2)
    try:
        text = read_line(_read(line).strip()).text
    except ProtocolError as problem:
        fail(f"{line} is no signed line: {problem}", 2)
    try:
        found.verify(text, known)
        refused = ""
    except BadReceipt as problem:
        refused = problem.message
    if as_json:
        shown = {"ok": not refused, "number": found.number, "time": found.time}
        print_json(shown | {"digest": found.digest, "problem": refused})
    elif not refused:
        out.print(f"[green]✓[/] arrival {found.number} at {moment(found.time)}: {found.digest}")
    else:
        out.print(f"[red]✗[/] {escape(refused)}")
    if refused:
        raise typer.Exit(1)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_BYTES_MAX + 1)
    except OSError as problem:
        fail(f"{path} cannot be read: {problem}", 2)
    if len(raw) > FILE_BYTES_MAX:
        fail(f"{path} is longer than {FILE_BYTES_MAX} bytes", 2)
    return raw
