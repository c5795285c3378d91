"""Where Fabric's programs are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from network import binaries
from ufmi.errors import FabricMissing


def program(folder: Path, version: str) -> Path:
    """A folder with programs that say they are of this version."""
    folder.mkdir(parents=True)
    for tool in binaries.TOOLS:
        path = folder / tool
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
    (named / "orderer").unlink()
    with pytest.raises(FabricMissing, match="orderer is missing"):
        found[0].tool("orderer")
    assert [one.version for one in binaries.find()] == ["3.1.1", "2.5.9", "2.5.4"]


def test_a_version_is_chosen_by_what_the_topology_allows(empty: Path) -> None:
    cache = empty / "cache" / "ufmi" / "fabric"
    with pytest.raises(FabricMissing, match="there is: none"):
        binaries.choose(("2.5", "3.1"))
    program(cache / "2.5.9" / "bin", "2.5.9")
    program(cache / "3.1.5" / "bin", "3.1.5")
    assert binaries.choose(("2.5", "3.1")).version == "3.1.5"
    assert binaries.choose(("2.5", "3.1"), "2.5").version == "2.5.9"
    assert not binaries.choose(("2.5",)).many_keys and binaries.choose(("3.1",)).many_keys
    with pytest.raises(FabricMissing, match=r"no Fabric 2\.4 was found"):
        binaries.choose(("2.5",), "2.4")


def test_building_needs_go(empty: Path) -> None:
    with pytest.raises(FabricMissing, match="no Go"):
        binaries.build(lambda text: None)


def test_what_is_no_peer_is_passed_over(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = program(empty / "named", "2.5.9")
    (folder / "peer").write_text("#!/bin/sh\nexit 1\n")
    monkeypatch.setenv(binaries.VARIABLE, str(folder))
    assert binaries.find() == []
