"""More valid forms, as in `builders`: money paid out, orders and transfers that others follow."""

from __future__ import annotations

from typing import Any

from ufmi.protocol import Side
from ufmi.protocol.holdings import Z2, Z3, Z2Result
from ufmi.protocol.orders import (
    S2,
    S3,
    S4,
    Cancel,
    S2Cancelled,
    S2Removed,
    S2Result,
    S3Result,
    S4Adopted,
)
from ufmi.protocol.settlement import Leg, T1Settled
from ufmi.protocol.withdrawals import (
    Y2,
    Receive,
    ReceiveResult,
    Withdraw,
    Y2Burn,
    Y2Checked,
    Y2Credited,
    Y2Moved,
    Y2Received,
    Y2Result,
    Y2Status,
)

from .builders import (
    ASSET,
    BANK,
    BROKER,
    DIGEST,
    MARK,
    MATCHER,
    NETWORK,
    OTHER_MATCHER,
    REGISTRY,
    USER,
    VALID_UNTIL,
    address,
    bind,
    key,
    proof,
    public,
    reference,
)
from .updates import ours


def receive(**changes: Any) -> Receive:
    if "proof" not in changes:
        own = bind(ag=BANK, tx="RECEIVE-1", user=BANK, key=public("till"))
        changes["proof"] = (proof(own, "till"),)
    return Receive(**{"tx": "RECEIVE-1", **ours(BANK), **changes})


def receive_result(**changes: Any) -> ReceiveResult:
    fields = {"tx": "RECEIVE-1", "address": address("till"), "code": "OK"}
    return ReceiveResult(**{**fields, **changes})


def withdraw(**changes: Any) -> Withdraw:
    fields = {"number": "Y2-1", "network": NETWORK, "valid_until": VALID_UNTIL, "ag": BROKER}
    fields |= {"address": address(1), "key": public(1), "bank": BANK, "payee": DIGEST}
    return Withdraw(**{**fields, "currency": "CNY", "amount": 60_00, **changes})


def y2(of: Withdraw | None = None, name: str | int = 1, **changes: Any) -> Y2:
    """Y2 that carries `of`, signed by the wallet `name`."""
    of = of or withdraw(address=address(name), key=public(name))
    fields = {"tx": of.number, "ag": BROKER, "bank": BANK, "unified": USER, "broker_user": "b-1"}
    fields |= {"bank_user": "k-1", "currency": of.currency, "amount": of.amount, "unit": 2}
    fields |= {"address": of.address, **ours(BROKER), "marks": (MARK,), "order": of}
    if "signature" not in changes:
        changes["signature"] = key(name).sign(of.text().encode()).hex()
    return Y2(**{**fields, **changes})


def y2_checked(**changes: Any) -> Y2Checked:
    return Y2Checked(**{"tx": "Y2-1", "passed": True, "code": "PENDING", "ag": BROKER, **changes})


def y2_received(**changes: Any) -> Y2Received:
    fields = {"tx": "Y2-1", "mark": MARK, "quantity": 60_00, "cash": 60_00, "ag": BROKER}
    fields |= {"bank": BANK, "payee": DIGEST, "address": address(1), "answered": DIGEST}
    return Y2Received(**{**fields, **changes})


def _step(sender: str) -> dict[str, Any]:
    fields = {"tx": "Y2-1", **ours(sender), "ag": BROKER, "address": address(1)}
    return {**fields, "mark": MARK, "amount": 60_00, "answered": DIGEST}


def y2_burn(**changes: Any) -> Y2Burn:
    return Y2Burn(**{**_step(BANK), "burn": True, **changes})


def y2_moved(**changes: Any) -> Y2Moved:
    return Y2Moved(**{**_step(BANK), "moved": True, "attempt": 0, **changes})


def y2_credited(**changes: Any) -> Y2Credited:
    fields = {"paying": BANK, "received": True, "attempt": 0}
    return Y2Credited(**{**_step("NBANKSBCN001"), **fields, **changes})


def y2_status(**changes: Any) -> Y2Status:
    fields = {"tx": "Y2-1", "ag": BROKER, "mark": MARK, "code": "OK", "status": "BURNING"}
    fields |= {"bank": BANK, "address": address(1), "amount": 60_00, "answered": DIGEST}
    return Y2Status(**{**fields, **changes})


def y2_result(**changes: Any) -> Y2Result:
    fields = {"tx": "Y2-1", "code": "OK", "paid": 60_00, "returned": 0, "ag": BROKER}
    return Y2Result(**{**fields, "address": address(1), **changes})


def z2(**changes: Any) -> Z2:
    fields = {"tx": "Z2-1", "manager": REGISTRY, "asset": ASSET, **ours(REGISTRY)}
    return Z2(**{**fields, "subscribe": True, **changes})


def z2_result(**changes: Any) -> Z2Result:
    return Z2Result(**{"tx": "Z2-1", "allowed": True, "code": "OK", **changes})


def z3(**changes: Any) -> Z3:
    fields = {"tx": "T1-1", "asset": ASSET, "quantity": 10, "source": address(2)}
    fields |= {"target": address(1), "network": NETWORK, "matcher": MATCHER, "leg": 0}
    return Z3(**{**fields, **changes})


def _order(tx: str, side: Side) -> dict[str, Any]:
    return {"tx": tx, "number": "O-1", "asset_class": "EQUITY", "asset": ASSET, "side": side}


def s2(**changes: Any) -> S2:
    fields = {**_order("S2-1", Side.BUY), **ours(MATCHER), "address": address(1)}
    return S2(**{**fields, **changes})


def cancel(**changes: Any) -> Cancel:
    return Cancel(**{**_order("CANCEL-1", Side.SELL), **ours(address(1)), **changes})


def s2_result(**changes: Any) -> S2Result:
    return S2Result(**{"tx": "S2-1", "number": "O-1", "code": "OK", **changes})


def s2_cancelled(**changes: Any) -> S2Cancelled:
    fields = {**_order("S2-1", Side.BUY), "network": NETWORK, "by": MATCHER}
    return S2Cancelled(**{**fields, "address": address(1), **changes})


def s2_removed(**changes: Any) -> S2Removed:
    fields = {"tx": "S2-1", **ours(OTHER_MATCHER), "by": MATCHER, "address": address(1)}
    return S2Removed(**{**fields, "number": "O-1", **changes})


def s3(**changes: Any) -> S3:
    fields = {"tx": "S3-1", "manager": MATCHER, "asset_class": "EQUITY", "asset": "", "side": ""}
    return S3(**{**fields, **ours(MATCHER), "subscribe": True, **changes})


def s3_result(**changes: Any) -> S3Result:
    return S3Result(**{"tx": "S3-1", "allowed": True, "code": "OK", **changes})


def s4(**changes: Any) -> S4:
    fields = {**_order("S1-1", Side.BUY), "network": NETWORK, "publisher": MATCHER}
    fields |= {"address": address(1), "price": 10_00, "quantity": 10, "currency": "CNY"}
    return S4(**{**fields, "valid_until": VALID_UNTIL, **changes})


def s4_adopted(**changes: Any) -> S4Adopted:
    fields = {"tx": "S1-1", "adopted": True, **ours(OTHER_MATCHER), "publisher": MATCHER}
    return S4Adopted(**{**fields, "address": address(1), "number": "O-1", **changes})


def t1_settled(**changes: Any) -> T1Settled:
    orders = (reference(Side.BUY, 1), reference(Side.SELL, 2, "O-2"))
    fields = {"tx": "T1-1", "orders": orders, "quantity": 10, "price": 10_00}
    fields |= {"trade_time": VALID_UNTIL - 1, "network": NETWORK, "matcher": MATCHER}
    return T1Settled(**{**fields, "legs": (Leg(0, 1, 10, 10_00),), **changes})
