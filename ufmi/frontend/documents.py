"""Documents beside the texts: kept by their SM3, off the ledger, where they can be erased."""

from __future__ import annotations

import threading
from pathlib import Path

from ufmi.crypto import sm3_hex
from ufmi.system import write_file


class Documents:
    """A folder of documents, each under its digest."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()

    def keep(self, document: str) -> None:
        """Stores a document durably. Raises StorageFailed."""
        raw = document.encode()
        path = self._folder / sm3_hex(raw)
        with self._lock:
            if not path.exists():
                write_file(path, raw)

    def get(self, digest: str) -> str | None:
        """The document with this SM3, or None if it was never given or was erased."""
        try:
            return (self._folder / digest).read_text()
        except FileNotFoundError:
            return None

    def erase(self, digest: str) -> None:
        """Removes a document for good. Its digest stays on the ledger."""
        (self._folder / digest).unlink(missing_ok=True)
