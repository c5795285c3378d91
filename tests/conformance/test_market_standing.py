"""The tests of the market's standing, on every ledger."""

from tests.market.test_standing import *  # noqa: F403
