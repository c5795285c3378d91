"""Opens the relay of a data folder, with everything that it needs around it.

DIR/relay      what it has folded so far; it can be deleted
DIR/snapshots  bodies of report objects, unless another store is named
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from ufmi.crypto import Signer, Sm2PublicKey
from ufmi.datafolder import Ledger
from ufmi.errors import InvalidField, LedgerError
from ufmi.frontend.documents import Documents
from ufmi.ledger import Gateway
from ufmi.regulatory.builders import Builder
from ufmi.regulatory.store import open_store
from ufmi.relay.bodies import Bodies, Store
from ufmi.relay.csrb import CHANNEL, Csrb, relay_identity, relay_key
from ufmi.relay.fold import MakeBuilder
from ufmi.relay.queue import Limits
from ufmi.relay.relay import Relay
from ufmi.system import RandomBytes

FOLDER, SNAPSHOTS = "relay", "snapshots"


def open_csrb(ledger: Ledger) -> Csrb:
    """The regulatory channel as its relay sees it. Raises NotFound where there is none."""
    return Csrb(Gateway(ledger, relay_identity(ledger)).network(CHANNEL))


def open_relay(
    data: Path,
    ledger: Ledger,
    *,
    folder: Path | None = None,
    store: Store | None = None,
    make_builder: MakeBuilder | None = None,
    limits: Limits | None = None,
    password: str | None = None,
    random_bytes: RandomBytes = os.urandom,
) -> Relay:
    """The relay of a data folder. Close it before the ledger.

    Args:
        folder: where it works, for a second relay beside the first.
        store: where bodies are kept; the data folder by default.

    Raises:
        NotFound: the ledger has no regulatory channel.
        CryptoError: the relay's key cannot be read.
        LedgerInUse: a relay works in the folder.
        LedgerError: the key is not one that the channel knows.
    """
    csrb = open_csrb(ledger)
    parameters = csrb.parameters()
    signer = Signer.of(relay_key(data, password))
    if signer.public_key.to_hex() not in parameters.seal_keys:
        raise LedgerError(
            "the relay's key is not one that the regulatory channel knows",
            hint="Take the keys of the data folder that the channel was founded from",
        )
    regulator = Sm2PublicKey.from_hex(parameters.regulator_key)
    bodies = Bodies(store or open_store(data / SNAPSHOTS), signer, regulator, random_bytes)
    try:
        return Relay(
            csrb.network.gateway.network("udl"),
            csrb,
            folder or data / FOLDER,
            make_builder or builders(data),
            bodies,
            limits,
        )
    except BaseException:
        bodies.close()
        raise


def builders(data: Path) -> MakeBuilder:
    """Makes builders that read the documents of a data folder's front-end."""
    kept = Documents(data / "frontend" / "documents")

    def document(digest: str) -> bytes | Literal["erased"] | None:
        try:
            text = kept.get(digest)
            if text is not None:
                return text.encode()
            return "erased" if kept.tombstone(digest) else None
        except InvalidField:
            return None  # a message may name what no document can have

    def make(checkpoint: bytes | None) -> Builder:
        if checkpoint is None:
            return Builder(document)
        return Builder.resume(checkpoint, document)

    return make
