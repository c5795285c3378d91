"""Watches deadlines: what has expired is ended by an `EXPIRE` that the front-end itself sends."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ufmi.crypto import Signer
from ufmi.ledger import Contract
from ufmi.protocol import Line, Message, Result, sign
from ufmi.protocol.assets import P1, P2
from ufmi.protocol.funds import Y1
from ufmi.protocol.governance import Expire
from ufmi.protocol.holdings import Z1
from ufmi.protocol.orders import S1
from ufmi.protocol.users import X2
from ufmi.protocol.withdrawals import Y2

_VALID_MS = 3_600_000
_PAGE = 1_000
_AT_ONCE = 500
# Those that a broker opens under its own id and the transaction id.
_OF_BROKERS = {Y1: "DEPOSIT", P1: "LISTING", X2: "UPDATE", P2: "AMENDMENT"}
_LEAVING_OPEN = frozenset((S1, Z1, Y2, *_OF_BROKERS))
_KINDS = ("DEPOSIT", "ONCHAIN", "LISTING", "UPDATE", "AMENDMENT", "WITHDRAWAL")

# Deadline, kind, owner, number, side, asset.
Deadline = tuple[int, str, str, str, str, str]


def deadline_of(message: Message, result: Result) -> Deadline | None:
    """What an accepted message leaves open, and until when."""
    # By exact type first: this is asked of every message, and `isinstance` is slower.
    if type(message) not in _LEAVING_OPEN or not result.accepted or result.repeated:
        return None
    if isinstance(message, S1):
        order = message.order
        asset = order.asset if order.side == "SELL" else ""
        return (order.valid_until, "ORDER", order.address, order.number, str(order.side), asset)
    if result.code != "PENDING":
        return None
    if isinstance(message, Z1):
        return (message.valid_until, "ONCHAIN", message.address, message.tx, "", "")
    if isinstance(message, Y2):
        return (message.valid_until, "WITHDRAWAL", message.address, message.tx, "", "")
    kind = _OF_BROKERS[type(message)]
    return (message.valid_until, kind, message.sender, message.tx, "", "")


def open_deadlines(contract: Contract) -> list[Deadline]:
    """Everything on the ledger that is open, for a front-end that starts."""
    found: list[Deadline] = []
    for key, record in scan(contract, "order/"):
        if record["status"] == "OPEN":
            _, owner, number = key.split("/")
            asset = record["asset"] if record["side"] == "SELL" else ""
            found.append((record["valid_until"], "ORDER", owner, number, record["side"], asset))
    for kind in _KINDS:
        for key, record in scan(contract, f"{kind.lower()}/"):
            if record["open"] and _can_expire(kind, record):
                _, owner, number = key.split("/")
                found.append((record["valid_until"], kind, owner, number, "", ""))
    return found


def _can_expire(kind: str, record: dict) -> bool:  # type: ignore[type-arg]
    """A withdrawal that every bank has agreed to goes on however late it is."""
    return kind != "WITHDRAWAL" or any(part["status"] == "SENT" for part in record["parts"])


def scan(contract: Contract, prefix: str) -> list[tuple[str, dict]]:  # type: ignore[type-arg]
    """All records whose keys begin with a prefix, read page by page."""
    start, end = prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)
    found: list[tuple[str, dict]] = []  # type: ignore[type-arg]
    while True:
        raw = contract.evaluate("scan", start.encode(), end.encode(), str(_PAGE).encode())
        page = json.loads(raw)
        found += [(key, record) for key, record in page]
        if len(page) < _PAGE:
            return found
        start = page[-1][0] + "\x00"


class Expirer:
    """Deadlines in order of time."""

    def __init__(self, signer: Signer, random_bytes: Callable[[int], bytes]) -> None:
        self._signer = signer
        self._random_bytes = random_bytes
        self._heap: list[Deadline] = []

    def sign_with(self, signer: Signer) -> None:
        self._signer = signer

    def add(self, deadline: Deadline) -> None:
        heapq.heappush(self._heap, deadline)

    @contextmanager
    def due(self, network: str, now_ms: int) -> Iterator[list[Line]]:
        """Signed `EXPIRE` messages for what is due; due again if they are not taken in."""
        passed: list[Deadline] = []
        while self._heap and self._heap[0][0] < now_ms and len(passed) < _AT_ONCE:
            passed.append(heapq.heappop(self._heap))
        try:
            yield [self._expire(deadline, network, now_ms) for deadline in passed]
        except BaseException:
            for deadline in passed:
                self.add(deadline)
            raise

    def _expire(self, deadline: Deadline, network: str, now_ms: int) -> Line:
        _, kind, owner, number, side, asset = deadline
        message = Expire(
            tx=self._random_bytes(12).hex(),
            kind=kind,
            owner=owner,
            number=number,
            network=network,
            sender=self._signer.address,
            valid_until=now_ms + _VALID_MS,
            side=side,
            asset=asset,
        )
        return sign(message, self._signer)
