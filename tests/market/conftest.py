"""Markets for the tests."""

from __future__ import annotations

import pytest

from .market import Market, funded_market, open_market


@pytest.fixture
def market() -> Market:
    """Parties, users, assets; nobody owns anything yet."""
    return open_market()


@pytest.fixture
def funded() -> Market:
    """Users with cash and assets."""
    return funded_market()
