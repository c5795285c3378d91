"""The append-only block file: the truth of a channel. Everything else is rebuilt from it.

A record is length, CRC-32 and the bytes of a `Block`. What a crash left half written at the very
end is cut off; damage anywhere else is an error.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from ufmi.errors import StoreCorrupted
from ufmi.system import AppendFile, sync_folder

FILE_BYTES_MAX = 256 * 1024 * 1024
_HEAD = struct.Struct(">II")

# Where a block lies: number of the file, offset of the record, length of the block.
Location = tuple[int, int, int]


class BlockFile:
    """The files of one channel, `000000.blocks` and so on."""

    def __init__(self, folder: Path, bytes_max: int = FILE_BYTES_MAX) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._bytes_max = bytes_max
        count = len(list(folder.glob("*.blocks")))
        self._files = [self._open(number) for number in range(max(1, count))]
        sync_folder(folder)

    def _open(self, number: int) -> AppendFile:
        return AppendFile(self._folder / f"{number:06d}.blocks")

    def append(self, block: bytes) -> Location:
        """Writes a block and returns when it is on the disk."""
        file = self._files[-1]
        if file.size and file.size + len(block) > self._bytes_max:
            file = self._open(len(self._files))
            self._files.append(file)
            sync_folder(self._folder)
        offset = file.append(_HEAD.pack(len(block), zlib.crc32(block)) + block)
        try:
            file.sync()
        except Exception:
            # Unknown what the disk has: leave nothing that a restart could take for a block.
            file.truncate(offset)
            raise
        return len(self._files) - 1, offset, len(block)

    def read(self, location: Location) -> bytes:
        """The bytes of a block. Raises StoreCorrupted."""
        number, offset, length = location
        raw = self._files[number].read(offset, _HEAD.size + length)
        found = self._whole(raw, 0)
        if found is None or len(found) != length:
            raise StoreCorrupted(f"a block at {number}:{offset} is damaged")
        return found

    @staticmethod
    def _whole(raw: bytes, at: int) -> bytes | None:
        if len(raw) < at + _HEAD.size:
            return None
        length, crc = _HEAD.unpack_from(raw, at)
        block = raw[at + _HEAD.size : at + _HEAD.size + length]
        return block if len(block) == length and zlib.crc32(block) == crc else None

    def scan(self, start: tuple[int, int] = (0, 0)) -> Iterator[tuple[Location, bytes]]:
        """All blocks from a place on; cuts a torn end off.

        Raises:
            StoreCorrupted: damage that no crash explains.
        """
        number, offset = start
        while number < len(self._files):
            file = self._files[number]
            while offset < file.size:
                head = file.read(offset, _HEAD.size)
                length = _HEAD.unpack(head)[0] if len(head) == _HEAD.size else 0
                block = self._whole(head + file.read(offset + _HEAD.size, length), 0)
                if block is None:
                    self._cut(number, offset, offset + _HEAD.size + length)
                    break
                yield (number, offset, len(block)), block
                offset += _HEAD.size + length
            number, offset = number + 1, 0

    def _cut(self, number: int, offset: int, end: int) -> None:
        file = self._files[number]
        last = number == len(self._files) - 1
        if not last or end < file.size:
            raise StoreCorrupted(f"{file.path} is damaged at {offset}")
        file.truncate(offset)

    def place(self) -> tuple[int, int]:
        """Where the next block will begin."""
        return len(self._files) - 1, self._files[-1].size

    def cut_back(self, place: tuple[int, int]) -> None:
        """Forgets everything from a place on."""
        number, offset = place
        while len(self._files) - 1 > number:
            file = self._files.pop()
            file.close()
            file.path.unlink()
        self._files[number].truncate(offset)

    @property
    def bytes_total(self) -> int:
        return sum(file.size for file in self._files)

    def close(self) -> None:
        for file in self._files:
            file.close()
