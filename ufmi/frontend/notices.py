"""What UFMI sends, numbered for each party and proven by one signature a block.

The numbers follow from the blocks alone: a party's first delivery on the ledger is its 1, the next
its 2, in the order of blocks and, within a block, of `deliveries_of`. So whoever has the blocks
derives the same numbers, and a party that missed some sees it by the gap. All that one party gets
from one block is a bundle; the front-end signs a list of the digests of a block's bundles.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import msgspec

from ufmi.crypto import Sm2PublicKey, sm3_hex
from ufmi.errors import BadReceipt, CryptoError
from ufmi.frontend.deliveries import Delivery, deliveries_of
from ufmi.ledger import Block
from ufmi.protocol.kinds import (
    Amount,
    AmountOrZero,
    Digest,
    Kind,
    Sender,
    UserOrNone,
    list_of,
    same,
)
from ufmi.protocol.message import Form, form, struct_kind

# A block is at most 64 MB; a delivery has at least the size of an empty text.
BUNDLES_MAX = 1_000_000

_Text = Annotated[str, Kind(same, same)]


@form("NOTICE")
class Notice(Form, frozen=True):
    """One delivery with its number: its text, and the sender's signature where it is forwarded."""

    network: Digest
    to: Sender
    number: Amount
    block: AmountOrZero
    content: _Text
    signature: _Text
    unified: UserOrNone


class Bundled(msgspec.Struct, frozen=True):
    """One bundle in a block's list: whose, its first and last number, SM3 of its text."""

    party: Sender
    first: Amount
    last: Amount
    digest: Digest


# None of the parts needs an escape, so the list is written at once.
_BUNDLED = Kind(
    lambda items: ";".join([f"{one.party}:{one.first}:{one.last}:{one.digest}" for one in items]),
    list_of(struct_kind(Bundled), BUNDLES_MAX, least=1).read,
)


@form("NOTICES")
class Notices(Form, frozen=True):
    """What the front-end signs for a block: the digests of all its bundles, ordered by party."""

    network: Digest
    block: AmountOrZero
    hash: Digest  # of the block's header
    bundles: Annotated[tuple[Bundled, ...], _BUNDLED]


class Bundle(msgspec.Struct, frozen=True):
    """All that one party gets from one block, in order."""

    network: str
    party: str
    deliveries: tuple[Delivery, ...]  # with their numbers

    @property
    def first(self) -> int:
        return self.deliveries[0].number

    @property
    def last(self) -> int:
        return self.deliveries[-1].number

    def text(self) -> str:
        """A NOTICE a line; its SM3 stands in the block's list."""
        return "\n".join([self._notice(one).text() for one in self.deliveries])

    def _notice(self, one: Delivery) -> Notice:
        signature = one.line.signature if one.line else ""
        return Notice(self.network, one.to, one.number, one.block, one.text, signature, one.unified)

    @property
    def entry(self) -> Bundled:
        """The bundle as its block's list names it."""
        return Bundled(self.party, self.first, self.last, sm3_hex(self.text().encode()))


class SignedBundle(msgspec.Struct, frozen=True):
    """A bundle with the proof that the front-end sent it. As JSON it can be kept and shown."""

    bundle: Bundle
    notices: Notices
    signature: str  # hex of DER, over the text of `notices`

    def verify(self, frontend_key: Sm2PublicKey) -> None:
        """Checks that the front-end signed exactly this bundle.

        Raises:
            BadReceipt: it did not, or something was changed.
        """
        bundle, notices = self.bundle, self.notices
        if not bundle.deliveries:
            raise BadReceipt("the bundle is empty")
        for at, one in enumerate(bundle.deliveries):
            if (one.to, one.block) != (bundle.party, notices.block):
                raise BadReceipt("a delivery is another party's, or another block's")
            if one.number != bundle.first + at:
                raise BadReceipt("the bundle's numbers have a gap")
            if one.line is not None and one.line.text != one.text:
                raise BadReceipt("a forwarded message is not the one that its sender signed")
        if bundle.network != notices.network or bundle.entry not in notices.bundles:
            raise BadReceipt("the signed list does not hold this bundle")
        try:
            signature = bytes.fromhex(self.signature)
            frontend_key.verify(signature, notices.text().encode())
        except (CryptoError, ValueError) as problem:
            raise BadReceipt("the signature is not the front-end's") from problem


def bundles_of(network: str, block: Block, last_number: Callable[[str], int]) -> list[Bundle]:
    """The bundles of a block, ordered by party.

    Args:
        network: the network's digest.
        last_number: the highest number that a party has from earlier blocks; 0 if it has none.
    """
    sent: dict[str, list[Delivery]] = {}
    for delivery in deliveries_of(block):
        sent.setdefault(delivery.to, []).append(delivery)
    bundles = []
    for party in sorted(sent):
        start = last_number(party) + 1
        numbered = [replace(one, number=start + at) for at, one in enumerate(sent[party])]
        bundles.append(Bundle(network, party, tuple(numbered)))
    return bundles


def list_of_block(network: str, block: Block, bundles: list[Bundle]) -> Notices:
    """What the front-end signs for a block that has bundles."""
    entries = tuple([bundle.entry for bundle in bundles])
    return Notices(network, block.number, block.hash.hex(), entries)
