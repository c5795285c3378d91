"""Where Fabric's programs are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from network import binaries


def program(folder: Path, version: str) -> Path:
    """A folder with a program that says it is `peer` of this version."""
    folder.mkdir(parents=True)
    path = folder / "peer"
    path.write_text(f"#!/bin/sh\necho 'peer:'\necho ' Version: v{version}'\n")
    path.chmod(0o755)
    return folder


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Fabric."""
    monkeypatch.delenv(binaries.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def test_nothing_is_found_where_there_is_nothing(empty: Path) -> None:
    assert binaries.find() == []


def test_the_variable_comes_first_then_the_path_then_the_cache(
    empty: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = empty / "cache" / "ufmi" / "fabric"
    program(cache / "2.5.9" / "bin", "2.5.9")
    program(cache / "2.5.4" / "bin", "2.5.4")
    program(empty / "path", "3.1.1")
    named = program(empty / "named", "2.5.9")
    monkeypatch.setenv(binaries.VARIABLE, str(named))
    found = binaries.find()
    assert [one.version for one in found] == ["2.5.9", "3.1.1", "2.5.4"]
    assert found[0].folder == named  # each version once, from where it was found first
    assert found[0].tool("peer") == named / "peer"
    with pytest.raises(FileNotFoundError, match="has no orderer"):
        found[0].tool("orderer")


def test_what_is_no_peer_is_passed_over(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = program(empty / "named", "2.5.9")
    (folder / "peer").write_text("#!/bin/sh\nexit 1\n")
    monkeypatch.setenv(binaries.VARIABLE, str(folder))
    assert binaries.find() == []
