"""The tests of the market's removed addresses, on every ledger."""

from tests.market.test_removed_addresses import *  # noqa: F403
