"""The tests of the market's questions, on every ledger."""

from tests.market.test_questions import *  # noqa: F403
