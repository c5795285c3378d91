from __future__ import annotations

import copy
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.crypto import Sm2PrivateKey, Sm2PublicKey
from ufmi.errors import CryptoError, InvalidKey, InvalidSignature, WrongPassword

from .helpers import N, key_of

KEY = key_of("file")
FOREIGN = {
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "P-384": ec.generate_private_key(ec.SECP384R1()),
    "P-521": ec.generate_private_key(ec.SECP521R1()),
    "secp256k1": ec.generate_private_key(ec.SECP256K1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
    "RSA": rsa.generate_private_key(65537, 2048),
}
# Opens a key file a few thousand times slower than none: a few examples are enough.
PASSWORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def _private_pem(name: str, password: bytes | None = None) -> bytes:
    protection = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    return FOREIGN[name].private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
    )


def test_a_key_survives_pem_without_a_password() -> None:
    pem = KEY.to_pem()
    assert pem.startswith(b"-----BEGIN PRIVATE KEY-----\n")
    assert Sm2PrivateKey.from_pem(pem).to_bytes() == KEY.to_bytes()


@settings(deadline=None, max_examples=10)
@given(PASSWORDS)
def test_a_key_survives_pem_with_a_password(password: str) -> None:
    pem = KEY.to_pem(password)
    assert pem.startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    assert Sm2PrivateKey.from_pem(pem, password).to_bytes() == KEY.to_bytes()
    with pytest.raises(WrongPassword):
        Sm2PrivateKey.from_pem(pem, password + "x")


def test_missing_wrong_and_needless_passwords_are_told() -> None:
    protected, open_ = KEY.to_pem("right"), KEY.to_pem()
    for pem, password in [(protected, None), (protected, "wrong"), (open_, "right")]:
        with pytest.raises(WrongPassword):
            Sm2PrivateKey.from_pem(pem, password)


@pytest.mark.parametrize("garbage", [b"", b"\xff\xfe", b"not a key", b"\0" * 500])
def test_garbage_is_no_key(garbage: bytes, tmp_path: Path) -> None:
    with pytest.raises(InvalidKey):
        Sm2PrivateKey.from_pem(garbage)
    with pytest.raises(InvalidKey):
        Sm2PublicKey.from_pem(garbage)
    (tmp_path / "key.pem").write_bytes(garbage)
    with pytest.raises(InvalidKey):
        Sm2PrivateKey.load(tmp_path / "key.pem")


@settings(deadline=None, max_examples=100)
@given(st.integers(min_value=0), st.binary(min_size=1, max_size=3))
def test_a_damaged_file_gives_one_of_our_errors_or_the_key(at: int, put: bytes) -> None:
    pem = KEY.to_pem()
    at %= len(pem)
    try:
        Sm2PrivateKey.from_pem(pem[:at] + put + pem[at + len(put) :])
    except CryptoError as problem:
        assert KEY.to_hex() not in str(problem)


@pytest.mark.parametrize("name", FOREIGN)
def test_a_key_of_another_curve_or_kind_is_refused(name: str) -> None:
    with pytest.raises(InvalidKey):
        Sm2PrivateKey.from_pem(_private_pem(name))
    public = FOREIGN[name].public_key()
    with pytest.raises(InvalidKey):
        Sm2PublicKey.from_pem(
            public.public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )


@pytest.mark.parametrize("name", ["P-256", "Ed25519"])
def test_the_right_password_of_a_foreign_key_is_not_called_wrong(name: str) -> None:
    with pytest.raises(InvalidKey):
        Sm2PrivateKey.from_pem(_private_pem(name, b"right"), "right")


def test_public_and_private_files_are_not_mistaken_for_each_other() -> None:
    with pytest.raises(InvalidKey):
        Sm2PrivateKey.from_pem(KEY.public_key.to_pem())
    with pytest.raises(InvalidKey):
        Sm2PublicKey.from_pem(KEY.to_pem())


def test_a_public_key_survives_all_its_forms() -> None:
    public = KEY.public_key
    for other in (
        Sm2PublicKey(public.to_bytes()),
        Sm2PublicKey.from_hex(public.to_hex()),
        Sm2PublicKey.from_pem(public.to_pem()),
    ):
        assert other == public
        assert hash(other) == hash(public)
        assert other.address == public.address
    assert public != key_of("another").public_key
    assert public != public.to_bytes()


@pytest.mark.parametrize("number", [0, N - 1, N, N + 1, 2**256 - 1])
def test_a_private_key_out_of_range_is_refused(number: int) -> None:
    with pytest.raises(InvalidKey):
        Sm2PrivateKey(number.to_bytes(32, "big"))


@pytest.mark.parametrize("number", [1, N - 2])
def test_the_ends_of_the_range_are_keys(number: int) -> None:
    key = Sm2PrivateKey(number.to_bytes(32, "big"))
    key.public_key.verify(key.sign(b"text"), b"text")


@pytest.mark.parametrize("text", ["", "zz", "01", "0" * 64, "f" * 64, "11" * 31, "11" * 33, "é"])
def test_a_private_key_in_hex_needs_its_64_digits(text: str) -> None:
    with pytest.raises(InvalidKey):
        Sm2PrivateKey.from_hex(text)


def test_generate_takes_the_first_number_in_range() -> None:
    offered = iter([bytes(32), b"\xff" * 32, N.to_bytes(32, "big"), KEY.to_bytes()])
    assert Sm2PrivateKey.generate(lambda _: next(offered)).to_bytes() == KEY.to_bytes()
    assert Sm2PrivateKey.generate().to_bytes() != Sm2PrivateKey.generate().to_bytes()


def test_a_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    KEY.save(path, "password")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Sm2PrivateKey.load(path, "password").to_bytes() == KEY.to_bytes()


def test_save_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    KEY.save(path)
    with pytest.raises(FileExistsError):
        key_of("second").save(path)
    assert Sm2PrivateKey.load(path).to_bytes() == KEY.to_bytes()
    dangling = tmp_path / "link.pem"
    dangling.symlink_to(tmp_path / "elsewhere.pem")
    with pytest.raises(FileExistsError):
        KEY.save(dangling)


@pytest.mark.parametrize("password", ["a" * 5000, "\ud800"])
def test_a_password_that_cannot_be_used_leaves_no_file(password: str, tmp_path: Path) -> None:
    with pytest.raises(CryptoError):
        KEY.save(tmp_path / "key.pem", password)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_password_does_not_leave_the_key_open(tmp_path: Path) -> None:
    """Whoever passes a password, even an empty one, wants the file protected."""
    with pytest.raises(CryptoError):
        KEY.save(tmp_path / "key.pem", "")
    with pytest.raises(CryptoError):
        KEY.to_pem("")


def test_a_private_value_does_not_show() -> None:
    value = int(KEY.to_hex(), 16)
    shown = f"{KEY!r} {KEY!s} {[KEY]} {copy.copy(KEY)!r}"
    assert KEY.to_hex() not in shown.lower()
    assert str(value) not in shown
    assert KEY.public_key.address in shown
    with pytest.raises(InvalidKey) as caught:
        Sm2PrivateKey(KEY.to_bytes() + b"\x01")
    assert KEY.to_hex() not in f"{caught.value!r} {caught.value}"


def test_a_signature_that_does_not_fit_is_an_error() -> None:
    KEY.public_key.verify(KEY.sign(b"text"), b"text")
    with pytest.raises(InvalidSignature):
        KEY.public_key.verify(KEY.sign(b"text"), b"other")
