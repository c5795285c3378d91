"""The tests of the market's deposits, on every ledger."""

from tests.market.test_deposits import *  # noqa: F403
