"""The digest of a contract's source: what two servers must agree on to run the same contract."""

from __future__ import annotations

import hashlib
from importlib.util import find_spec
from pathlib import Path

from ufmi.contract.contract import Contract
from ufmi.errors import ContractFailure


def source_digest(contract: type[Contract]) -> str:
    """SHA-256 (hex) over the source files of a contract.

    They are those of the contract's own package or module, of the runtime, and of what the
    contract names in `SOURCES`.

    Raises:
        ContractFailure: one of them has no source.
    """
    digest = hashlib.sha256()
    own = contract.__module__.rpartition(".")[0] or contract.__module__
    for name in sorted({own, "ufmi.contract", *contract.SOURCES}):
        for path, relative in _files(name):
            content = path.read_bytes()
            digest.update(f"{relative}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _files(name: str) -> list[tuple[Path, str]]:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ContractFailure(f"{name} has no source to be known by")
    origin = Path(spec.origin)
    if spec.submodule_search_locations is None:
        return [(origin, name)]
    folder = origin.parent
    return [(path, f"{name}/{path.relative_to(folder)}") for path in sorted(folder.rglob("*.py"))]
