"""UFMI: shared infrastructure of regional equity markets.

The public names, loaded when they are first used:

    with ufmi.Node.create("data") as node:
        broker = ufmi.Broker(node, "NLOTUSCNBXXX", ufmi.Signer.of(key))
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ufmi.amounts import format_amount, parse_amount
    from ufmi.auditor import Auditor
    from ufmi.crypto import Signer, Sm2PrivateKey, Sm2PublicKey
    from ufmi.documents import Document, person_hmac
    from ufmi.errors import Refused, UfmiError
    from ufmi.legacy.books import SqliteBook
    from ufmi.node import Node
    from ufmi.protocol import Code, Role, Side, decode
    from ufmi.scenario.sandbox import sandbox
    from ufmi.sdk import (
        Bank,
        Broker,
        Description,
        Matcher,
        Operator,
        Registry,
        Regulator,
        SignedOrder,
        SignedWithdrawal,
        Wallet,
        reference,
    )
    from ufmi.search import Index

_HOMES = {
    "Auditor": "ufmi.auditor",
    "Bank": "ufmi.sdk",
    "Broker": "ufmi.sdk",
    "Code": "ufmi.protocol",
    "Description": "ufmi.sdk",
    "Document": "ufmi.documents",
    "Index": "ufmi.search",
    "Matcher": "ufmi.sdk",
    "Node": "ufmi.node",
    "Operator": "ufmi.sdk",
    "Refused": "ufmi.errors",
    "Registry": "ufmi.sdk",
    "Regulator": "ufmi.sdk",
    "Role": "ufmi.protocol",
    "Side": "ufmi.protocol",
    "SignedOrder": "ufmi.sdk",
    "SignedWithdrawal": "ufmi.sdk",
    "Signer": "ufmi.crypto",
    "Sm2PrivateKey": "ufmi.crypto",
    "Sm2PublicKey": "ufmi.crypto",
    "SqliteBook": "ufmi.legacy.books",
    "UfmiError": "ufmi.errors",
    "Wallet": "ufmi.sdk",
    "decode": "ufmi.protocol",
    "format_amount": "ufmi.amounts",
    "parse_amount": "ufmi.amounts",
    "reference": "ufmi.sdk",
    "sandbox": "ufmi.scenario.sandbox",
    "person_hmac": "ufmi.documents",
}

__all__ = [
    "Auditor",
    "Bank",
    "Broker",
    "Code",
    "Description",
    "Document",
    "Index",
    "Matcher",
    "Node",
    "Operator",
    "Refused",
    "Registry",
    "Regulator",
    "Role",
    "Side",
    "SignedOrder",
    "SignedWithdrawal",
    "Signer",
    "Sm2PrivateKey",
    "Sm2PublicKey",
    "SqliteBook",
    "UfmiError",
    "Wallet",
    "decode",
    "format_amount",
    "parse_amount",
    "reference",
    "sandbox",
    "person_hmac",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'ufmi' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
