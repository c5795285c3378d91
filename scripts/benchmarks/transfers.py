"""The contract of the baseline in Go, in Python: an unsigned transfer, two reads, two writes."""

from __future__ import annotations

from ufmi.contract import Context, Contract, submit
from ufmi.errors import ContractFailure

OPENING = 1_000_000


class Transfers(Contract):
    """Balances under account names. An account that is new has a million."""

    name = "transfers"

    @submit
    def transfer(self, context: Context, source: bytes, target: bytes, amount: bytes) -> bytes:
        """Moves an amount."""
        moved = int(amount)
        keys = (source.decode(), target.decode())
        context.declare((), keys)
        balances = [context.get(key, int) for key in keys]
        had, has = (OPENING if one is None else one for one in balances)
        if moved <= 0 or had < moved:
            raise ContractFailure("not enough")
        context.put(keys[0], had - moved)
        context.put(keys[1], has + moved)
        return b""
