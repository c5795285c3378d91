"""Finds Fabric's binaries, and builds the pinned release where there is Go.

Looked for in this order: the folder in UFMI_FABRIC_BIN, the PATH, and the cache folder
`~/.cache/ufmi/fabric/<version>/bin` (XDG rules).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import as_file, files
from pathlib import Path

from ufmi.errors import FabricMissing, NetworkError

VARIABLE = "UFMI_FABRIC_BIN"
TOOLS = ("peer", "orderer", "configtxgen", "configtxlator", "osnadmin")
PINNED = "2.5.9"  # what network/tools/go.mod pins
_VERSION = re.compile(r"Version:\s*v?(\d+\.\d+\.\d+)")
_ASK_SECONDS = 20


@dataclass(frozen=True)
class Fabric:
    """A folder with one version of Fabric's binaries."""

    version: str
    folder: Path

    @property
    def line(self) -> str:
        """The line of releases, such as 2.5."""
        return ".".join(self.version.split(".")[:2])

    @cached_property
    def many_keys(self) -> bool:
        """Whether peers read and write many keys in one message of a chaincode server."""
        return tuple(map(int, self.line.split("."))) >= (3, 1)

    def tool(self, name: str) -> Path:
        """The path of a binary. Raises FabricMissing."""
        path = self.folder / name
        if not os.access(path, os.X_OK):
            raise FabricMissing(f"{path} is missing or cannot be run")
        return path


def cache_folder() -> Path:
    """Where built binaries are kept, one folder a version."""
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "ufmi" / "fabric"


def find() -> list[Fabric]:
    """All versions found, in the order in which they are looked for; each version once."""
    folders = [Path(given)] if (given := os.environ.get(VARIABLE)) else []
    on_path = shutil.which("peer")
    if on_path:
        folders.append(Path(on_path).parent)
    folders += sorted(cache_folder().glob("*/bin"), reverse=True)
    found: dict[str, Fabric] = {}
    for folder in folders:
        version = _version_in(folder)
        if version:
            found.setdefault(version, Fabric(version, folder))
    return list(found.values())


def choose(lines: tuple[str, ...], version: str = "") -> Fabric:
    """The first version found that belongs to one of these lines, or just this version.

    Raises:
        FabricMissing: there is none; the message says what to do.
    """
    everything = find()
    for one in everything:
        if one.line in lines and version in ("", one.version, one.line):
            return one
    wanted = version or " or ".join(lines)
    there = ", ".join(one.version for one in everything) or "none"
    raise FabricMissing(f"no Fabric {wanted} was found (there is: {there})")


def _version_in(folder: Path) -> str:
    """The version of the peer in a folder that has all tools; "" if there is none."""
    if not all(os.access(folder / tool, os.X_OK) for tool in TOOLS):
        return ""
    try:
        said = subprocess.run(
            [folder / "peer", "version"], capture_output=True, text=True, timeout=_ASK_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    match = _VERSION.search(said.stdout)
    return match[1] if match else ""


def build(say: Callable[[str], None]) -> Fabric:
    """Compiles the pinned release into the cache folder, once.

    Args:
        say: is told how far it has come.

    Raises:
        FabricMissing: there is no Go.
        NetworkError: the compiler failed; the message ends with what it said.
    """
    folder = cache_folder() / PINNED / "bin"
    if _version_in(folder) == PINNED:
        return Fabric(PINNED, folder)
    go = shutil.which("go")
    if go is None:
        raise FabricMissing("there is no Go to build Fabric with")
    folder.mkdir(parents=True, exist_ok=True)
    flags = f"-s -w -X github.com/hyperledger/fabric/common/metadata.Version=v{PINNED}"
    with as_file(files("network") / "tools") as tools:
        for at, tool in enumerate(TOOLS, 1):
            say(f"Fabric {PINNED}: {tool} ({at} of {len(TOOLS)})")
            _run_go(go, tools, folder, flags, f"github.com/hyperledger/fabric/cmd/{tool}")
    return Fabric(PINNED, folder)


def _run_go(go: str, tools: Path, folder: Path, flags: str, package: str) -> None:
    done = subprocess.run(
        [go, "install", "-ldflags", flags, package],
        cwd=tools,
        env={**os.environ, "GOBIN": str(folder), "GOFLAGS": "-mod=readonly"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise NetworkError(
            f"{package} cannot be built: {done.stderr.strip()[-2_000:]}",
            hint="Building Fabric needs Go 1.24 or later, and a way to Go's modules",
        )
