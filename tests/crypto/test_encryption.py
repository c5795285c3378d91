"""SM2 encryption and SM4: the standards' examples, agreement of all implementations, refusals."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.crypto import Provider, Sm2PrivateKey, Sm2PublicKey, _ciphertext, _sm4, found
from ufmi.errors import CryptoError, DecryptionFailed

from .helpers import N, gmssl_of, integer, key_of, sequence, shortest
from .test_vectors import PRIVATE

# GB/T 32918.5, annex C: the recommended curve, the key of its signature example.
PLAIN = b"encryption standard"
C1 = (
    "04"
    "04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73"
    "e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"
)
C3 = "59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"
C2 = "21886ca989ca9c7d58087307ca93092d651efa"
RAW = bytes.fromhex(C1 + C3 + C2)
# The same as GM/T 0009 has it.
DER = bytes.fromhex(f"307c0220{C1[2:66]}022100{C1[66:]}0420{C3}0413{C2}")

# GB/T 32907, annex A.
SM4_KEY = bytes.fromhex("0123456789abcdeffedcba9876543210")

KEY = key_of("reader")
SECRET = b"0123456789abcdef"
KEYS = st.one_of(
    st.sampled_from([1, 2, N // 2, N - 3, N - 2]), st.integers(min_value=1, max_value=N - 2)
).map(lambda number: Sm2PrivateKey(number.to_bytes(32, "big")))
DATA = st.binary(min_size=16, max_size=1_024)


def test_the_standards_ciphertext_decrypts(each_provider: Provider) -> None:
    key = Sm2PrivateKey.from_hex(PRIVATE)
    assert key.decrypt(DER) == PLAIN
    assert each_provider.decrypt(key.to_bytes(), DER) == PLAIN


def test_a_second_implementation_decrypts_the_standards_ciphertext() -> None:
    assert gmssl_of(Sm2PrivateKey.from_hex(PRIVATE)).decrypt(RAW[1:]) == PLAIN


def test_the_two_forms_of_a_ciphertext_translate_into_each_other() -> None:
    assert _ciphertext.raw_to_der(RAW) == DER
    assert _ciphertext.der_to_raw(DER) == RAW


@settings(deadline=None, max_examples=60)
@given(KEYS, DATA)
def test_every_provider_decrypts_what_every_other_encrypts(key: Sm2PrivateKey, data: bytes) -> None:
    for encrypting in found():
        der = encrypting.encrypt(key.public_key.to_bytes(), data)
        raw = _ciphertext.der_to_raw(der)
        assert _ciphertext.raw_to_der(raw) == der
        assert len(raw) == 97 + len(data)
        for decrypting in found():
            assert decrypting.decrypt(key.to_bytes(), der) == data


@settings(deadline=None, max_examples=15)
@given(KEYS, st.binary(min_size=16, max_size=16))
def test_gmssl_agrees_on_ciphertexts(key: Sm2PrivateKey, data: bytes) -> None:
    der = _ciphertext.raw_to_der(b"\x04" + gmssl_of(key).encrypt(data))
    for one in found():
        assert one.decrypt(key.to_bytes(), der) == data, one.name
        made = one.encrypt(key.public_key.to_bytes(), data)
        assert gmssl_of(key).decrypt(_ciphertext.der_to_raw(made)[1:]) == data, one.name


def test_two_ciphertexts_of_one_secret_differ(each_provider: Provider) -> None:
    made = {_ciphertext.der_to_raw(KEY.public_key.encrypt(SECRET))[:65] for _ in range(20)}
    assert len(made) == 20


def test_several_threads_use_one_key_at_once(each_provider: Provider) -> None:
    """With refusals among them, whose errors must not show in another call."""
    good = [KEY.public_key.encrypt(SECRET) for _ in range(8)]

    def read(number: int) -> bytes | None:
        der = good[number % 8]
        try:
            return KEY.decrypt(der[:-1] + bytes([der[-1] ^ number % 2]))
        except DecryptionFailed:
            return None

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, range(400))) == [SECRET, None] * 200


def test_every_flipped_bit_of_a_ciphertext_is_found(each_provider: Provider) -> None:
    der = KEY.public_key.encrypt(SECRET)
    for at in range(len(der) * 8):
        changed = bytearray(der)
        changed[at // 8] ^= 1 << at % 8
        with pytest.raises(DecryptionFailed):
            KEY.decrypt(bytes(changed))


def test_another_key_does_not_decrypt(each_provider: Provider) -> None:
    with pytest.raises(DecryptionFailed, match="UFMI-1005"):
        key_of("other").decrypt(KEY.public_key.encrypt(SECRET))


X, Y = shortest(int(C1[2:66], 16)), shortest(int(C1[66:], 16))
HASH, HIDDEN = b"\x04\x20" + bytes.fromhex(C3), b"\x04\x13" + bytes.fromhex(C2)
BAD = {
    "empty": b"",
    "one byte": b"\x30",
    "only a head": b"\x30\x7c",
    "its raw form": RAW,
    "something behind it": DER + b"\0",
    "cut": DER[:-1],
    "a point off the curve": sequence(integer(X), integer(shortest(5)), HASH, HIDDEN),
    "the point at infinity": sequence(integer(b"\0"), integer(b"\0"), HASH, HIDDEN),
    "a negative coordinate": sequence(integer(X), integer(Y[1:]), HASH, HIDDEN),
    "an integer that is not the shortest": sequence(integer(b"\0" + X), integer(Y), HASH, HIDDEN),
    "a coordinate over 256 bits": sequence(integer(b"\1" + bytes(32)), integer(Y), HASH, HIDDEN),
    "an empty coordinate": sequence(integer(b""), integer(Y), HASH, HIDDEN),
    "a short hash": sequence(integer(X), integer(Y), b"\x04\x1f" + HASH[3:], HIDDEN),
    "nothing hidden": sequence(integer(X), integer(Y), HASH, b"\x04\x00"),
    "too little hidden": sequence(integer(X), integer(Y), HASH, b"\x04\x0f" + bytes(15)),
    "one part more": sequence(integer(X), integer(Y), HASH, HIDDEN, HIDDEN[:1]),
    "hash and secret exchanged": sequence(integer(X), integer(Y), HIDDEN, HASH),
    "length in its long form": b"\x30\x81\x7c" + DER[2:],
    "length without an end": b"\x30\x80" + DER[2:] + b"\0\0",
    "a length of many bytes": b"\x30\x88" + b"\xff" * 8 + DER[2:],
    "too long": _ciphertext._tagged(
        0x30, integer(X) + integer(Y) + HASH + _ciphertext._tagged(0x04, bytes(1_025))
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_ciphertext_is_refused(each_provider: Provider, name: str) -> None:
    assert not _ciphertext.is_ciphertext(BAD[name])
    with pytest.raises(DecryptionFailed):
        Sm2PrivateKey.from_hex(PRIVATE).decrypt(BAD[name])


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.binary(max_size=300), st.binary(max_size=200).map(lambda tail: DER[:9] + tail)))
def test_hostile_ciphertexts_are_refused_and_nothing_else(data: bytes) -> None:
    for one in found():
        if _ciphertext.is_ciphertext(data):
            with pytest.raises(DecryptionFailed):
                one.decrypt(KEY.to_bytes(), data)
        else:
            with pytest.raises(DecryptionFailed):
                KEY.decrypt(data)


@pytest.mark.parametrize("data", [b"", bytes(15), bytes(1_025)])
def test_what_is_not_a_short_secret_is_not_encrypted(each_provider: Provider, data: bytes) -> None:
    with pytest.raises(CryptoError, match="16 to 1024 bytes"):
        KEY.public_key.encrypt(data)


def test_the_longest_and_the_shortest_secret(each_provider: Provider) -> None:
    for size in (16, 1_024):
        assert KEY.decrypt(KEY.public_key.encrypt(b"s" * size)) == b"s" * size


def test_a_key_read_from_its_file_decrypts(each_provider: Provider) -> None:
    public = Sm2PublicKey.from_pem(KEY.public_key.to_pem())
    assert Sm2PrivateKey.from_pem(KEY.to_pem()).decrypt(public.encrypt(SECRET)) == SECRET


def test_sm4_gives_the_standards_block() -> None:
    """GB/T 32907, A.1: a block encrypted under the key that equals it, here as a counter."""
    encryptor = Cipher(algorithms.SM4(SM4_KEY), modes.CTR(SM4_KEY)).encryptor()
    assert encryptor.update(bytes(16)).hex() == "681edf34d206965e86b3e94f536e4246"


def test_sm4_in_galois_counter_mode_gives_the_example_of_rfc_8998() -> None:
    """RFC 8998, A.1."""
    nonce = bytes.fromhex("00001234567800000000abcd")
    associated = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    data = b"".join(bytes.fromhex(digit * 16) for digit in "abcdefea")
    sealed = bytes.fromhex(
        "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
        "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
        "83de3541e4c2b58177e065a9bf7b62ec"
    )
    assert _sm4.encrypt(SM4_KEY, nonce, data, associated) == sealed
    assert _sm4.decrypt(SM4_KEY, nonce, sealed, associated) == data
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(DecryptionFailed):
            _sm4.decrypt(SM4_KEY, nonce, bytes(changed), associated)
    for at in (15, 0):
        with pytest.raises(DecryptionFailed):
            _sm4.decrypt(SM4_KEY, nonce, sealed[:at], associated)
