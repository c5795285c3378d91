"""The ledger's client API, the same for the embedded ledger and for a real Fabric network."""

from ufmi.ledger.blocks import Block, BlockTransaction
from ufmi.ledger.checkpoint import FileCheckpoint, MemoryCheckpoint, Position
from ufmi.ledger.gateway import (
    ChaincodeEvent,
    Commit,
    Contract,
    Gateway,
    Network,
    Proposal,
    Status,
    Transaction,
)
from ufmi.ledger.identity import Identity

__all__ = [
    "Block",
    "BlockTransaction",
    "ChaincodeEvent",
    "Commit",
    "Contract",
    "FileCheckpoint",
    "Gateway",
    "Identity",
    "MemoryCheckpoint",
    "Network",
    "Position",
    "Proposal",
    "Status",
    "Transaction",
]
