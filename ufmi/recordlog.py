"""An append-only log of records in numbered files: block files and the intake journal.

A record is its length, its CRC-32 and its bytes. What a crash left half written at the very end
is cut off; damage anywhere else is an error.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from ufmi.errors import StoreCorrupted
from ufmi.system import AppendFile, sync_folder

FILE_BYTES_MAX = 256 * 1024 * 1024
_HEAD = struct.Struct(">II")
HEAD_BYTES = _HEAD.size

# Where a record lies: number of the file, offset, length of the record's bytes.
Location = tuple[int, int, int]


class RecordLog:
    """The files `000000<suffix>` and so on in one folder; the last one grows."""

    def __init__(self, folder: Path, suffix: str, bytes_max: int = FILE_BYTES_MAX) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._suffix = suffix
        self._bytes_max = bytes_max
        numbers = sorted(int(path.stem) for path in folder.glob(f"*{suffix}")) or [0]
        if numbers != list(range(numbers[0], numbers[-1] + 1)):
            raise StoreCorrupted(f"a file is missing in {folder}")
        self._files = {number: self._open(number) for number in numbers}
        self._last = numbers[-1]
        sync_folder(folder)

    def _open(self, number: int) -> AppendFile:
        return AppendFile(self._folder / f"{number:06d}{self._suffix}")

    @property
    def files(self) -> list[int]:
        """The numbers of the files, oldest first."""
        return list(self._files)

    @property
    def bytes_total(self) -> int:
        return sum(file.size for file in self._files.values())

    def append(self, records: Sequence[bytes]) -> list[Location]:
        """Writes records, all or none, and returns when they are on the disk."""
        data = [
            part
            for record in records
            for part in (_HEAD.pack(len(record), zlib.crc32(record)), record)
        ]
        file = self._files[self._last]
        if file.size and file.size + sum(map(len, data)) > self._bytes_max:
            self._last += 1
            file = self._files[self._last] = self._open(self._last)
            sync_folder(self._folder)
        offset = file.append(data)
        try:
            file.sync()
        except Exception:
            # Unknown what the disk has: leave nothing that a restart could take for a record.
            file.truncate(offset)
            raise
        locations = []
        for record in records:
            locations.append((self._last, offset, len(record)))
            offset += HEAD_BYTES + len(record)
        return locations

    def read(self, location: Location) -> bytes:
        """The bytes of a record. Raises StoreCorrupted."""
        number, offset, length = location
        file = self._files.get(number)
        found = _whole(file.read(offset, HEAD_BYTES + length)) if file else None
        if found is None or len(found) != length:
            raise StoreCorrupted(f"a record of {self._folder} at {number}:{offset} is damaged")
        return found

    def scan(self, start: tuple[int, int] | None = None) -> Iterator[tuple[Location, bytes]]:
        """All records from a place (file, offset) on; cuts a torn end off.

        Raises:
            StoreCorrupted: damage that no crash explains.
        """
        first, offset = start or (min(self._files), 0)
        for number in range(first, self._last + 1):
            file = self._files[number]
            while offset < file.size:
                head = file.read(offset, HEAD_BYTES)
                length = _HEAD.unpack(head)[0] if len(head) == HEAD_BYTES else 0
                record = _whole(head + file.read(offset + HEAD_BYTES, length))
                if record is None:
                    self._cut(number, offset, offset + HEAD_BYTES + length)
                    break
                yield (number, offset, len(record)), record
                offset += HEAD_BYTES + length
            offset = 0

    def _cut(self, number: int, offset: int, end: int) -> None:
        file = self._files[number]
        # A crash leaves a short end, or one that the file system filled with zeros.
        torn = end >= file.size or not any(file.read(offset, file.size - offset))
        if number != self._last or not torn:
            raise StoreCorrupted(f"{file.path} is damaged at {offset}")
        file.truncate(offset)

    def place(self) -> tuple[int, int]:
        """Where the next record will begin."""
        return self._last, self._files[self._last].size

    def cut_back(self, place: tuple[int, int]) -> None:
        """Forgets everything from a place on."""
        number, offset = place
        while self._last > number:
            self._remove(self._last)
            self._last -= 1
        self._files[number].truncate(offset)

    def drop_before(self, number: int) -> None:
        """Removes the files before this one."""
        for old in [known for known in self._files if known < min(number, self._last)]:
            self._remove(old)

    def _remove(self, number: int) -> None:
        file = self._files.pop(number)
        file.close()
        file.path.unlink()

    def close(self) -> None:
        for file in self._files.values():
            file.close()


def _whole(raw: bytes) -> bytes | None:
    if len(raw) < HEAD_BYTES:
        return None
    length, crc = _HEAD.unpack_from(raw)
    record = raw[HEAD_BYTES : HEAD_BYTES + length]
    return record if record and len(record) == length and zlib.crc32(record) == crc else None
