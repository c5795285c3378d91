"""`ufmi receipt`: what the front-end signed, checked without any ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from ufmi.cli.common import DATA_DEFAULT, AsJson, Data, fail, guarded, open_node
from ufmi.cli.output import moment, out, print_json
from ufmi.crypto import Sm2PublicKey
from ufmi.errors import BadReceipt, CryptoError, ProtocolError
from ufmi.frontend import Receipt, SignedBundle
from ufmi.protocol import Line, read_line
from ufmi.system import write_file

app = typer.Typer(
    help="Check what the front-end signed: receipts, notifications.", no_args_is_help=True
)

# A receipt carries the list of up to 1,000 arrivals that one signature covers.
FILE_BYTES_MAX = 1024 * 1024
NOTIFICATIONS_BYTES_MAX = 256 * 1024 * 1024

Key = Annotated[str, typer.Option(help="The front-end's public key: hex, 04 first.")]


def keep(folder: Path, line: Line, receipt: Receipt) -> None:
    """Writes a receipt and the line that it is for: NUMBER.receipt.json, NUMBER.line.json."""
    write_file(folder / f"{receipt.number}.line.json", line.encode())
    write_file(folder / f"{receipt.number}.receipt.json", msgspec.json.encode(receipt))


@app.command()
@guarded
def verify(
    receipt: Annotated[Path, typer.Argument(help="The receipt, as JSON.")],
    line: Annotated[Path, typer.Option(help="The signed line that it is for, as JSON.")],
    key: Key,
    as_json: AsJson = False,
) -> None:
    """Check that the front-end took in this line, at this time and under this number."""
    known = _key(key)
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


@app.command()
@guarded
def notifications(
    file: Annotated[Path, typer.Argument(help="What `ufmi notifications --json` printed.")],
    key: Key,
    as_json: AsJson = False,
) -> None:
    """Check that the front-end sent these notifications, and that none between them is missing."""
    known = _key(key)
    raw = _read(file, NOTIFICATIONS_BYTES_MAX)
    try:
        found = msgspec.json.decode(raw, type=list[SignedBundle])
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        fail(f"{file} holds no notifications: {problem}", 2)
    refused = ""
    last: dict[str, int] = {}
    for one in found:
        try:
            one.verify(known)
        except BadReceipt as problem:
            refused = f"block {one.notices.block}: {problem.message}"
            break
        party, first = one.bundle.party, one.bundle.first
        if last.get(party, first - 1) != first - 1:
            refused = f"{party} lacks numbers {last[party] + 1} to {first - 1}"
            break
        last[party] = one.bundle.last
    if as_json:
        print_json({"ok": not refused, "last": last, "problem": refused})
    elif refused:
        out.print(f"[red]✗[/] {escape(refused)}")
    else:
        for party, number in last.items():
            out.print(f"[green]✓[/] {escape(party)}: up to number {number}")
    if refused:
        raise typer.Exit(1)


@app.command("key")
@guarded
def show_key(data: Data = DATA_DEFAULT) -> None:
    """Print the front-end's public key, for those who check its signatures."""
    with open_node(data) as node:
        out.print(node.frontend_key.to_hex())


def _key(given: str) -> Sm2PublicKey:
    try:
        return Sm2PublicKey.from_hex(given.strip())
    except CryptoError as problem:
        fail(str(problem), 2)


def _read(path: Path, most: int = FILE_BYTES_MAX) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(most + 1)
    except OSError as problem:
        fail(f"{path} cannot be read: {problem}", 2)
    if len(raw) > most:
        fail(f"{path} is longer than {most} bytes", 2)
    return raw
