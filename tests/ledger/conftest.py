"""Ledgers for the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ufmi.ledger.embedded import EmbeddedLedger

from .kv import found


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[EmbeddedLedger]:
    """A ledger with one channel, where every transaction is a block of its own."""
    with found(tmp_path / "ledger") as one:
        yield one
