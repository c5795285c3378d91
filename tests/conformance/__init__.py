"""One suite for every ledger: the same contracts, calls and conflicts give the same answers.

Where ledgers must differ, the test says so: when a block is cut is a matter of time and load, so
what is compared is the order within a block, never how many transactions are in one; and a peer
words what it refuses in its own way, so codes and the contract's own text are compared.
"""
