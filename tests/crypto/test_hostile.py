"""What an attacker may send as key or signature is refused alike, whichever provider computes."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.crypto import Provider, Sm2PublicKey, found, use, verify_many
from ufmi.errors import InvalidKey, InvalidSignature

from .helpers import A, B, N, P, integer, key_of, root, sequence, shortest

MESSAGE = b"Y1(a text)"
KEY = key_of("victim")
PUBLIC = KEY.public_key.to_bytes()
X, Y = PUBLIC[1:33], PUBLIC[33:]


def _signature() -> bytes:
    """A signature whose r and s both have the top bit set: their DER is 33 bytes each."""
    while True:
        made = KEY.sign(MESSAGE)
        if all(number >> 255 for number in decode_dss_signature(made)):
            return made


GOOD = _signature()
R, S = decode_dss_signature(GOOD)


def _unreduced() -> bytes:
    """A point of the curve with its x written as x + p, which still fits into 32 bytes."""
    for x in range(1000):
        y = root(x**3 + A * x + B)
        if y is not None:
            return b"\x04" + (x + P).to_bytes(32, "big") + y.to_bytes(32, "big")
    raise AssertionError("no such point")


def _twisted() -> bytes:
    """A coordinate pair whose x is of no point of the curve."""
    x = next(x for x in range(1000) if root(x**3 + A * x + B) is None)
    return b"\x04" + x.to_bytes(32, "big") + Y


BAD_KEYS = {
    "empty": b"",
    "point at infinity, one byte": b"\x00",
    "point at infinity, padded": bytes(65),
    "point at infinity, as coordinates": b"\x04" + bytes(64),
    "compressed": bytes([2 + Y[-1] % 2]) + X,
    "compressed, padded": bytes([2 + Y[-1] % 2]) + X + bytes(32),
    "hybrid": bytes([6 + Y[-1] % 2]) + X + Y,
    "without its first byte": X + Y,
    "another first byte": b"\x05" + X + Y,
    "too short": PUBLIC[:-1],
    "too long": PUBLIC + b"\x00",
    "off the curve": b"\x04" + X + bytes(Y[:-1]) + bytes([Y[-1] ^ 1]),
    "coordinates swapped": b"\x04" + Y + X,
    "x of no point": _twisted(),
    "x not reduced": _unreduced(),
    "x = p": b"\x04" + P.to_bytes(32, "big") + Y,
    "y = p": b"\x04" + X + P.to_bytes(32, "big"),
    "all ones": b"\x04" + b"\xff" * 64,
}

r, s = shortest(R), shortest(S)
BAD_FORMS = {
    "empty": b"",
    "trailing byte": GOOD + b"\x00",
    "trailing byte inside": sequence(integer(r), integer(s), b"\x00"),
    "third integer": sequence(integer(r), integer(s), integer(b"\x01")),
    "one integer": sequence(integer(r)),
    "no integer": sequence(),
    "no sequence": integer(r) + integer(s),
    "a set": b"\x31" + GOOD[1:],
    "negative r": sequence(integer(r[1:]), integer(s)),
    "negative s": sequence(integer(r), integer(s[1:])),
    "padded r": sequence(integer(b"\x00" + r), integer(s)),
    "padded s": sequence(integer(r), integer(b"\x00" + s)),
    "integer of no bytes": sequence(integer(b""), integer(s)),
    "long length of the sequence": b"\x30\x81" + GOOD[1:],
    "longer length of the sequence": b"\x30\x82\x00" + GOOD[1:],
    "long length of an integer": sequence(b"\x02\x81\x21" + r, integer(s)),
    "indefinite length": b"\x30\x80" + GOOD[2:] + b"\x00\x00",
    "length too small": b"\x30" + bytes([GOOD[1] - 1]) + GOOD[2:],
    "length too large": b"\x30" + bytes([GOOD[1] + 1]) + GOOD[2:],
    "r and s without DER": R.to_bytes(32, "big") + S.to_bytes(32, "big"),
    "far too long": sequence(integer(b"\x01" * 40), integer(b"\x01" * 40)),
    "enormous": b"\x30" * 100_000,
}

RANGE = [0, N, N + 1, 2**256 - 1]
BAD_NUMBERS = {
    **{f"r = {name:x}": (name, S) for name in RANGE},
    **{f"s = {name:x}": (R, name) for name in RANGE},
    "both 0": (0, 0),
    "both 1": (1, 1),
    "swapped": (S, R),
    "r + n": (R + N, S),
    "s + n": (R, S + N),
    "minus s, as ECDSA would take it": (R, N - S),
    "r + s = n": (R, N - R),
    "r + s = n with small r": (1, N - 1),
}


def test_the_good_signature_is_good(each_provider: Provider) -> None:
    assert verify_many([(PUBLIC, MESSAGE, GOOD)]) == [True]
    assert sequence(integer(r), integer(s)) == GOOD


@pytest.mark.parametrize("name", BAD_KEYS)
def test_what_is_no_public_key_is_refused(name: str, each_provider: Provider) -> None:
    assert verify_many([(BAD_KEYS[name], MESSAGE, GOOD)]) == [False]
    with pytest.raises(InvalidKey):
        Sm2PublicKey(BAD_KEYS[name])
    with pytest.raises(InvalidKey):
        Sm2PublicKey.from_hex(BAD_KEYS[name].hex())


@pytest.mark.parametrize("name", BAD_FORMS)
def test_what_is_not_the_one_der_form_is_refused(name: str, each_provider: Provider) -> None:
    assert verify_many([(PUBLIC, MESSAGE, BAD_FORMS[name])]) == [False]
    with pytest.raises(InvalidSignature):
        KEY.public_key.verify(BAD_FORMS[name], MESSAGE)


@pytest.mark.parametrize("name", BAD_NUMBERS)
def test_numbers_that_cannot_be_a_signature_are_refused(name: str, each_provider: Provider) -> None:
    signature = encode_dss_signature(*BAD_NUMBERS[name])
    assert verify_many([(PUBLIC, MESSAGE, signature)]) == [False]


def test_a_truncated_signature_is_refused(each_provider: Provider) -> None:
    parts = [(PUBLIC, MESSAGE, GOOD[:length]) for length in range(len(GOOD))]
    assert not any(verify_many(parts))


def test_other_message_or_other_key_is_refused(each_provider: Provider) -> None:
    other = key_of("attacker").public_key.to_bytes()
    assert verify_many([(other, MESSAGE, GOOD), (PUBLIC, MESSAGE + b" ", GOOD)]) == [False, False]
    negated = b"\x04" + X + (P - int.from_bytes(Y, "big")).to_bytes(32, "big")
    assert verify_many([(negated, MESSAGE, GOOD), (PUBLIC, b"", GOOD)]) == [False, False]


def test_every_single_bit_of_a_signature_counts(each_provider: Provider) -> None:
    items = []
    for at in range(len(GOOD) * 8):
        flipped = bytearray(GOOD)
        flipped[at // 8] ^= 1 << at % 8
        items.append((PUBLIC, MESSAGE, bytes(flipped)))
    assert not any(verify_many(items))


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=90), st.binary(max_size=80), st.binary(max_size=90))
def test_arbitrary_bytes_are_refused_without_an_error(
    key: bytes, message: bytes, signature: bytes
) -> None:
    items = [(key, message, signature), (PUBLIC, message, signature), (PUBLIC, MESSAGE, signature)]
    for one in found():
        use(one.name)
        assert verify_many(items) == [False, False, False]


@settings(deadline=None, max_examples=50)
@given(st.integers(min_value=1, max_value=N - 1), st.integers(min_value=1, max_value=N - 1))
def test_guessed_numbers_in_range_are_refused_by_all(guess_r: int, guess_s: int) -> None:
    signature = encode_dss_signature(guess_r, guess_s)
    for one in found():
        assert one.verify_many([(PUBLIC, MESSAGE, signature)]) == [False], one.name
