"""The tests of the market's broadcasts, on every ledger."""

from tests.market.test_broadcasts import *  # noqa: F403
