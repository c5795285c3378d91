"""The front-end: intake, journal, receipts, arrival order, batches, deliveries."""

from ufmi.frontend.batches import Executed
from ufmi.frontend.deliveries import Delivery, deliveries_of, executed_lines, lines_of
from ufmi.frontend.frontend import Frontend, Ticket
from ufmi.frontend.notices import SignedBundle
from ufmi.frontend.receipts import Receipt

__all__ = [
    "Delivery",
    "Executed",
    "Frontend",
    "Receipt",
    "SignedBundle",
    "Ticket",
    "deliveries_of",
    "executed_lines",
    "lines_of",
]
