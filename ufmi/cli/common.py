"""What all commands share: the data folder, opening a node, and how errors end a command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer
from rich.markup import escape

from ufmi.cli.output import err
from ufmi.errors import NotFound, ProtocolError, UfmiError, UsageError
from ufmi.node import Node

DATA_VARIABLE = "UFMI_DATA"
PASSWORD_VARIABLE = "UFMI_PASSWORD"
DATA_DEFAULT = Path("data")

Data = Annotated[
    Path,
    typer.Option("--data", envvar=DATA_VARIABLE, help="The data folder.", show_default="data"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Strict = Annotated[
    bool, typer.Option("--strict", help="Execute everything again elsewhere, and compare.")
]

_Command = TypeVar("_Command", bound=Callable[..., Any])


def password() -> str | None:
    """The password of key files, from UFMI_PASSWORD."""
    return os.environ.get(PASSWORD_VARIABLE) or None


def open_node(data: Path, strict: bool = False) -> Node:
    """The UFMI in a data folder. Raises NotFound, LedgerInUse, StoreCorrupted."""
    return Node.open(data, password=password(), strict=strict)


def guarded(command: _Command) -> _Command:
    """Turns our errors into one line on standard error and the right exit status."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return command(*arguments, **options)
        except UfmiError as problem:
            fail(str(problem), 2 if isinstance(problem, _WRONG_USE) else 1)
        except UnicodeError:
            fail("what was given is not UTF-8", 2)
        except OSError as problem:
            if isinstance(problem, BrokenPipeError):
                # Whoever read our output has seen enough.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                return None
            fail(str(problem))

    return run  # type: ignore[return-value]


_WRONG_USE = (UsageError, NotFound, ProtocolError)


def fail(message: str, status: int = 1) -> NoReturn:
    """Says what is wrong and ends."""
    err.print(f"[red]error:[/] {escape(message)}")
    raise typer.Exit(status)
