"""Chaincode packages are repeatable, and the builder's programs do what a peer asks of them."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from network.packages import label_of, package, write_builder
from tests.ledger.kv import Kv
from ufmi.contract import source_digest
from ufmi.errors import LedgerError
from ufmi.ledger.fabric.serve import Settings, make_server

CONNECTION: dict[str, Any] = {"address": "127.0.0.1:9999", "tls_required": False}


def test_the_same_content_gives_the_same_package() -> None:
    first, second = package("kv-1", CONNECTION), package("kv-1", dict(reversed(CONNECTION.items())))
    assert first == second
    package_id, raw = first
    assert package_id == f"kv-1:{hashlib.sha256(raw).hexdigest()}"
    assert package("kv-1", {**CONNECTION, "address": "127.0.0.1:1"})[0] != package_id


def unpacked(raw: bytes, folder: Path) -> Path:
    with tarfile.open(fileobj=io.BytesIO(raw), mode="r:gz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def test_a_peer_gets_the_connection_through_the_builder(tmp_path: Path) -> None:
    builder = write_builder(tmp_path / "builder") / "bin"
    whole = unpacked(package("kv-1", CONNECTION)[1], tmp_path / "package")
    content = unpacked((whole / "code.tar.gz").read_bytes(), tmp_path / "content")
    for name in ("build", "release"):
        (tmp_path / name).mkdir()
    for command in (
        ["detect", content, whole],
        ["build", content, whole, tmp_path / "build"],
        ["release", tmp_path / "build", tmp_path / "release"],
    ):
        subprocess.run([str(builder / str(command[0])), *map(str, command[1:])], check=True)
    released = tmp_path / "release" / "chaincode" / "server" / "connection.json"
    assert json.loads(released.read_text()) == CONNECTION
    # A package of another kind is another builder's.
    (whole / "metadata.json").write_text('{"type": "golang", "label": "x"}')
    assert subprocess.run([builder / "detect", content, whole]).returncode != 0


def test_a_server_with_other_source_refuses_to_serve() -> None:
    def settings(label: str) -> Settings:
        return Settings("tests.ledger.kv:Kv", f"{label}:{'0' * 64}", "127.0.0.1:0")

    make_server(settings(label_of("kv", source_digest(Kv))))
    with pytest.raises(LedgerError, match="is not for the source here"):
        make_server(settings(label_of("kv", "0" * 64)))
