"""Arrival receipts: proof of when a message arrived, signed by the front-end.

One signature covers all messages of one sync of the journal; each receipt carries the list.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

from ufmi.crypto import Sm2PublicKey, sm3_hex
from ufmi.errors import BadReceipt, CryptoError
from ufmi.protocol.kinds import Digest, Kind, Time, list_of
from ufmi.protocol.message import Form, form, struct_kind

GROUP_MAX = 1_000


class Arrived(msgspec.Struct, frozen=True):
    """One message of a group: number and time of arrival, SM3 of the text."""

    number: Time
    time: Time
    digest: Digest


# Digits and hexadecimal digits need no escapes, so the list is written at once.
_READ = list_of(struct_kind(Arrived), GROUP_MAX, least=1).read
_ARRIVED = Kind(
    lambda items: ";".join([f"{one.number}:{one.time}:{one.digest}" for one in items]), _READ
)


@form("RECEIPTS")
class Receipts(Form, frozen=True):
    """What the front-end signs: all arrivals of one sync."""

    network: Digest
    arrived: Annotated[tuple[Arrived, ...], _ARRIVED]


class Receipt(msgspec.Struct, frozen=True):
    """The receipt of one message. As JSON it can be kept and shown to anybody."""

    number: int
    time: int
    digest: str
    group: Receipts
    signature: str  # hex of DER, over the text of the group

    def verify(self, text: str, frontend_key: Sm2PublicKey) -> None:
        """Checks that the front-end took in this text as the receipt says.

        Raises:
            BadReceipt: it did not, or the receipt was changed.
        """
        if self.digest != sm3_hex(text.encode()):
            raise BadReceipt("the receipt is for another text")
        if Arrived(self.number, self.time, self.digest) not in self.group.arrived:
            raise BadReceipt("the signed list does not hold this arrival")
        try:
            signature = bytes.fromhex(self.signature)
            frontend_key.verify(signature, self.group.text().encode())
        except (CryptoError, ValueError) as problem:
            raise BadReceipt("the signature is not the front-end's") from problem
