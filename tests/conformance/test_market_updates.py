"""The tests of the market's updates, on every ledger."""

from tests.market.test_updates import *  # noqa: F403
