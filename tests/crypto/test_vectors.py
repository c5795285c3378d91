"""The examples that the standards print: GB/T 32905 for SM3, GB/T 32918.5 for SM2."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from ufmi.crypto import Provider, Sm2PrivateKey, Sm2PublicKey, sm3, sm3_hex, verify_many
from ufmi.crypto.keys import SIGNER_ID_DEFAULT

from .helpers import A, B, gmssl_digest, gmssl_sign, gmssl_verifies

# GB/T 32905, A.1 and A.2.
SM3_EXAMPLES = {
    b"abc": "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
    b"abcd" * 16: "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
}

# GB/T 32918.5, A.2: the recommended curve, the id 1234567812345678.
MESSAGE = b"message digest"
PRIVATE = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8"
X = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
Y = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
Z = "b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3"
E = "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"
K = "59276e27d506861a16680f3ad9c02dccef3cc1fa3cdbe4ce6d54b80deac1bc21"
R = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
S = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA
G = (
    "32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7"
    "bc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0"
)


@pytest.mark.parametrize("data", SM3_EXAMPLES)
def test_sm3_gives_the_standards_digests(data: bytes) -> None:
    assert sm3_hex(data) == SM3_EXAMPLES[data]
    assert sm3(data).hex() == SM3_EXAMPLES[data]
    assert gmssl_digest(data) == SM3_EXAMPLES[data]


def test_the_private_key_of_the_standard_has_its_public_key() -> None:
    assert Sm2PrivateKey.from_hex(PRIVATE).public_key.to_hex() == f"04{X}{Y}"


def test_sm3_gives_the_intermediate_digests_of_the_signature() -> None:
    length = (len(SIGNER_ID_DEFAULT) * 8).to_bytes(2, "big")
    curve = f"{A:064x}{B:064x}{G}{X}{Y}"
    assert sm3_hex(length + SIGNER_ID_DEFAULT + bytes.fromhex(curve)) == Z
    assert sm3_hex(bytes.fromhex(Z) + MESSAGE) == E


def test_the_standards_signature_verifies(each_provider: Provider) -> None:
    key, signature = Sm2PublicKey.from_hex(f"04{X}{Y}"), encode_dss_signature(R, S)
    key.verify(signature, MESSAGE)
    assert each_provider.verify_many([(key.to_bytes(), MESSAGE, signature)]) == [True]
    assert verify_many([(key.to_bytes(), MESSAGE + b".", signature)]) == [False]


def test_a_second_implementation_makes_the_standards_signature() -> None:
    key = Sm2PrivateKey.from_hex(PRIVATE)
    assert gmssl_sign(key, MESSAGE, K) == encode_dss_signature(R, S)
    assert gmssl_verifies(key, MESSAGE, R, S)
