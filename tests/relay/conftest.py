"""A data folder with blocks to report."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.frontend.town import Town, found
from ufmi.node import Node

from .office import trade


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed data folder of which nothing is reported; do not write to it."""
    folder = tmp_path_factory.mktemp("office") / "data"
    with found(folder) as node:
        trade(Town(node).open(), 3)
    return folder


@pytest.fixture
def data(opened: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    folder = tmp_path / "data"
    shutil.copytree(opened, folder)
    return folder


@pytest.fixture
def node(data: Path) -> Iterator[Node]:
    with Node.open(data) as node:
        yield node
