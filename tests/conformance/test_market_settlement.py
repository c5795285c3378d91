"""The tests of the market's settlement, on every ledger."""

from tests.market.test_settlement import *  # noqa: F403
