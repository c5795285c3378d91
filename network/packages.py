"""Chaincode packages for a contract that runs as a service, and the builder that peers need.

The package's label ends with the digest of the contract's source, so that the package id names
what is run and not only where: Fabric's own package id covers the address alone.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from ufmi.system import write_file

# A peer asks each builder whether it takes a package, and runs nothing: the server is there.
_DETECT = """#!/bin/sh
# $2: the package's metadata
grep -q '"type": *"ccaas"' "$2/metadata.json"
"""
_BUILD = """#!/bin/sh
# $1: the package's content, $3: where the build goes
cp "$1/connection.json" "$3/connection.json"
"""
_RELEASE = """#!/bin/sh
# $1: the build, $2: what the peer reads
mkdir -p "$2/chaincode/server" && cp "$1/connection.json" "$2/chaincode/server/connection.json"
"""


def write_builder(folder: Path) -> Path:
    """The external builder's three programs; returns the folder that peers are given."""
    for name, text in (("detect", _DETECT), ("build", _BUILD), ("release", _RELEASE)):
        path = folder / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, text.encode(), 0o755)
        path.chmod(0o755)
    return folder


def label_of(contract: str, source: str) -> str:
    """The label of a contract's package; `source` is the digest of its source (hex)."""
    return f"{contract}-{source[:16]}"


def package(label: str, connection: dict[str, Any]) -> tuple[str, bytes]:
    """A package's id and bytes. The same content gives the same bytes.

    Args:
        connection: Fabric's connection.json: address, dial_timeout, tls_required and so on.
    """
    code = _archive({"connection.json": _json(connection)})
    metadata = {"type": "ccaas", "label": label}
    raw = _archive({"metadata.json": _json(metadata), "code.tar.gz": code})
    return f"{label}:{hashlib.sha256(raw).hexdigest()}", raw


def _json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, sort_keys=True).encode()


def _archive(files: dict[str, bytes]) -> bytes:
    """A tar file, compressed as Fabric wants it but without a time, so that it is repeatable."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(whole.getvalue(), mtime=0)
