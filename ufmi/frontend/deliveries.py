"""What UFMI sends to whom once a message is executed: a pure function of the ledger's blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import msgspec

from ufmi.ledger import Block, BlockTransaction
from ufmi.protocol import UNRECORDED, Entry, Form, Line, Message, Result, decode

_encoder = msgspec.json.Encoder()
_entries = msgspec.json.Decoder(list[Entry])
_results = msgspec.json.Decoder(list[Result])
_line = msgspec.json.Decoder(Line)


@dataclass(frozen=True)
class Delivery:
    """Something for one party: a forwarded message with its sender's signature, or an answer."""

    to: str
    text: str
    block: int
    line: Line | None = None  # of a forwarded message
    unified: str = ""  # the user's unified id, where the message brought it about
    number: int = 0  # the party's own count, where notifications are asked for again (notices.py)


@dataclass(frozen=True)
class ExecutedLine:
    """One line of a valid `execute`, with its place in the ledger."""

    entry: Entry
    line: Line
    result: Result
    block: int
    transaction_id: str


def executed_lines(block: Block) -> Iterator[ExecutedLine]:
    """All lines that a block executed, in order."""
    for transaction in block.transactions():
        yield from lines_of(transaction)


def lines_of(transaction: BlockTransaction) -> Iterator[ExecutedLine]:
    """The lines of one transaction; none if it is invalid or calls another function."""
    if not transaction.valid or transaction.endorsed is None:
        return
    function, *arguments = transaction.endorsed.arguments
    if function != b"execute":
        return
    entries = _entries.decode(arguments[0])
    results = _results.decode(transaction.endorsed.action.response.payload)
    for entry, raw, result in zip(entries, arguments[1:], results, strict=True):
        try:
            line = _line.decode(raw)
        except msgspec.DecodeError:
            line = Line(raw.decode(errors="replace"), "")
        yield ExecutedLine(entry, line, result, transaction.block, transaction.tx_id)


def deliveries(message: Message, line: Line, result: Result, block: int) -> list[Delivery]:
    """What follows from one result: to whom the message is forwarded, and the answers.

    A repeated message brings its sender's answer again and nothing else. One that was not
    recorded brings nothing: who sent it is not known, or the id is that of another text, whose
    answer this must not be taken for.
    """
    if result.code in UNRECORDED:
        return []
    sent = []
    if result.accepted and not result.repeated:
        unified = str(result.data.get("unified", ""))
        sent = [
            Delivery(party, line.text, block, Line(line.text, line.signature), unified)
            for party in message.receivers()
        ]
    for party, answer in message.answers(result):
        if not result.repeated or party == message.sender:
            sent.append(Delivery(party, answer.text(), block))
    return sent


# Fields that name a document by its digest.
_DOCUMENT_FIELDS = ("document", "bank_document", "registry_document")


def named_documents(message: Message) -> list[str]:
    """Digests of the documents that a message names."""
    named = [str(getattr(message, name, "")) for name in _DOCUMENT_FIELDS]
    return [digest for digest in named if digest]


def with_documents(
    sent: list[Delivery], message: Message, get: Callable[[str], str | None]
) -> list[Delivery]:
    """The same with the documents of an answer beside the forwarded line (7.5.1.5.1, 8.5.1.5.1).

    They go to whoever asked. A broker's own document about a person is not sent on to others.
    """
    if not hasattr(message, "answered"):
        return sent
    found = tuple([one for digest in named_documents(message) if (one := get(digest)) is not None])
    if not found:
        return sent
    return [
        replace(one, line=Line(one.line.text, one.line.signature, found)) if one.line else one
        for one in sent
    ]


def deliveries_of(block: Block) -> list[Delivery]:
    """All that follows from a block."""
    sent = []
    for one in executed_lines(block):
        found: Form | None = decode(one.line.text) if one.result.id else None
        if isinstance(found, Message):
            sent += deliveries(found, one.line, one.result, one.block)
    return sent


def header(entries: list[Entry]) -> bytes:
    """The batch header that `execute` takes first."""
    return _encoder.encode(entries)
