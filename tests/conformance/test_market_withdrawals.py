"""The tests of the market's withdrawals, on every ledger."""

from tests.market.test_withdrawals import *  # noqa: F403
