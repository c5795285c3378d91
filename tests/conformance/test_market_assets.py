"""The tests of the market's assets, on every ledger."""

from tests.market.test_assets import *  # noqa: F403
