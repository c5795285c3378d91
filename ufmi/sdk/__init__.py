"""Role clients: what each kind of institution does with UFMI, in a few typed lines."""

from ufmi.sdk.bank import Bank
from ufmi.sdk.broker import Broker
from ufmi.sdk.institution import AssetBook, Book, CashBook, Institution
from ufmi.sdk.matcher import Matcher, reference
from ufmi.sdk.operator import Operator
from ufmi.sdk.papers import DocumentBook
from ufmi.sdk.party import Client
from ufmi.sdk.registry import Description, Registry
from ufmi.sdk.regulator import Regulator
from ufmi.sdk.wallet import SignedOrder, SignedWithdrawal, Wallet

__all__ = [
    "AssetBook",
    "Bank",
    "Book",
    "Broker",
    "CashBook",
    "Client",
    "Description",
    "DocumentBook",
    "Institution",
    "Matcher",
    "Operator",
    "Registry",
    "Regulator",
    "SignedOrder",
    "SignedWithdrawal",
    "Wallet",
    "reference",
]
