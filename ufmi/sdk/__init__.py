"""Role clients: what each kind of institution does with UFMI, in a few typed lines."""

from ufmi.sdk.bank import Bank
from ufmi.sdk.broker import Broker
from ufmi.sdk.institution import Book, Institution
from ufmi.sdk.matcher import Matcher, reference
from ufmi.sdk.operator import Operator
from ufmi.sdk.papers import DocumentBook
from ufmi.sdk.party import Client
from ufmi.sdk.registry import Description, Registry
from ufmi.sdk.wallet import SignedOrder, Wallet

__all__ = [
    "Bank",
    "Book",
    "Broker",
    "Client",
    "Description",
    "DocumentBook",
    "Institution",
    "Matcher",
    "Operator",
    "Registry",
    "SignedOrder",
    "Wallet",
    "reference",
]
