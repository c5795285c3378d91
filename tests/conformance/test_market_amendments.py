"""The tests of the market's amendments, on every ledger."""

from tests.market.test_amendments import *  # noqa: F403
