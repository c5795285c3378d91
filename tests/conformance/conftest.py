"""Each test of the suite runs on every ledger that is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.market.market import Market, funded_market, open_market
from tests.networks import PARAMETERS

from .backends import Backend, embedded, on_fabric
from .mirror import mirrored


@pytest.fixture(scope="session", params=[pytest.param("embedded", id="embedded"), *PARAMETERS])
def backend(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Backend]:
    """A ledger that lasts as long as the run."""
    version: Any = request.param
    folder = tmp_path_factory.mktemp("ledger") / "it"
    with embedded(folder) if version == "embedded" else on_fabric(folder, version) as found:
        yield found


@pytest.fixture
def market(backend: Backend) -> Market:
    """As in the tests of the market, executed on the ledger too."""
    return mirrored(open_market(), backend)


@pytest.fixture
def funded(backend: Backend) -> Market:
    return mirrored(funded_market(), backend)
