"""The front-end's SM2 key in a data folder, and its change for another.

DIR/keys/frontend.pem is the key in use. A new one waits in frontend-next.pem until the ledger has
accepted it, and then takes its place; a crash in between is put right at the next start.
"""

from __future__ import annotations

from pathlib import Path

from ufmi.crypto import Sm2PrivateKey
from ufmi.protocol import Role
from ufmi.protocol.records import Network
from ufmi.system import RandomBytes, sync_folder

_NAME, _NEXT = "frontend.pem", "frontend-next.pem"


def load(folder: Path, network: Network | None, password: str | None) -> Sm2PrivateKey:
    """The key that the ledger knows as the front-end's.

    Raises:
        CryptoError: it is not there or cannot be read.
    """
    keys = folder / "keys"
    key = Sm2PrivateKey.load(keys / _NAME, password)
    if network is None or not (keys / _NEXT).exists() or _valid(network, key):
        return key
    following = Sm2PrivateKey.load(keys / _NEXT, password)
    if not _valid(network, following):
        return key
    put_in_place(folder)
    return following


def _valid(network: Network, key: Sm2PrivateKey) -> bool:
    service = network.services.get(key.public_key.address)
    return service is not None and service.role == Role.FRONTEND and service.key.until == 0


def prepare(folder: Path, password: str | None, random_bytes: RandomBytes) -> Sm2PrivateKey:
    """A new key beside the one in use; the same one again after a change that was interrupted."""
    path = folder / "keys" / _NEXT
    if not path.exists():
        Sm2PrivateKey.generate(random_bytes).save(path, password)
    return Sm2PrivateKey.load(path, password)


def put_in_place(folder: Path) -> None:
    """The new key becomes the one in use."""
    keys = folder / "keys"
    (keys / _NEXT).replace(keys / _NAME)
    sync_folder(keys)
