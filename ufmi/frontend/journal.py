"""The intake journal: every message that got a receipt, in order of arrival, durably."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from ufmi.errors import JournalCorrupted, StoreCorrupted
from ufmi.recordlog import RecordLog

FILE_BYTES_MAX = 64 * 1024 * 1024


class Arrival(msgspec.Struct, frozen=True, array_like=True):
    """One message as it arrived. The line is text and signature; documents lie elsewhere."""

    number: int
    time: int  # milliseconds since 1970, UTC
    text: str
    signature: str  # hex


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Arrival)


class Journal:
    """Arrivals by number, ascending without gaps."""

    def __init__(self, folder: Path, bytes_max: int = FILE_BYTES_MAX) -> None:
        self._log = RecordLog(folder, ".journal", bytes_max)
        # The highest number in each file, to know when a file is no longer needed.
        self._newest: dict[int, int] = {}

    def append(self, arrivals: Sequence[Arrival]) -> None:
        """Writes arrivals and returns when they are on the disk. Raises StorageFailed."""
        locations = self._log.append([_encoder.encode(arrival) for arrival in arrivals])
        self._newest[locations[-1][0]] = arrivals[-1].number

    def read(self) -> list[Arrival]:
        """All arrivals that are kept.

        Raises:
            JournalCorrupted: it is damaged in a way that no crash explains.
        """
        arrivals: list[Arrival] = []
        try:
            for location, raw in self._log.scan(repair=True):
                arrival = _decoder.decode(raw)
                if arrivals and arrival.number != arrivals[-1].number + 1:
                    raise JournalCorrupted(f"{arrival.number} follows {arrivals[-1].number}")
                arrivals.append(arrival)
                self._newest[location[0]] = arrival.number
        except (StoreCorrupted, msgspec.DecodeError) as problem:
            raise JournalCorrupted(str(problem)) from problem
        return arrivals

    def forget_before(self, number: int) -> None:
        """Removes files all of whose arrivals are below this number."""
        files = self._log.files
        needed = [file for file in files if self._newest.get(file, number) >= number]
        # The last file stays in any case: it says how far the numbers have come.
        self._log.drop_before(needed[0] if needed else files[-1])

    def close(self) -> None:
        self._log.close()
