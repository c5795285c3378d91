"""By what the market recognises a person without knowing him: a keyed digest (7.3.1).

A plain digest of an identity number could be guessed, since there are few of them; a salted one
would never be the same twice. So every broker of a market uses the market's one secret.
"""

from __future__ import annotations

import unicodedata

from ufmi.crypto import hmac_sm3
from ufmi.errors import InvalidField

SECRET_BYTES_MIN = 16
_NUMBER_MAX = 512


def person_hmac(secret: bytes, id_type: int, id_number: str, *, organisation: bool = False) -> str:
    """HMAC-SM3 of an identity document under the market's secret (hex): `person` of X1.

    Blanks, full-width forms and lower-case letters in the number make no difference.

    Args:
        secret: at least 16 bytes, known to the brokers of the market only.
        id_type: `subject_id_type` of a person; `type` of an organisation's identity document.

    Raises:
        InvalidField: the secret is too short, or the number is empty or too long.
    """
    if len(secret) < SECRET_BYTES_MIN:
        raise InvalidField("secret", f"has to have {SECRET_BYTES_MIN} bytes or more")
    if id_type < 0:
        raise InvalidField("id_type", "is not a type of identity documents")
    number = "".join(unicodedata.normalize("NFKC", id_number).split()).upper()
    if not number or len(number) > _NUMBER_MAX:
        raise InvalidField("id_number", f"has to have 1 to {_NUMBER_MAX} characters")
    about = "organisation" if organisation else "person"
    try:
        said = f"{about}\n{id_type}\n{number}".encode()
    except UnicodeError as problem:
        raise InvalidField("id_number", "is not Unicode") from problem
    return hmac_sm3(secret, said).hex()
