"""Signed lines: what is submitted, journaled, forwarded and executed."""

from __future__ import annotations

from collections import OrderedDict
from typing import cast

import msgspec

from ufmi.crypto import Signer, sm3_hex
from ufmi.errors import InvalidField, MalformedText
from ufmi.protocol.message import Message, TooLong, UnknownName, decode
from ufmi.protocol.results import Code, Result

LINE_BYTES_MAX = 40_000
DOCUMENTS_MAX = 8


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One signed message as JSON: text, signature (hex of DER), documents beside it.

    Documents are checked against the digests in the text and kept off the ledger.
    """

    text: str
    signature: str
    documents: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SM3 of the text, which receipts and confirmations name."""
        return sm3_hex(self.text.encode())

    def encode(self) -> bytes:
        return _encoder.encode(self)


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Line)


def read_line(raw: bytes | str) -> Line:
    """Reads a line. Raises MalformedText."""
    if isinstance(raw, str):
        try:
            raw = raw.encode()
        except UnicodeEncodeError as problem:
            raise MalformedText("the line is not Unicode") from problem
    if len(raw) > LINE_BYTES_MAX:
        raise MalformedText(f"the line is longer than {LINE_BYTES_MAX} bytes")
    try:
        line = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise MalformedText(f"not a line of JSON with text and signature: {problem}") from problem
    if len(line.documents) > DOCUMENTS_MAX:
        raise MalformedText(f"more than {DOCUMENTS_MAX} documents")
    return line


def message_of(text: str) -> Message | Result:
    """The message that a text states, or the result that refuses it."""
    try:
        form = decode(text)
    except UnknownName as problem:
        return Result("", Code.UNKNOWN_MESSAGE, problem.message)
    except TooLong as problem:
        return Result("", Code.TOO_LONG, problem.message)
    except InvalidField as problem:
        return Result("", Code.FIELD_INVALID, problem.message)
    except MalformedText as problem:
        return Result("", Code.MALFORMED, problem.message)
    if not form.ROLES:
        return Result("", Code.UNKNOWN_MESSAGE, f"{form.NAME} is not sent to UFMI")
    found = cast(Message, form)
    if found.QUERY:
        return Result("", Code.UNKNOWN_MESSAGE, f"{form.NAME} is asked, not submitted")
    return found


class SignedMessage(msgspec.Struct, frozen=True, gc=False):
    """What a line holds, read."""

    message: Message
    identity: str
    text: bytes
    signature: bytes  # DER
    digest: str  # SM3 of the text

    @classmethod
    def of(cls, message: Message, text: bytes, signature: bytes) -> SignedMessage:
        return cls(message, message.identity, text, signature, sm3_hex(text))


def read_signed(raw: bytes) -> SignedMessage | Result:
    """What a line without documents holds; or the result that refuses it."""
    known = _memo.pop(raw, None)
    if known is not None:
        return known
    try:
        line = read_line(raw)
        signature = bytes.fromhex(line.signature)
    except MalformedText as problem:
        return Result("", Code.MALFORMED, problem.message)
    except ValueError:
        return Result("", Code.MALFORMED, "the signature is not hexadecimal")
    message = message_of(line.text)
    # Most are messages, and asking for the exact type is cheaper than asking for the base.
    if type(message) is Result:
        return message
    return SignedMessage.of(cast(Message, message), line.text.encode(), signature)


_MEMO_MAX = 20_000
_MEMO_BYTES_MAX = 2_048
# Lines that this process has read and is about to execute; what they hold follows from them alone.
_memo: OrderedDict[bytes, SignedMessage] = OrderedDict()


def remember(line: Line, signed: SignedMessage) -> bytes:
    """The bytes of a line without documents. `read_signed` need not read them again, once."""
    raw = line.encode()
    if len(raw) <= _MEMO_BYTES_MAX:
        if len(_memo) >= _MEMO_MAX:
            _memo.popitem(last=False)
        _memo[raw] = signed
    return raw


def sign(message: Message, signer: Signer, documents: tuple[str, ...] = ()) -> Line:
    """Signs a message.

    Raises:
        InvalidField, MalformedText: the message breaks a rule of its form.
        CryptoError: the signing function failed.
    """
    text = message.text()
    if decode(text) != message:
        raise MalformedText("a value is not of its field's type")
    return Line(text, signer.sign(text.encode()).hex(), documents)
