"""The tests of the market's accounts, on every ledger."""

from tests.market.test_accounts import *  # noqa: F403
