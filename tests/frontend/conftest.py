"""Markets for the tests of the front-end."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from ufmi.node import Node

from .town import Town, found


@pytest.fixture(scope="session", autouse=True)
def quiet() -> Iterator[None]:
    """No pictures of stacks: the tests make many a failure."""
    structlog.configure(
        processors=[structlog.processors.KeyValueRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed data folder with parties and users; do not write to it."""
    folder = tmp_path_factory.mktemp("town") / "data"
    with found(folder) as node:
        Town(node).open()
    return folder


@pytest.fixture
def data(opened: Path, tmp_path: Path) -> Path:
    """A data folder with parties and users."""
    return Path(shutil.copytree(opened, tmp_path / "data"))


@pytest.fixture
def town(data: Path) -> Iterator[Town]:
    """The market, opened without threads."""
    with Node.open(data) as node:
        yield Town(node)


@pytest.fixture
def open_town(data: Path) -> Iterator[Callable[..., Town]]:
    """Opens the market with options, after closing it where it is open."""
    nodes: list[Node] = []

    def open_again(**options: Any) -> Town:
        while nodes:
            nodes.pop().close()
        nodes.append(Node.open(data, **options))
        return Town(nodes[-1])

    yield open_again
    while nodes:
        nodes.pop().close()
