"""How far the front-end has come: below which arrival everything is done."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import msgspec

from ufmi.errors import JournalCorrupted
from ufmi.system import write_file

_SAVE_EVERY = 20_000


class Position(msgspec.Struct, frozen=True):
    """Arrivals below `number` are done; those from it on that are done lie in `block` or later."""

    number: int = 1
    block: int = 0


class Progress:
    """Counts finished arrivals, and keeps in a file from where a restart has to look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self.saved = msgspec.json.decode(path.read_bytes(), type=Position)
        except FileNotFoundError:
            self.saved = Position()
        except msgspec.DecodeError as problem:
            raise JournalCorrupted(f"{path} cannot be read") from problem
        self._low = self.saved.number
        self._block = self.saved.block
        # Finished arrivals above the lowest unfinished one, and their blocks.
        self._finished: dict[int, int] = {}
        # First arrival of a group, and the newest block known when it was taken in. What an
        # earlier process took in counts as one group: it may have run in any block since then.
        self._taken_in = deque([(self.saved.number, self.saved.block)])

    def take_in(self, number: int) -> None:
        """Notes that arrivals from `number` on are taken in now: they run in later blocks."""
        self._taken_in.append((number, self._block))

    def finish(self, number: int, block: int) -> bool:
        """Notes an arrival as done; whether it is time to save."""
        self._finished[number] = block
        self._block = max(self._block, block)
        while self._low in self._finished:
            del self._finished[self._low]
            self._low += 1
        return self._low - self.saved.number >= _SAVE_EVERY

    def save(self) -> Position:
        """Writes the position durably."""
        groups = self._taken_in
        while len(groups) > 1 and groups[1][0] <= self._low:
            groups.popleft()
        # Whatever is not done yet runs after the block that was known when it was taken in; some
        # of it may be in a block already and not reported yet.
        self.saved = Position(self._low, groups[0][1])
        write_file(self._path, msgspec.json.encode(self.saved))
        return self.saved
