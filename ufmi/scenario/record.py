"""The record of a run: every message that was submitted, and everything that UFMI sent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from ufmi.errors import UfmiError
from ufmi.frontend import Delivery, Ticket
from ufmi.node import Node
from ufmi.protocol import Line, Message, decode, read_line


@dataclass
class Instruction:
    """One message as it was submitted and what became of it."""

    id: str
    text: str
    signer: str
    public_key: str
    signature: str
    line: str
    said: str
    ticket: Ticket

    def as_data(self) -> dict[str, Any]:
        """The form in which `--json` shows it."""
        code, detail, block, transaction = self.outcome()
        return {
            "id": self.id,
            "text": self.text,
            "signer": self.signer,
            "public_key": self.public_key,
            "signature": self.signature,
            "line": self.line,
            "code": code,
            "detail": detail,
            "block": block,
            "transaction": transaction,
        }

    def as_line(self) -> Line:
        """The message as it was sent."""
        return read_line(self.line)

    def outcome(self) -> tuple[str, str, int | None, str]:
        """Code, detail, block and transaction; the latter two only of what reached the ledger."""
        if self.ticket.refusal is not None:
            return self.ticket.refusal.code, self.ticket.refusal.detail, None, ""
        try:
            executed = self.ticket.outcome(timeout=0)
        except (UfmiError, TimeoutError) as problem:
            return "NO_RESULT", str(problem), None, ""
        result = executed.result
        return str(result.code), result.detail, executed.block, executed.transaction_id


class Record:
    """Listens at the front-end."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._names: Counter[str] = Counter()
        self.instructions: list[Instruction] = []
        self.sent: list[Delivery] = []
        self.saying = ""
        node.frontend.observer = self._observe
        node.frontend.connect("", self.sent.append)

    def _observe(self, line: Line, ticket: Ticket) -> None:
        sender, identity, key = "", "unreadable", ""
        try:
            form = decode(line.text)
        except UfmiError:
            form = None
        if isinstance(form, Message):
            sender, identity = form.sender, form.identity
            known = self._node.frontend.view.signatory(sender)
            key = known[1] if known else ""
        self._names[identity] += 1
        count = self._names[identity]
        self.instructions.append(
            Instruction(
                id=identity if count == 1 else f"{identity}#{count}",
                text=line.text,
                signer=sender,
                public_key=key,
                signature=line.signature,
                line=line.encode().decode(),
                said=self.saying,
                ticket=ticket,
            )
        )
        self.saying = ""

    def close(self) -> None:
        """Stops listening."""
        self._node.frontend.observer = None
        self._node.frontend.disconnect("", self.sent.append)
