"""A ledger in memory that notes how the runtime uses it."""

from __future__ import annotations

from collections.abc import Sequence

from ufmi.contract import Modification


class MemoryStub:
    """One transaction over a dict."""

    channel = "any"
    tx_id = "t1"
    timestamp_ms = 1_750_000_000_000
    creator_msp = "AMSP"
    creator_certificate = b""

    def __init__(self, state: dict[str, bytes] | None = None) -> None:
        self.state = {} if state is None else state
        self.reads: list[list[str]] = []
        self.puts: list[list[tuple[str, bytes | None]]] = []
        self.events: list[tuple[str, bytes]] = []

    def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        self.reads.append(list(keys))
        return [self.state.get(key) for key in keys]

    def put_many(self, items: Sequence[tuple[str, bytes | None]]) -> None:
        self.puts.append(list(items))

    def scan(self, start: str, end: str, limit: int) -> list[tuple[str, bytes]]:
        found = [(key, self.state[key]) for key in sorted(self.state) if start <= key < end]
        return found[:limit]

    def history(self, key: str, limit: int) -> list[Modification]:
        return [Modification("t0", 1, self.state.get(key))][:limit]

    def set_event(self, name: str, payload: bytes) -> None:
        self.events.append((name, payload))

    @property
    def written(self) -> list[tuple[str, bytes | None]]:
        """What the transaction wrote; it hands everything over at once."""
        (items,) = self.puts
        return items

    def commit(self) -> None:
        for key, value in self.written:
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        self.puts.clear()
