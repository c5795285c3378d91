"""The tests of the market's batch, on every ledger."""

from tests.market.test_batch import *  # noqa: F403

# Looks at a stub of its own; the mirror compares the events of every call.
del test_the_event_names_identities_and_codes_only  # noqa: F821
