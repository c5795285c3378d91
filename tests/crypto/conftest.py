from __future__ import annotations

from collections.abc import Iterator

import pytest

from ufmi.crypto import Provider, cache, found, provider, use


@pytest.fixture(autouse=True)
def same_provider_afterwards() -> Iterator[None]:
    former = provider().name
    yield
    use(former)
    cache.clear()


@pytest.fixture(params=[one.name for one in found()])
def each_provider(request: pytest.FixtureRequest) -> Provider:
    """Runs a test once with every provider found here, with nothing verified before."""
    use(request.param)
    cache.clear()
    return provider()
