"""Runs the command `ufmi` in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Answer:
    """How a command ended and what it printed."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


def ufmi(
    *arguments: str | Path, data: Path | None = None, given: bytes = b"", **environment: str
) -> Answer:
    """Runs `ufmi ARGUMENTS`; no command ever shows a traceback."""
    variables = {
        name: value
        for name, value in os.environ.items()
        if name not in ("UFMI_DATA", "UFMI_PASSWORD")
    }
    if data is not None:
        variables["UFMI_DATA"] = str(data)
    done = subprocess.run(
        [sys.executable, "-c", "from ufmi.cli.main import main; main()", *map(str, arguments)],
        input=given,
        capture_output=True,
        env=variables | {"PYTHONIOENCODING": "utf-8"} | environment,
        timeout=120,
        check=False,
    )
    answer = Answer(done.returncode, done.stdout.decode(), done.stderr.decode())
    if "Traceback" in answer.err:
        raise AssertionError(f"a traceback: {answer.err.splitlines()[-1]}")
    return answer


def good(*arguments: str | Path, **options: Any) -> Answer:
    """The same, of a command that has to succeed."""
    answer = ufmi(*arguments, **options)
    assert answer.status == 0, answer
    return answer


def wrong(status: int, *arguments: str | Path, **options: Any) -> str:
    """The same, of a command that has to end with this status; what it says on standard error."""
    answer = ufmi(*arguments, **options)
    assert answer.status == status, answer
    assert answer.err.strip(), "it does not say why"
    return answer.err
