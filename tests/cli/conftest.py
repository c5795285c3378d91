"""Data folders for the tests of the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .command import good


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `ufmi init` makes; do not write to it."""
    folder = tmp_path_factory.mktemp("init") / "data"
    good("init", "--data", folder)
    return folder


@pytest.fixture
def data(founded: Path, tmp_path: Path) -> Path:
    """A new data folder."""
    return Path(shutil.copytree(founded, tmp_path / "data"))


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder after the demonstration; do not write to it."""
    folder = tmp_path_factory.mktemp("played") / "data"
    answer = good("demo", "--data", folder, "--json")
    (folder / "demo.json").write_text(answer.out)
    return folder
