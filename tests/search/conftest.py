"""Indexes for the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An empty index."""
    found = World(tmp_path)
    yield found
    found.close()
