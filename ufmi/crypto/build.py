"""Builds the gmsm library into the cache folder: `python -m ufmi.crypto.build`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ufmi.crypto._gmsm import SOURCE, library_path


def build() -> Path:
    """Builds the library unless it is there already; returns its path.

    Raises:
        FileNotFoundError: Go is not installed.
        subprocess.CalledProcessError: the build failed; Go's own words are on standard error.
    """
    target = library_path()
    if target.is_file():
        return target
    go = shutil.which("go")
    if go is None:
        raise FileNotFoundError("go is not installed: SM2 runs on tongsuopy, which is slower")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        # Go writes into the module's folder when it may; a copy leaves the package as it is.
        source = shutil.copytree(SOURCE, Path(folder) / "source")
        made = Path(folder) / target.name
        command = [go, "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w"]
        environment = os.environ | {"CGO_ENABLED": "1", "GOFLAGS": "-buildvcs=false"}
        subprocess.run([*command, "-o", made, "."], cwd=source, env=environment, check=True)
        made.replace(target)
    return target


if __name__ == "__main__":
    try:
        print(build())
    except (FileNotFoundError, subprocess.CalledProcessError) as problem:
        print(f"gmsm was not built: {problem}", file=sys.stderr)
        sys.exit(1)
