"""The keyed digest of a person, and HMAC-SM3 itself."""

from __future__ import annotations

import pytest
from gmssl import sm3 as second  # type: ignore[import-untyped]
from hypothesis import given
from hypothesis import strategies as st

from ufmi.crypto import hmac_sm3, sm3
from ufmi.documents import person_hmac
from ufmi.errors import InvalidField

SECRET = b"secret of the market"


def other_sm3(data: bytes) -> bytes:
    return bytes.fromhex(second.sm3_hash(list(data)))


@given(st.binary(max_size=150), st.binary(max_size=150))
def test_hmac_is_that_of_rfc_2104(key: bytes, data: bytes) -> None:
    short = (other_sm3(key) if len(key) > 64 else key).ljust(64, b"\0")
    inner = other_sm3(bytes(byte ^ 0x36 for byte in short) + data)
    outer = other_sm3(bytes(byte ^ 0x5C for byte in short) + inner)
    assert hmac_sm3(key, data) == outer


def test_one_person_is_always_the_same() -> None:
    found = person_hmac(SECRET, 1, "11010519491231002X")
    assert len(bytes.fromhex(found)) == 32
    for written in (" 11010519491231002x", "110105 19491231 002X", "１１０１０５19491231002Ｘ"):
        assert person_hmac(SECRET, 1, written) == found


def test_others_are_others() -> None:
    found = {
        person_hmac(SECRET, 1, "11010519491231002X"),
        person_hmac(SECRET, 2, "11010519491231002X"),
        person_hmac(SECRET, 1, "110105194912310021"),
        person_hmac(SECRET, 11, "1010519491231002X"),
        person_hmac(SECRET, 1, "11010519491231002X", organisation=True),
        person_hmac(SECRET + b"!", 1, "11010519491231002X"),
        sm3(b"11010519491231002X").hex(),
    }
    assert len(found) == 7


def test_what_gives_no_protection_is_refused() -> None:
    with pytest.raises(InvalidField, match="secret"):
        person_hmac(b"short", 1, "1")
    for number in ("", "  ", "1" * 600, "\ud800"):
        with pytest.raises(InvalidField, match="id_number"):
            person_hmac(SECRET, 1, number)
    with pytest.raises(InvalidField, match="id_type"):
        person_hmac(SECRET, -1, "1")
