"""All implementations of SM2 and SM3 within reach agree with each other."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.crypto import Provider, Sm2PrivateKey, found, sm3_hex, verify_many

from .helpers import N, gmssl_digest, gmssl_sign, gmssl_verifies, key_of

MESSAGES = st.one_of(
    st.just(b""), st.binary(max_size=200), st.binary(min_size=1, max_size=8).map(lambda b: b * 4096)
)
KEYS = st.one_of(
    st.sampled_from([1, 2, N // 2, N - 3, N - 2]), st.integers(min_value=1, max_value=N - 2)
).map(lambda number: Sm2PrivateKey(number.to_bytes(32, "big")))


def test_the_provider_that_needs_no_go_is_found() -> None:
    assert "tongsuopy" in [one.name for one in found()]


@settings(deadline=None, max_examples=60)
@given(KEYS, MESSAGES)
def test_every_provider_verifies_what_every_other_signs(key: Sm2PrivateKey, message: bytes) -> None:
    for signing in found():
        signature = signing.sign(key.to_bytes(), message)
        public = key.public_key.to_bytes()
        for verifying in found():
            verdicts = verifying.verify_many(
                [(public, message, signature), (public, message + b"\0", signature)]
            )
            assert verdicts == [True, False], (signing.name, verifying.name)


@settings(deadline=None, max_examples=15)
@given(KEYS, st.binary(min_size=1, max_size=80))
def test_gmssl_agrees_on_signatures(key: Sm2PrivateKey, message: bytes) -> None:
    foreign = gmssl_sign(key, message)
    for one in found():
        assert one.verify_many([(key.public_key.to_bytes(), message, foreign)]) == [True], one.name
        r, s = decode_dss_signature(one.sign(key.to_bytes(), message))
        assert gmssl_verifies(key, message, r, s), one.name
        assert not gmssl_verifies(key, message + b"\0", r, s)


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=300))
def test_gmssl_agrees_on_digests(data: bytes) -> None:
    assert gmssl_digest(data) == sm3_hex(data)


@pytest.mark.parametrize("length", [0, 1, 54, 55, 56, 57, 63, 64, 65, 119, 120, 128])
def test_gmssl_agrees_on_digests_at_the_edges_of_a_block(length: int) -> None:
    assert gmssl_digest(b"a" * length) == sm3_hex(b"a" * length)


def test_two_signatures_over_one_message_differ(each_provider: Provider) -> None:
    """A repeated random number would give the private key away."""
    key = key_of("repeated").to_bytes()
    made = {decode_dss_signature(each_provider.sign(key, b"text")) for _ in range(20)}
    assert len({r for r, _ in made}) == len({s for _, s in made}) == 20


@settings(deadline=None, max_examples=25)
@given(st.lists(st.sampled_from(["good", "message", "key", "signature", "form"]), max_size=60))
def test_a_batch_gets_its_verdicts_in_order(wanted: list[str]) -> None:
    key, other = key_of("batch"), key_of("another")
    items = []
    for at, kind in enumerate(wanted):
        message = f"message {at}".encode()
        signature = key.sign(message)
        public = (other if kind == "key" else key).public_key.to_bytes()
        if kind == "message":
            message += b"!"
        elif kind == "signature":
            signature = key.sign(b"another")
        elif kind == "form":
            signature += b"\0"
        items.append((public, message, signature))
    expected = [kind == "good" for kind in wanted]
    assert verify_many(items) == expected
    # Again, with the good ones remembered.
    assert verify_many(items) == expected


def test_a_large_batch_gets_its_verdicts_in_order(each_provider: Provider) -> None:
    """Large enough to be spread over threads."""
    key = key_of("large")
    public, signature = key.public_key.to_bytes(), key.sign(b"text")
    items = [(public, b"text" if at % 3 else b"other", signature) for at in range(200)]
    assert each_provider.verify_many(items) == [bool(at % 3) for at in range(200)]
    assert verify_many(items) == [bool(at % 3) for at in range(200)]


def test_an_empty_batch_has_no_verdicts(each_provider: Provider) -> None:
    assert each_provider.verify_many([]) == []
    assert verify_many([]) == []
