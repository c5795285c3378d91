"""A Fabric network in one process, kept in one folder."""

from ufmi.ledger.embedded.ledger import EmbeddedLedger
from ufmi.ledger.embedded.topology import DEFAULT, Channel, Cut, Topology

__all__ = ["DEFAULT", "Channel", "Cut", "EmbeddedLedger", "Topology"]
