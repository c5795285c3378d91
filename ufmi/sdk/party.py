"""What all role clients have in common: an id, a signer, and a way to send."""

from __future__ import annotations

from ufmi.crypto import Signer
from ufmi.errors import Refused
from ufmi.frontend import Delivery, Executed
from ufmi.frontend.noticeindex import ASKED_MAX, newer
from ufmi.node import Node
from ufmi.protocol import UNRECORDED, Line, Message, sign

DAY_MS = 24 * 3_600_000


class Client:
    """A sender of messages.

    Args:
        node: the UFMI to which it is connected.
        id: institution (N…), market (M…) or address.
        signer: its SM2 key, or a function that signs for it.
        valid_ms: how long its messages are valid.
    """

    def __init__(self, node: Node, id: str, signer: Signer, valid_ms: int = DAY_MS) -> None:
        self.node = node
        self.id = id
        self.signer = signer
        self.valid_ms = valid_ms

    def new_tx(self) -> str:
        """A transaction id that nobody has used."""
        return self.node.random_bytes(12).hex()

    def valid_until(self) -> int:
        return self.node.clock.now_ms() + self.valid_ms

    def sign(self, message: Message, documents: tuple[str, ...] = ()) -> Line:
        """Signs without sending. Raises ProtocolError or CryptoError."""
        return sign(message, self.signer, documents)

    def send(self, message: Message, documents: tuple[str, ...] = ()) -> Executed:
        """Signs, sends and waits for the result.

        Raises:
            Refused: by the front-end or the contract, with the result code.
            UfmiError: it could not be sent or its result is not known.
        """
        return self.send_line(self.sign(message, documents))

    def send_line(self, line: Line) -> Executed:
        """Sends what was signed before. Raises as `send`."""
        executed = self.node.frontend.send(line)
        result = executed.result
        if not result.accepted:
            raise Refused(
                result.code,
                result.detail,
                recorded=result.code not in UNRECORDED,
                transaction_id=executed.transaction_id,
            )
        return executed

    def notifications(self, start: int = 1, limit: int = ASKED_MAX) -> list[Delivery]:
        """What UFMI sent to this party from its number `start` on, verified, in order.

        Who was away asks from the number after his last one, until nothing more comes.

        Raises:
            BadReceipt: the front-end's signature does not prove what it gave.
            UsageError: `start` or `limit` is out of range.
        """
        found = self.node.frontend.notifications(self.id, start, limit)
        for one in found:
            one.verify(self.node.frontend_key)
        return newer(found, start)
