"""The tests of an old state under new contracts, on every ledger."""

from tests.market.test_upgrade import *  # noqa: F403

# They change the contract in this process; a ledger's contracts run in others.
del test_new_rules_do_nothing_by_being_installed  # noqa: F821
del test_new_rules_hold_from_the_next_transaction_on  # noqa: F821
del test_what_was_recorded_under_old_rules_stays  # noqa: F821
del test_an_operator_activates_once_and_as_the_others_do  # noqa: F821
del test_rules_in_force_are_not_put_in_force_again  # noqa: F821
