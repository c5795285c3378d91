"""What all role clients have in common: an id, a signer, and a way to send."""

from __future__ import annotations

from ufmi.crypto import Signer, Sm2PublicKey
from ufmi.errors import Refused
from ufmi.frontend import Delivery, Executed
from ufmi.frontend.noticeindex import ASKED_MAX, newer
from ufmi.node import Node
from ufmi.protocol import UNRECORDED, Code, Form, Line, Message, decode, sign
from ufmi.protocol.governance import Possess, Possession, Rotate

DAY_MS = 24 * 3_600_000
# An account or asset as JSON, with what a text escapes.
ANSWER_BYTES_MAX = 1024 * 1024


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

    def ask(self, message: Message) -> Form:
        """Signs a question (X3, P3) and gets its answer; nothing is ordered.

        Raises:
            Refused: with the code.
        """
        answer = self.node.ask(self.sign(message))
        if answer.code != Code.OK:
            raise Refused(answer.code, answer.detail, recorded=False)
        return decode(answer.text, ANSWER_BYTES_MAX)

    def rotate_key(self, signer: Signer, tx: str = "") -> Executed:
        """ROTATE: this party signs with another key from now on. Raises Refused."""
        message = self.rotation(self.id, self.signer.public_key, signer, tx or self.new_tx())
        executed = self.send(message)
        self.signer = signer
        return executed

    def rotation(
        self, subject: str, old: Sm2PublicKey, new: Signer, tx: str, certificate: str = ""
    ) -> Rotate:
        """A ROTATE with the proof that somebody holds the new key."""
        key = new.public_key.to_hex()
        possess = Possess(self.node.network, self.valid_until(), tx, subject, key)
        proof = Possession(possess, new.sign(possess.text().encode()).hex())
        return Rotate(
            tx=tx,
            subject=subject,
            key=old.to_hex(),
            proof=(proof,),
            certificate=certificate,
            network=self.node.network,
            sender=self.id,
            valid_until=self.valid_until(),
        )

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
