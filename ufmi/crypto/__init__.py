"""SM2, SM3 and SM4: keys, signatures, digests, addresses, digital envelopes."""

from ufmi.crypto._choice import found, provider, use
from ufmi.crypto._provider import Provider, Signed
from ufmi.crypto._verify import SignatureCache, cache, verify_many
from ufmi.crypto.address import address_of, is_address
from ufmi.crypto.envelope import open_envelope, seal_envelope
from ufmi.crypto.keys import (
    SIGNER_ID_DEFAULT,
    Signer,
    SignFunction,
    Sm2PrivateKey,
    Sm2PublicKey,
)
from ufmi.crypto.sm3 import hmac_sm3, sm3, sm3_hex

__all__ = [
    "SIGNER_ID_DEFAULT",
    "Provider",
    "SignFunction",
    "SignatureCache",
    "Signed",
    "Signer",
    "Sm2PrivateKey",
    "Sm2PublicKey",
    "address_of",
    "cache",
    "found",
    "hmac_sm3",
    "is_address",
    "open_envelope",
    "provider",
    "seal_envelope",
    "sm3",
    "sm3_hex",
    "use",
    "verify_many",
]
