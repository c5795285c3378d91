"""The tests of the market's keys, on every ledger."""

from tests.market.test_keys import *  # noqa: F403
