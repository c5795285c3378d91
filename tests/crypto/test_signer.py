from __future__ import annotations

from typing import Any

import pytest

from ufmi.crypto import Signer
from ufmi.errors import CryptoError, InvalidSignature

from .helpers import key_of

KEY = key_of("signer")


class ModuleError(Exception):
    """What the library of a hardware module may raise: an exception of its own."""


def test_a_signer_of_a_key_signs() -> None:
    signer = Signer.of(KEY)
    KEY.public_key.verify(signer.sign(b"text"), b"text")
    assert signer.public_key == KEY.public_key
    assert signer.address == KEY.public_key.address


def test_a_function_may_sign() -> None:
    asked = []

    def module(message: bytes) -> bytes:
        asked.append(message)
        return KEY.sign(message)

    KEY.public_key.verify(Signer(KEY.public_key, module).sign(b"text"), b"text")
    assert asked == [b"text"]


@pytest.mark.parametrize(
    "problem",
    [
        OSError("unplugged"),
        RuntimeError("locked"),
        ValueError("bad"),
        TypeError("bad"),
        KeyError("no such key"),
        ModuleError("CKR_DEVICE_REMOVED"),
    ],
)
def test_a_failing_function_is_a_crypto_error(problem: Exception) -> None:
    def fail(message: bytes) -> bytes:
        raise problem

    with pytest.raises(CryptoError) as caught:
        Signer(KEY.public_key, fail).sign(b"text")
    assert caught.value.__cause__ is problem


def test_the_function_of_another_key_is_noticed() -> None:
    with pytest.raises(InvalidSignature):
        Signer(KEY.public_key, key_of("another").sign).sign(b"text")


@pytest.mark.parametrize("returned", [b"", b"\0" * 64, b"\0" * 500, None, "30440220", 7])
def test_a_function_that_returns_no_signature_is_a_crypto_error(returned: Any) -> None:
    with pytest.raises(CryptoError):
        Signer(KEY.public_key, lambda _: returned).sign(b"text")


def test_an_interruption_is_not_swallowed() -> None:
    def interrupt(message: bytes) -> bytes:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Signer(KEY.public_key, interrupt).sign(b"text")
