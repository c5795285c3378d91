"""`ufmi keys`: SM2 keys in the data folder. UFMI_PASSWORD protects and opens them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from ufmi.cli.common import DATA_DEFAULT, AsJson, Data, fail, guarded, password
from ufmi.cli.output import out, print_json
from ufmi.crypto import Signer, Sm2PrivateKey
from ufmi.protocol import Line, decode

app = typer.Typer(help="Make, show and use SM2 keys.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="Name of the key: the file keys/NAME.pem.")]


def _path(data: Path, name: str) -> Path:
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z._-]*", name):
        fail(f"{name!r} is not a name for a key: letters, digits, dots and dashes", 2)
    return data / "keys" / f"{name}.pem"


def _load(data: Path, name: str) -> Sm2PrivateKey:
    path = _path(data, name)
    if not path.is_file():
        fail(f"there is no key {path}", 2)
    return Sm2PrivateKey.load(path, password())


def _show(name: str, key: Sm2PrivateKey, as_json: bool) -> None:
    shown = {
        "name": name,
        "address": key.public_key.address,
        "public_key": key.public_key.to_hex(),
    }
    if as_json:
        print_json(shown)
        return
    for label, value in shown.items():
        out.print(f"{label:<11} {value}")


@app.command()
@guarded
def generate(name: Name, data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """Make a new key; an existing one is never overwritten."""
    path = _path(data, name)
    if path.exists():
        fail(f"{path} exists already", 2)
    path.parent.mkdir(parents=True, exist_ok=True)
    key = Sm2PrivateKey.generate()
    key.save(path, password())
    _show(name, key, as_json)


@app.command()
@guarded
def show(name: Name, data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """Show a key's address and public key."""
    _show(name, _load(data, name), as_json)


@app.command("list")
@guarded
def list_keys(data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """List the keys in the data folder."""
    names = sorted(path.stem for path in (data / "keys").glob("*.pem"))
    if as_json:
        print_json(names)
        return
    for name in names:
        out.print(name)


@app.command()
@guarded
def sign(
    name: Name,
    text: Annotated[str, typer.Argument(help="The text of a message, NAME(field,…).")],
    data: Data = DATA_DEFAULT,
) -> None:
    """Sign the text of a message; prints the line that `ufmi submit` reads."""
    decode(text)
    signature = Signer.of(_load(data, name)).sign(text.encode())
    # Printed as it is: no wrapping, no colour.
    typer.echo(Line(text, signature.hex()).encode().decode())
