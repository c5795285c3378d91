"""Where Fabric's programs are on this machine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

VARIABLE = "UFMI_FABRIC_BIN"
_VERSION = re.compile(r"Version:\s*v?([0-9][0-9A-Za-z.+-]*)")


@dataclass(frozen=True)
class Fabric:
    """One version of Fabric's programs, in one folder."""

    version: str
    folder: Path

    def tool(self, name: str) -> Path:
        """The path of a program such as `peer`. Raises FileNotFoundError."""
        path = self.folder / name
        if not os.access(path, os.X_OK):
            raise FileNotFoundError(f"Fabric {self.version} in {self.folder} has no {name}")
        return path


def cache_folder() -> Path:
    """Where built versions are kept: one folder a version, its programs in `bin`."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ufmi" / "fabric"


def find() -> list[Fabric]:
    """What there is, each version once: UFMI_FABRIC_BIN, then the PATH, then the cache folder."""
    folders = [Path(named)] if (named := os.environ.get(VARIABLE)) else []
    on_path = shutil.which("peer")
    if on_path:
        folders.append(Path(on_path).parent)
    folders += sorted(cache_folder().glob("*/bin"), reverse=True)
    found: dict[str, Fabric] = {}
    for folder in folders:
        version = _version(folder / "peer")
        if version:
            found.setdefault(version, Fabric(version, folder))
    return list(found.values())


@cache
def _version(peer: Path) -> str:
    """What `peer version` says; "" where it is no such program."""
    try:
        done = subprocess.run(
            [peer, "version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    match = _VERSION.search(done.stdout)
    return match[1] if match else ""
