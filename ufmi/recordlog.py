"""An append-only log of records in numbered files: block files and the intake journal.

A record is its length, the CRC-32 of its bytes, the CRC-32 of these two, and its bytes. What a
crash left half written at the very end is cut off: an end that is short, or that the file system
filled with zeros. Damage anywhere else is an error, and nothing is cut.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ufmi.errors import StoreCorrupted
from ufmi.system import AppendFile, sync_folder

FILE_BYTES_MAX = 256 * 1024 * 1024
_HEAD = struct.Struct(">II")
_CRC = struct.Struct(">I")
HEAD_BYTES = _HEAD.size + _CRC.size

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
        data = [part for record in records for part in (_head(record), record)]
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

    def scan(
        self, start: tuple[int, int] | None = None, *, repair: bool = False
    ) -> Iterator[tuple[Location, bytes]]:
        """All records from a place (file, offset) on.

        Args:
            repair: cut a torn end off; otherwise it is damage like any other.

        Raises:
            StoreCorrupted: damage that no crash explains.
        """
        first, offset = start or (min(self._files), 0)
        for number in range(first, self._last + 1):
            file = self._files[number]
            while offset < file.size:
                head = file.read(offset, HEAD_BYTES)
                length = _length(head)
                record = None
                if length:
                    record = _whole(head + file.read(offset + HEAD_BYTES, length))
                if record is None:
                    if not (repair and number == self._last and _is_torn(file, offset, length)):
                        raise StoreCorrupted(f"{file.path} is damaged at {offset}")
                    file.truncate(offset)
                    break
                yield (number, offset, len(record)), record
                offset += HEAD_BYTES + len(record)
            offset = 0

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


def whole_records(
    read: Callable[[int, int], bytes], size: int, *, last: bool
) -> Iterator[tuple[int, bytes]]:
    """The records in the first `size` bytes of a log's file that another process may be writing.

    Args:
        read: gives at most so many bytes from an offset.
        last: it is the newest file, so a record that is being written may end it.

    Yields:
        Where each record ends, and its bytes.

    Raises:
        StoreCorrupted: what is there is no record.
    """
    offset = 0
    while offset < size:
        head = read(offset, min(HEAD_BYTES, size - offset))
        length = _length(head)
        end = offset + HEAD_BYTES + length
        record = (
            _whole(head + read(offset + HEAD_BYTES, length)) if length and end <= size else None
        )
        if record is None:
            # Without a head, or with less behind it than it states, it is still being written.
            rest = read(offset, size - offset).rstrip(b"\0") if not length else b""
            if last and (end > size if length else len(rest) < HEAD_BYTES):
                return
            raise StoreCorrupted(f"a file is damaged at {offset}")
        offset = end
        yield offset, record


def _head(record: bytes) -> bytes:
    head = _HEAD.pack(len(record), zlib.crc32(record))
    return head + _CRC.pack(zlib.crc32(head))


def _length(head: bytes) -> int:
    """The length that a head states; 0 if it is no head."""
    if len(head) < HEAD_BYTES or zlib.crc32(head[: _HEAD.size]) != _CRC.unpack(head[-4:])[0]:
        return 0
    return int(_HEAD.unpack_from(head)[0])


def _whole(raw: bytes) -> bytes | None:
    length = _length(raw[:HEAD_BYTES])
    record = raw[HEAD_BYTES : HEAD_BYTES + length]
    crc = _HEAD.unpack_from(raw)[1] if length else 0
    return record if record and len(record) == length and zlib.crc32(record) == crc else None


def _is_torn(file: AppendFile, offset: int, length: int) -> bool:
    """Whether what begins here is a record that was being written when the process ended.

    Without a head nothing can have followed it; with one, less than the record has arrived.
    """
    written = len(file.read(offset, file.size - offset).rstrip(b"\0"))
    return written < HEAD_BYTES + length
