"""Seals: the owners' SM2 signatures over a snapshot, in `header.seal`."""

from __future__ import annotations

from typing import Any

from ufmi.crypto import Signer, Sm2PublicKey, sm3_hex, verify_many
from ufmi.errors import InvalidKey, InvalidSeal
from ufmi.regulatory.text import Object, canonical

SEALS_MAX = 16


def signed_bytes(snapshot: Object) -> bytes:
    """What a seal covers: the canonical bytes of the snapshot without `header.seal`.

    Raises:
        MalformedObject: the snapshot cannot be kept exactly in JSON.
    """
    header = {name: value for name, value in _header(snapshot).items() if name != "seal"}
    return canonical({**snapshot, "header": header})


def content_digest(snapshot: Object) -> str:
    """SM3 of what a seal covers: the same whoever sealed it. Raises MalformedObject."""
    return sm3_hex(signed_bytes(snapshot))


def seal(snapshot: Object, signer: Signer) -> Object:
    """The snapshot with this signer's seal; an earlier one by the same key is replaced.

    Raises:
        MalformedObject: the snapshot cannot be kept exactly in JSON.
        InvalidSeal: there would be more than SEALS_MAX seals.
        CryptoError: the signer fails.
    """
    key = signer.public_key.to_hex()
    others = [one for one in _seals(snapshot) if _value(one) != key]
    if len(others) >= SEALS_MAX:
        raise InvalidSeal(f"a snapshot has at most {SEALS_MAX} seals")
    mine = {
        "pub_key": {"type": "SM2", "value": key},
        "digest_algo": "SM3",
        "signature": signer.sign(signed_bytes(snapshot)).hex(),
    }
    return {**snapshot, "header": {**_header(snapshot), "seal": [*others, mine]}}


def verify_seals(snapshot: Object) -> tuple[Sm2PublicKey, ...]:
    """The keys that sealed a snapshot, in their order. Whose they are the caller must know.

    Raises:
        InvalidSeal: there is none, one does not hold, or a key has two.
        MalformedObject: the snapshot cannot be kept exactly in JSON.
    """
    seals = _seals(snapshot)
    if not 1 <= len(seals) <= SEALS_MAX:
        raise InvalidSeal(f"a sealed snapshot has 1 to {SEALS_MAX} seals, not {len(seals)}")
    message = signed_bytes(snapshot)
    read = [_read(index, one) for index, one in enumerate(seals)]
    keys = tuple(key for key, _ in read)
    if len(set(keys)) != len(keys):
        raise InvalidSeal("one key has sealed twice")
    fits = verify_many([(key.to_bytes(), message, signature) for key, signature in read])
    for index, fit in enumerate(fits):
        if not fit:
            raise InvalidSeal(f"/header/seal/{index} does not fit key and snapshot")
    return keys


def _read(index: int, one: Any) -> tuple[Sm2PublicKey, bytes]:
    place = f"/header/seal/{index}"
    if not isinstance(one, dict) or one.get("digest_algo") != "SM3":
        raise InvalidSeal(f"{place} is not a seal over SM3")
    key = one.get("pub_key")
    if not isinstance(key, dict) or key.get("type") != "SM2":
        raise InvalidSeal(f"{place}/pub_key is not a key of SM2")
    try:
        return Sm2PublicKey.from_hex(_value(one)), bytes.fromhex(str(one.get("signature")))
    except (InvalidKey, ValueError) as problem:
        raise InvalidSeal(f"{place} is not a key and signature in hexadecimal digits") from problem


def _value(one: Any) -> str:
    key = one.get("pub_key") if isinstance(one, dict) else None
    return str(key.get("value")).lower() if isinstance(key, dict) else ""


def _header(snapshot: Object) -> Object:
    header = snapshot.get("header")
    if not isinstance(header, dict):
        raise InvalidSeal("the snapshot has no header")
    return header


def _seals(snapshot: Object) -> list[Any]:
    found = _header(snapshot).get("seal")
    if found is None:
        return []
    # The standard calls it a collection; who has one signer may have left the array out.
    return found if isinstance(found, list) else [found]
