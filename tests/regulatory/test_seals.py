"""Seals of owners over snapshots."""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocol import builders
from ufmi.errors import InvalidSeal, MalformedObject
from ufmi.regulatory import canonical, check, read, seal, signed_bytes, verify_seals

from . import world

ONE, OTHER = builders.signer("owner"), builders.signer("other owner")


@pytest.mark.parametrize("name", world.NAMES)
def test_sealed_snapshots_pass_and_can_be_verified(name: str) -> None:
    bare = world.load(name)
    bare["header"].pop("seal", None)
    sealed = seal(seal(bare, ONE), OTHER)
    assert "seal" not in bare["header"]
    assert check(sealed) == []
    assert verify_seals(sealed) == (ONE.public_key, OTHER.public_key)
    # Written and read again, in whatever order and with whatever blanks, it is the same.
    assert verify_seals(read(canonical(sealed))) == (ONE.public_key, OTHER.public_key)
    assert signed_bytes(sealed) == signed_bytes(bare)


def test_sealing_again_replaces_the_own_seal() -> None:
    sealed = seal(seal(seal(world.load("01"), ONE), OTHER), ONE)
    assert verify_seals(sealed) == (OTHER.public_key, ONE.public_key)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("header/remark", "x"),
        ("header/content/version", 1),
        ("body/settlement", {}),
        ("header/seal/0/signature", "00"),
        ("header/seal/0/signature", "zz"),
        ("header/seal/0/signature", None),
        ("header/seal/0/digest_algo", "SHA256"),
        ("header/seal/0/pub_key", "x"),
        ("header/seal/0/pub_key/type", "RSA"),
        ("header/seal/0/pub_key/value", OTHER.public_key.to_hex()),
        ("header/seal/0/pub_key/value", "04"),
        ("header/seal/0", 5),
        ("header/seal", []),
        ("header/seal", None),
        ("header/seal", [{}] * 17),
    ],
)
def test_any_change_breaks_the_seal(path: str, value: Any) -> None:
    sealed = seal(world.load("14"), ONE)
    above, _, last = path.rpartition("/")
    target = world.at(sealed, above)
    target[int(last) if isinstance(target, list) else last] = value
    with pytest.raises(InvalidSeal):
        verify_seals(sealed)


def test_one_key_has_one_seal() -> None:
    sealed = seal(world.load("14"), ONE)
    sealed["header"]["seal"] *= 2
    with pytest.raises(InvalidSeal):
        verify_seals(sealed)


def test_a_single_seal_without_array_can_be_verified() -> None:
    sealed = seal(world.load("14"), ONE)
    (sealed["header"]["seal"],) = sealed["header"]["seal"]
    assert verify_seals(sealed) == (ONE.public_key,)


def test_placeholders_are_no_seals() -> None:
    with pytest.raises(InvalidSeal):
        verify_seals(world.load("02"))
    with pytest.raises(InvalidSeal):
        verify_seals({})


def test_seals_have_a_limit_and_need_exact_numbers() -> None:
    sealed = world.load("14")
    for number in range(16):
        sealed = seal(sealed, builders.signer(f"owner {number}"))
    assert len(verify_seals(sealed)) == 16
    with pytest.raises(InvalidSeal):
        seal(sealed, ONE)
    with pytest.raises(MalformedObject):
        seal(world.changed("14", "header/metadata", {"x": 0.5}), ONE)
