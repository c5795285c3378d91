"""Checkpoints: how far a reader of events has come, so that it misses none and sees none twice."""

from __future__ import annotations

from pathlib import Path

import msgspec

from ufmi.errors import StoreCorrupted
from ufmi.system import write_file


class Position(msgspec.Struct, frozen=True):
    """The next block to read, and the last transaction seen of it ("": none)."""

    block: int = 0
    transaction: str = ""


class MemoryCheckpoint:
    """A checkpoint that lasts as long as the process."""

    def __init__(self, position: Position | None = None) -> None:
        self.position = position or Position()

    def block_done(self, number: int) -> None:
        """A whole block has been dealt with."""
        self._set(Position(number + 1))

    def transaction_done(self, block: int, transaction: str) -> None:
        """A block has been dealt with up to and including a transaction."""
        self._set(Position(block, transaction))

    def _set(self, position: Position) -> None:
        self.position = position


class FileCheckpoint(MemoryCheckpoint):
    """A checkpoint in a file, durable when the call returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            super().__init__(msgspec.json.decode(path.read_bytes(), type=Position))
        except FileNotFoundError:
            super().__init__()
        except msgspec.DecodeError as problem:
            raise StoreCorrupted(f"the checkpoint {path} cannot be read") from problem

    def _set(self, position: Position) -> None:
        write_file(self._path, msgspec.json.encode(position))
        super()._set(position)
