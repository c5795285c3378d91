"""Digital envelopes: data that only the holders of some SM2 keys can read.

A fresh SM4 key encrypts the data in Galois/counter mode, and SM2 encrypts that key to every
recipient. An envelope is one JSON document of one canonical form; docs/envelope.md describes it.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Callable, Sequence

import msgspec

from ufmi.crypto import _sm4
from ufmi.crypto.keys import Sm2PrivateKey, Sm2PublicKey
from ufmi.crypto.sm3 import sm3
from ufmi.errors import DecryptionFailed, EnvelopeError

FORM = "ufmi-envelope-1"
DATA_BYTES_MAX = 16 * 1024 * 1024
ASSOCIATED_BYTES_MAX = 64 * 1024
RECIPIENTS_MAX = 100
ENVELOPE_BYTES_MAX = 24 * 1024 * 1024  # base64 makes the data longer by a third
_COMMITMENT_DOMAIN = b"ufmi envelope key"


class _Recipient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who can open it: his key's address, and the content key encrypted to him."""

    address: str
    key: bytes


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All but the content. The tag of the content covers it."""

    form: str
    recipients: list[_Recipient]
    # Of the content key, so that no sealer can have two recipients read two different contents.
    commitment: bytes
    nonce: bytes


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    header: _Header
    content: bytes


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Envelope)


def seal_envelope(
    data: bytes,
    recipients: Sequence[Sm2PublicKey],
    aad: bytes = b"",
    random_bytes: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """Seals data for one or several recipients.

    An envelope does not tell who sealed it: sign it, or its content, where that matters.

    Args:
        data: at most 16 MiB.
        recipients: 1 to 100 different keys; each of them opens the envelope alone.
        aad: at most 64 KiB that belong to the data and do not travel in the envelope; who opens it
            has to give the same.
        random_bytes: makes the content key and the nonce. What SM2 needs of random numbers comes
            from the provider in any case.

    Raises:
        EnvelopeError: over one of these limits, or a key twice.
    """
    addresses = [key.address for key in recipients]
    if not 1 <= len(addresses) <= RECIPIENTS_MAX or len(set(addresses)) < len(addresses):
        raise EnvelopeError(f"an envelope has 1 to {RECIPIENTS_MAX} different recipients")
    if len(data) > DATA_BYTES_MAX or len(aad) > ASSOCIATED_BYTES_MAX:
        raise EnvelopeError(
            f"an envelope takes at most {DATA_BYTES_MAX} bytes of data and"
            f" {ASSOCIATED_BYTES_MAX} of associated data"
        )
    content_key, nonce = random_bytes(_sm4.KEY_BYTES), random_bytes(_sm4.NONCE_BYTES)
    header = _Header(
        form=FORM,
        recipients=[_Recipient(key.address, key.encrypt(content_key)) for key in recipients],
        commitment=_commitment(content_key),
        nonce=nonce,
    )
    content = _sm4.encrypt(content_key, nonce, data, _associated(header, aad))
    return _encoder.encode(_Envelope(header, content))


def open_envelope(raw: bytes, key: Sm2PrivateKey, aad: bytes = b"") -> bytes:
    """The data of an envelope that was sealed for this key, among others perhaps.

    Raises:
        EnvelopeError: whatever is wrong: not an envelope in its one form, not sealed for this key,
            any byte of it changed, or other associated data.
    """
    header, content = _parse(raw)
    address = key.public_key.address
    wrapped = [one.key for one in header.recipients if one.address == address]
    if not wrapped:
        raise EnvelopeError(f"the envelope was not sealed for {address}")
    try:
        content_key = key.decrypt(wrapped[0])
        fits = hmac.compare_digest(_commitment(content_key), header.commitment)
        if not fits or len(content_key) != _sm4.KEY_BYTES:
            raise DecryptionFailed("another content key than the envelope names")
        return _sm4.decrypt(content_key, header.nonce, content, _associated(header, aad))
    except DecryptionFailed as problem:
        raise EnvelopeError(
            f"the envelope does not open: {problem.message}",
            hint="Have it sent again, and give the same associated data that it was sealed with",
        ) from problem


def _parse(raw: bytes) -> tuple[_Header, bytes]:
    """Raises EnvelopeError for anything but the canonical form."""
    if len(raw) > ENVELOPE_BYTES_MAX:
        raise EnvelopeError(f"an envelope has at most {ENVELOPE_BYTES_MAX} bytes")
    try:
        envelope = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise EnvelopeError(f"not an envelope: {problem}") from problem
    header = envelope.header
    if header.form != FORM:
        raise EnvelopeError(f"not an envelope of the form {FORM}")
    # One form for one envelope: no other spelling of it has the same meaning.
    canonical = _encoder.encode(envelope) == raw
    if not canonical or len(header.nonce) != _sm4.NONCE_BYTES:
        raise EnvelopeError("not an envelope in its canonical form")
    if not 1 <= len(header.recipients) <= RECIPIENTS_MAX:
        raise EnvelopeError(f"an envelope has 1 to {RECIPIENTS_MAX} recipients")
    return header, envelope.content


def _commitment(content_key: bytes) -> bytes:
    return sm3(_COMMITMENT_DOMAIN + content_key)


def _associated(header: _Header, aad: bytes) -> bytes:
    """The header and the caller's data, so that no byte can pass from one to the other."""
    encoded = _encoder.encode(header)
    return len(encoded).to_bytes(8, "big") + encoded + aad
