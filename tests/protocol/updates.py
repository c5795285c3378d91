"""More valid forms, as in `builders`: updates of accounts and assets, questions, governance."""

from __future__ import annotations

from typing import Any

from ufmi.protocol.assets import P2, P3, P2Registry, P2Result, P2Update, P3Result
from ufmi.protocol.governance import Activate, Changed, Possess, Possession, Rotate, Status
from ufmi.protocol.users import (
    X2,
    X3,
    Consent,
    Consented,
    X2Bank,
    X2Registry,
    X2Result,
    X2Update,
    X3Result,
)

from .builders import (
    ASSET,
    BANK,
    BROKER,
    DIGEST,
    NETWORK,
    REGISTRY,
    REGISTRY_ASSET,
    USER,
    VALID_UNTIL,
    address,
    bind,
    key,
    proof,
    public,
)


def ours(sender: str) -> dict[str, Any]:
    return {"network": NETWORK, "sender": sender, "valid_until": VALID_UNTIL}


def consent(**changes: Any) -> Consent:
    """The owner of wallet 1 agrees to what `x2` changes."""
    fields = {"network": NETWORK, "valid_until": VALID_UNTIL, "ag": BROKER, "tx": "X2-1"}
    fields |= {"unified": USER, "remove": (address(2),), "add": (public(3),), "key": public(1)}
    return Consent(**{**fields, **changes})


def consented(of: Consent | None = None, name: str | int = 1) -> Consented:
    of = of or consent(key=public(name))
    return Consented(of, key(name).sign(of.text().encode()).hex())


def x2(**changes: Any) -> X2:
    """Wallet 3 comes in the place of wallet 2."""
    if "add" not in changes:
        changes["add"] = (proof(bind(tx="X2-1", key=public(3)), 3),)
    if "consent" not in changes:
        changes["consent"] = (consented(),)
    fields = {"tx": "X2-1", "ag": BROKER, "unified": USER, "remove": (address(2),)}
    return X2(**{**fields, **ours(BROKER), "bank": BANK, "registry": REGISTRY, **changes})


def _update_answer(sender: str) -> dict[str, Any]:
    fields = {"tx": "X2-1", **ours(sender), "ag": BROKER, "unified": USER, "accepted": True}
    addresses = (address(2), address(3))
    return {**fields, "answered": DIGEST, "addresses": addresses, "document": DIGEST}


def x2_bank(**changes: Any) -> X2Bank:
    return X2Bank(**{**_update_answer(BANK), "bank_user": "k-1", **changes})


def x2_registry(**changes: Any) -> X2Registry:
    return X2Registry(**{**_update_answer(REGISTRY), "registry_user": "r-1", **changes})


def x2_update(**changes: Any) -> X2Update:
    documents = {"document": DIGEST, "bank_document": DIGEST, "registry_document": ""}
    fields = {"tx": "X2-1", "unified": USER, **documents, **ours(BROKER), "answered": DIGEST}
    return X2Update(**{**fields, **changes})


def x2_result(**changes: Any) -> X2Result:
    return X2Result(
        **{"tx": "X2-1", "unified": USER, "code": "OK", "ag": BROKER, "addresses": (), **changes}
    )


def x3(**changes: Any) -> X3:
    fields = {"tx": "X3-1", "ag": BROKER, "unified": USER, "broker_user": "", **ours(BROKER)}
    return X3(**{**fields, **changes})


def x3_result(**changes: Any) -> X3Result:
    fields = {"tx": "X3-1", "unified": USER, "code": "OK", "ag": BROKER}
    return X3Result(**{**fields, "account": '{"id":"L000000001","accounts":[]}', **changes})


def p2(**changes: Any) -> P2:
    fields = {"tx": "P2-1", "ag": BROKER, "registry_asset": REGISTRY_ASSET, **ours(BROKER)}
    return P2(**{**fields, "bank": BANK, "registry": REGISTRY, **changes})


def p2_registry(**changes: Any) -> P2Registry:
    fields = {"tx": "P2-1", "registry_asset": REGISTRY_ASSET, **ours(REGISTRY), "ag": BROKER}
    fields |= {"accepted": True, "answered": DIGEST, "name": "A new name, 乙", "document": DIGEST}
    return P2Registry(**{**fields, **changes})


def p2_update(**changes: Any) -> P2Update:
    fields = {"tx": "P2-1", "asset": ASSET, **ours(BROKER), "answered": DIGEST}
    return P2Update(**{**fields, "name": "A new name, 乙", "document": DIGEST, **changes})


def p2_result(**changes: Any) -> P2Result:
    fields = {"tx": "P2-1", "asset": ASSET, "name": "A new name, 乙", "code": "OK", "ag": BROKER}
    return P2Result(**{**fields, **changes})


def p3(**changes: Any) -> P3:
    fields = {"tx": "P3-1", "ag": BROKER, "asset": ASSET, "bank": BANK, **ours(BROKER)}
    return P3(**{**fields, **changes})


def p3_result(**changes: Any) -> P3Result:
    fields = {"tx": "P3-1", "asset": ASSET, "code": "OK", "ag": BROKER}
    return P3Result(**{**fields, "information": '{"asset":{},"marks":[]}', **changes})


def possess(**changes: Any) -> Possess:
    fields = {"network": NETWORK, "valid_until": VALID_UNTIL, "tx": "ROTATE-1", "subject": BANK}
    return Possess(**{**fields, "key": public("new bank"), **changes})


def possession(of: Possess | None = None, name: str | int = "new bank") -> Possession:
    of = of or possess(key=public(name))
    return Possession(of, key(name).sign(of.text().encode()).hex())


def rotate(**changes: Any) -> Rotate:
    if "proof" not in changes:
        changes["proof"] = (possession(),)
    fields = {"tx": "ROTATE-1", "subject": BANK, "key": public("bank"), "certificate": ""}
    return Rotate(**{**fields, **ours(BANK), **changes})


def status(**changes: Any) -> Status:
    fields = {"tx": "STATUS-1", "kind": "PARTY", "subject": BANK, "status": "FROZEN"}
    return Status(**{**fields, **ours("NREGULATO001"), **changes})


def changed(**changes: Any) -> Changed:
    return Changed(**{"kind": "PARTY", "subject": BANK, "status": "FROZEN", **changes})


def activate(**changes: Any) -> Activate:
    return Activate(**{"tx": "ACTIVATE-1", "rules": 2, **ours(address("operator")), **changes})
