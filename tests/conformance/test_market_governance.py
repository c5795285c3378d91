"""The tests of the market's governance, on every ledger."""

from tests.market.test_governance import *  # noqa: F403
