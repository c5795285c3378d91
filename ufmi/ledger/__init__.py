"""The ledger's client API, the same for the embedded ledger and for a real Fabric network."""

from ufmi.ledger.blocks import Block, BlockTransaction
from ufmi.ledger.checkpoint import FileCheckpoint, MemoryCheckpoint, Position
from ufmi.ledger.gateway import Commit, Contract, Gateway, Network, Proposal, Transaction
from ufmi.ledger.identity import Identity
from ufmi.ledger.requests import ChaincodeEvent, Status

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
