"""Documents beside the texts: kept by their SM3, off the ledger, where they can be erased.

An erased document leaves a tombstone, so that it is known as erased and is not taken in again.
Several processes may read and erase in one folder; only the front-end keeps.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from ufmi.crypto import sm3_hex
from ufmi.errors import (
    DocumentErased,
    InvalidField,
    MalformedDocument,
    NotFound,
    StorageFailed,
    StoreCorrupted,
)
from ufmi.system import Clock, SystemClock, sync_folder, write_file

# What a line can carry at the very most.
KEPT_BYTES_MAX = 40_000
REASON_MAX = 500
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Tombstone(msgspec.Struct, frozen=True):
    """What stays of an erased document."""

    digest: str
    time: int  # milliseconds since 1970, UTC
    reason: str


class Kept(msgspec.Struct, frozen=True):
    """A document in the store, or what stays of one."""

    digest: str
    bytes: int  # 0 if erased
    erased: Tombstone | None = None


class Documents:
    """A folder of documents, each under its digest, and of tombstones."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self._folder = folder
        self._tombs = folder / "erased"
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()

    def recover(self) -> None:
        """Ends what a crash interrupted. Only for the one process that keeps documents."""
        self._make_folders()
        for folder in (self._folder, self._tombs):
            for left in folder.glob("*.new"):
                left.unlink(missing_ok=True)
        for digest in _names(self._tombs):
            self._remove(digest)

    def _make_folders(self) -> None:
        if not self._tombs.is_dir():
            self._tombs.mkdir(parents=True, exist_ok=True)
            sync_folder(self._folder)

    def keep(self, document: str) -> str:
        """Stores a document durably; returns its digest. What is kept already stays.

        Raises:
            DocumentErased: it was erased before.
            MalformedDocument: it is longer than any line may be, or not Unicode.
            StorageFailed: the disk is full or refuses.
        """
        try:
            raw = document.encode()
        except UnicodeError as problem:
            raise MalformedDocument("the document is not Unicode") from problem
        if len(raw) > KEPT_BYTES_MAX:
            raise MalformedDocument(f"the document has more than {KEPT_BYTES_MAX} bytes")
        digest = sm3_hex(raw)
        path = self._folder / digest
        with self._lock:
            self._refuse_erased(digest)
            if not path.exists():
                self._make_folders()
                write_file(path, raw)
                try:
                    # Another process may have erased it at the same moment.
                    self._refuse_erased(digest)
                except DocumentErased:
                    self._remove(digest)
                    raise
        return digest

    def _refuse_erased(self, digest: str) -> None:
        tombstone = self.tombstone(digest)
        if tombstone is not None:
            raise DocumentErased(f"document {digest} was erased: {tombstone.reason}")

    def get(self, digest: str) -> str | None:
        """The document with this SM3, or None if it was never given or was erased.

        Raises:
            InvalidField: not a digest.
            StoreCorrupted: what is on the disk is not this document.
        """
        path = self._folder / _checked(digest)
        if self.tombstone(digest) is not None:
            return None
        try:
            raw = path.read_bytes()
        except FileNotFoundError:
            return None
        if sm3_hex(raw) != digest:
            raise StoreCorrupted(f"{path} is not the document of its name")
        return raw.decode()

    def read(self, digest: str) -> str:
        """The document with this SM3.

        Raises:
            DocumentErased: it was here.
            NotFound: it was never given.
            InvalidField, StoreCorrupted: as `get`.
        """
        found = self.get(digest)
        if found is None:
            self._refuse_erased(digest)
            raise NotFound(f"there is no document {digest} here")
        return found

    def tombstone(self, digest: str) -> Tombstone | None:
        """When and why a document was erased; None if it was not. Raises StoreCorrupted."""
        path = self._tombs / _checked(digest)
        try:
            return msgspec.json.decode(path.read_bytes(), type=Tombstone)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as problem:
            raise StoreCorrupted(f"{path} cannot be read") from problem

    def erase(self, digest: str, reason: str = "") -> Tombstone:
        """Removes a document for good. Its digest stays on the ledger.

        The tombstone is written first: after a crash the document counts as erased, and its file
        goes when the front-end starts. Erasing again changes nothing.

        Raises:
            NotFound: there is no such document.
            InvalidField: not a digest, or the reason is too long.
            StorageFailed: the disk refuses.
        """
        path = self._folder / _checked(digest)
        if len(reason) > REASON_MAX or not reason.isprintable():
            raise InvalidField("reason", f"is one line of at most {REASON_MAX} characters")
        with self._lock:
            tombstone = self.tombstone(digest)
            if tombstone is None:
                if not path.exists():
                    raise NotFound(f"there is no document {digest} here")
                tombstone = Tombstone(digest, self._clock.now_ms(), reason)
                self._make_folders()
                write_file(self._tombs / digest, msgspec.json.encode(tombstone))
            self._remove(digest)
        return tombstone

    def _remove(self, digest: str) -> None:
        try:
            (self._folder / digest).unlink()
        except FileNotFoundError:
            return
        except OSError as problem:
            raise StorageFailed(f"document {digest} cannot be removed: {problem}") from problem
        sync_folder(self._folder)

    def digests(self) -> set[str]:
        """The digests of what is kept and not erased."""
        return set(_names(self._folder)) - set(_names(self._tombs))

    def erased(self) -> set[str]:
        """The digests of what was erased."""
        return set(_names(self._tombs))

    def list(self) -> Iterator[Kept]:
        """All that is kept or was erased, by digest."""
        kept, erased = self.digests(), self.erased()
        for digest in sorted(kept | erased):
            tombstone = self.tombstone(digest) if digest in erased else None
            try:
                size = 0 if tombstone else (self._folder / digest).stat().st_size
            except FileNotFoundError:  # erased since
                size, tombstone = 0, self.tombstone(digest)
            yield Kept(digest, size, tombstone)


def _checked(digest: str) -> str:
    """A digest is a name of a file, so nothing else may be one."""
    if not _DIGEST.fullmatch(digest):
        raise InvalidField("digest", f"{digest[:80]!r} is not 64 lower-case hexadecimal digits")
    return digest


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return [path.name for path in folder.iterdir() if _DIGEST.fullmatch(path.name)]
