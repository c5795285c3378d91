"""What an embedded ledger consists of: organisations, channels, policies, how blocks are cut."""

from __future__ import annotations

import msgspec

from ufmi.ledger.policy import MAJORITY


class Cut(msgspec.Struct, frozen=True):
    """When a block is cut: by number, by size, or by time after its first transaction."""

    count: int = 500
    bytes_preferred: int = 2 * 1024 * 1024
    bytes_max: int = 64 * 1024 * 1024
    timeout_ms: int = 0  # 0: whatever is there is cut at once


class Channel(msgspec.Struct, frozen=True):
    """A channel: its organisations and the endorsement policy of each of its contracts."""

    organisations: tuple[str, ...]
    contracts: dict[str, str]  # contract → policy
    cut: Cut = Cut()


class Topology(msgspec.Struct, frozen=True):
    """The whole ledger. Kept as `ledger.json` in its folder."""

    channels: dict[str, Channel]
    orderer: str = "OrdererMSP"
    v: int = 1

    @property
    def organisations(self) -> tuple[str, ...]:
        return tuple(
            sorted({name for channel in self.channels.values() for name in channel.organisations})
        )


OPERATOR, MARKET, BANK = "OperatorMSP", "MarketMSP", "BankMSP"
REGULATOR = "RegulatorMSP"

# The business channel of UFMI, and the regulatory channel beside it.
DEFAULT = Topology(
    {
        "udl": Channel((OPERATOR, MARKET, BANK), {"udl": MAJORITY}),
        "csrb": Channel((OPERATOR, REGULATOR), {"csrb": MAJORITY}),
    }
)
