"""Valid forms, one function each: call without arguments for an example, or change fields by name.

    builders.y1(amount=0)

The cast is fixed: one market, one broker, bank, registry, matcher and operator, and wallets by
number. Nothing is checked when a form is made, so that broken ones can be made as well. More are
in `updates` and `transfers`; `examples` has one of every form.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Any

from ufmi.crypto import Signer, Sm2PrivateKey, sm3_hex
from ufmi.protocol import Side
from ufmi.protocol.assets import P1, P1Registry, P1Result
from ufmi.protocol.codes import asset_code, mark_code
from ufmi.protocol.funds import Y1, Y1Locked, Y1Result
from ufmi.protocol.governance import Admit, Ended, Expire, Outcome, Revoke
from ufmi.protocol.holdings import Z1, Z1Locked, Z1Result
from ufmi.protocol.orders import S1, Order, OrderReference, S1Result
from ufmi.protocol.settlement import T1, Leg, T1Result
from ufmi.protocol.users import X1, Bind, Proof, X1Bank, X1Registry, X1Result

NETWORK = sm3_hex(b"a network")
MARKET = "MXDEM"
BROKER = "NBROKERCN001"
OTHER_BROKER = "NBROKERCN002"
BANK = "NBANKSACN001"
REGISTRY = "NREGISTRY001"
MATCHER = "NMATCHERS001"
OTHER_MATCHER = "NMATCHERS002"
USER = "L000000001"
REGISTRY_ASSET = "600001"
ASSET = asset_code(REGISTRY, REGISTRY_ASSET)
MARK = mark_code(BANK, "CNY")
VALID_UNTIL = 1_900_000_000_000
DIGEST = sm3_hex(b"a text")


@cache
def key(name: str | int) -> Sm2PrivateKey:
    """The same key for the same name, in every run."""
    return Sm2PrivateKey(sha256(f"key {name}".encode()).digest())


def public(name: str | int) -> str:
    return key(name).public_key.to_hex()


def address(name: str | int) -> str:
    return key(name).public_key.address


def signer(name: str | int) -> Signer:
    return Signer.of(key(name))


def bind(**changes: Any) -> Bind:
    fields = {"network": NETWORK, "valid_until": VALID_UNTIL, "ag": BROKER, "tx": "X1-1"}
    return Bind(**{**fields, "user": "b-1", "key": public(1), **changes})


def proof(of: Bind | None = None, name: str | int = 1) -> Proof:
    of = of or bind(key=public(name))
    return Proof(of, key(name).sign(of.text().encode()).hex())


def x1(**changes: Any) -> X1:
    fields = {
        "tx": "X1-1",
        "ag": BROKER,
        "broker_user": "b-1",
        "bank_user": "k-1",
        "registry_user": "r-1",
        "network": NETWORK,
        "sender": BROKER,
        "valid_until": VALID_UNTIL,
        "bank": BANK,
        "registry": REGISTRY,
        "document": DIGEST,
        "person": sm3_hex(b"a person"),
        "unified": "",
    }
    if "proofs" not in changes:
        changes["proofs"] = (proof(),)
    return X1(**{**fields, **changes})


def x1_bank(**changes: Any) -> X1Bank:
    fields = {
        "tx": "X1-1",
        "bank_user": "k-1",
        "network": NETWORK,
        "sender": BANK,
        "valid_until": VALID_UNTIL,
        "ag": BROKER,
        "unified": USER,
        "accepted": True,
        "answered": DIGEST,
        "document": "",
    }
    return X1Bank(**{**fields, **changes})


def x1_registry(**changes: Any) -> X1Registry:
    fields = {
        "tx": "X1-1",
        "registry_user": "r-1",
        "network": NETWORK,
        "sender": REGISTRY,
        "valid_until": VALID_UNTIL,
        "ag": BROKER,
        "unified": USER,
        "accepted": True,
        "answered": DIGEST,
        "document": DIGEST,
    }
    return X1Registry(**{**fields, **changes})


def x1_result(**changes: Any) -> X1Result:
    return X1Result(**{"tx": "X1-1", "unified": USER, "code": "OK", "ag": BROKER, **changes})


def p1(**changes: Any) -> P1:
    fields = {
        "tx": "P1-1",
        "ag": BROKER,
        "registry_asset": REGISTRY_ASSET,
        "bank": BANK,
        "network": NETWORK,
        "sender": BROKER,
        "valid_until": VALID_UNTIL,
        "registry": REGISTRY,
        "currency": "CNY",
    }
    return P1(**{**fields, **changes})


def p1_registry(**changes: Any) -> P1Registry:
    fields = {
        "tx": "P1-1",
        "registry_asset": REGISTRY_ASSET,
        "network": NETWORK,
        "sender": REGISTRY,
        "valid_until": VALID_UNTIL,
        "ag": BROKER,
        "accepted": True,
        "answered": DIGEST,
        "name": "A share, 甲",
        "asset_class": "EQUITY",
        "decimals": 0,
        "currency": "CNY",
        "document": DIGEST,
    }
    return P1Registry(**{**fields, **changes})


def p1_result(**changes: Any) -> P1Result:
    fields = {"tx": "P1-1", "asset": ASSET, "code": "OK", "ag": BROKER, "mark": MARK}
    return P1Result(**{**fields, **changes})


def y1(**changes: Any) -> Y1:
    fields = {
        "tx": "Y1-1",
        "ag": BROKER,
        "bank": BANK,
        "unified": USER,
        "broker_user": "b-1",
        "bank_user": "k-1",
        "currency": "CNY",
        "amount": 100_00,
        "unit": 2,
        "address": address(1),
        "network": NETWORK,
        "sender": BROKER,
        "valid_until": VALID_UNTIL,
    }
    return Y1(**{**fields, **changes})


def y1_locked(**changes: Any) -> Y1Locked:
    fields = {
        "tx": "Y1-1",
        "locked": True,
        "network": NETWORK,
        "sender": BANK,
        "valid_until": VALID_UNTIL,
        "ag": BROKER,
        "address": address(1),
        "mark": MARK,
        "amount": 100_00,
        "answered": DIGEST,
    }
    return Y1Locked(**{**fields, **changes})


def y1_result(**changes: Any) -> Y1Result:
    fields = {"tx": "Y1-1", "code": "OK", "mark": MARK, "quantity": 100_00, "cash": 100_00}
    return Y1Result(**{**fields, "ag": BROKER, **changes})


def z1(**changes: Any) -> Z1:
    fields = {
        "tx": "Z1-1",
        "ag": BROKER,
        "broker_user": "b-2",
        "unified": USER,
        "address": address(2),
        "registry_asset": REGISTRY_ASSET,
        "quantity": 500,
        "network": NETWORK,
        "sender": address(2),
        "valid_until": VALID_UNTIL,
        "registry": REGISTRY,
    }
    return Z1(**{**fields, **changes})


def z1_locked(**changes: Any) -> Z1Locked:
    fields = {
        "tx": "Z1-1",
        "locked": True,
        "network": NETWORK,
        "sender": REGISTRY,
        "valid_until": VALID_UNTIL,
        "ag": BROKER,
        "address": address(2),
        "asset": ASSET,
        "quantity": 500,
        "answered": DIGEST,
    }
    return Z1Locked(**{**fields, **changes})


def z1_result(**changes: Any) -> Z1Result:
    fields = {"tx": "Z1-1", "code": "OK", "asset": ASSET, "quantity": 500, "address": address(2)}
    return Z1Result(**{**fields, **changes})


def order(**changes: Any) -> Order:
    fields = {
        "number": "O-1",
        "asset_class": "EQUITY",
        "asset": ASSET,
        "side": Side.BUY,
        "network": NETWORK,
        "valid_until": VALID_UNTIL,
        "address": address(1),
        "key": public(1),
        "price": 10_00,
        "quantity": 10,
        "currency": "CNY",
        "matchers": (MATCHER,),
        "broadcast": False,
    }
    return Order(**{**fields, **changes})


def s1(of: Order | None = None, name: str | int = 1, **changes: Any) -> S1:
    """S1 that publishes `of`, signed by the wallet `name`."""
    of = of or order(address=address(name), key=public(name))
    fields = {
        "tx": "S1-1",
        "number": of.number,
        "asset_class": of.asset_class,
        "asset": of.asset,
        "side": of.side,
        "network": NETWORK,
        "sender": MATCHER,
        "valid_until": VALID_UNTIL,
        "market": MARKET,
        "order": of,
    }
    if "signature" not in changes:
        changes["signature"] = key(name).sign(of.text().encode()).hex()
    return S1(**{**fields, **changes})


def s1_result(**changes: Any) -> S1Result:
    fields = {"tx": "S1-1", "legal": True, "broadcast": False, "adopters": (), "number": "O-1"}
    return S1Result(**{**fields, "code": "OK", **changes})


def reference(side: Side, name: str | int, number: str = "O-1") -> OrderReference:
    return OrderReference(number, "EQUITY", ASSET, side, address(name))


def t1(**changes: Any) -> T1:
    fields = {
        "tx": "T1-1",
        "orders": (reference(Side.BUY, 1), reference(Side.SELL, 2, "O-2")),
        "quantity": 10,
        "price": 10_00,
        "trade_time": VALID_UNTIL - 1,
        "network": NETWORK,
        "sender": MATCHER,
        "valid_until": VALID_UNTIL,
        "market": MARKET,
        "legs": (Leg(0, 1, 10, 10_00),),
    }
    return T1(**{**fields, **changes})


def t1_result(**changes: Any) -> T1Result:
    return T1Result(**{"tx": "T1-1", "code": "OK", "quantity": 10, "detail": "", **changes})


def admit(**changes: Any) -> Admit:
    fields = {
        "tx": "ADMIT-1",
        "party": BANK,
        "role": "BANK",
        "market": "",
        "name": "First bank, 甲",
        "key": public("bank"),
        "network": NETWORK,
        "sender": address("operator"),
        "valid_until": VALID_UNTIL,
    }
    return Admit(**{**fields, **changes})


def revoke(**changes: Any) -> Revoke:
    fields = {
        "tx": "REVOKE-1",
        "subject": BANK,
        "key": public("bank"),
        "network": NETWORK,
        "sender": BANK,
        "valid_until": VALID_UNTIL,
    }
    return Revoke(**{**fields, **changes})


def expire(**changes: Any) -> Expire:
    fields = {
        "tx": "EXPIRE-1",
        "kind": "ORDER",
        "owner": address(1),
        "number": "O-1",
        "network": NETWORK,
        "sender": address("front-end"),
        "valid_until": VALID_UNTIL,
        "side": "SELL",
        "asset": ASSET,
    }
    return Expire(**{**fields, **changes})


def outcome(**changes: Any) -> Outcome:
    return Outcome(**{"tx": "ADMIT-1", "message": "ADMIT", "code": "PENDING", **changes})


def ended(**changes: Any) -> Ended:
    return Ended(**{"kind": "ORDER", "owner": address(1), "number": "O-1", **changes})
