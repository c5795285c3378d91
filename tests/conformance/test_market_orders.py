"""The tests of the market's orders, on every ledger."""

from tests.market.test_orders import *  # noqa: F403
