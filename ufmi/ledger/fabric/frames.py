"""HTTP/2 as far as a gRPC server with few long streams needs it: frames, windows, headers.

A peer and its chaincode exchange ten small messages a transaction. With grpcio, whose every
message passes threads, each took some 80 µs of processor time, more than contract and runtime
together; here it takes 15, because all messages of one read are handled and answered at once. So
the chaincode server speaks the protocol itself, RFC 9113 on the library hpack. Nothing here knows
of chaincode or asyncio: bytes go in, bytes and events come out.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

from hpack import Decoder, Encoder, HPACKError

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9
END_STREAM, END_HEADERS, PADDED, WITH_PRIORITY, ACK = 0x1, 0x4, 0x8, 0x20, 0x1
# Errors of RFC 9113, section 7.
NO_ERROR, PROTOCOL_ERROR, FLOW_CONTROL_ERROR, STREAM_CLOSED = 0, 1, 3, 5
FRAME_SIZE_ERROR, REFUSED_STREAM, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 6, 7, 9, 11

FRAME_BYTES = 16_384  # what either side may send unless the other says more
WINDOW = 16 * 1024 * 1024  # what a peer may send before we take note of it
WAITING_MAX = WINDOW  # where more waits to be sent on a stream, no more is taken from it
HEADER_BYTES_MAX = 64 * 1024
STREAMS_MAX = 16
_WINDOW_MAX = 2**31 - 1
_DEFAULT_WINDOW = 65_535
_HEAD = struct.Struct(">BHBBI")  # length in 8 + 16 bits, type, flags, stream
_SETTING = struct.Struct(">HI")
_NUMBER = struct.Struct(">I")
_MAX_STREAMS, _INITIAL_WINDOW, _MAX_FRAME = 3, 4, 5
_MAX_HEADER_LIST = 6
_TABLE, _PUSH = 1, 2
# Where frames belong, and how long they are.
_ON_STREAMS = frozenset((DATA, HEADERS, PRIORITY, RST_STREAM, CONTINUATION))
_ON_CONNECTIONS = frozenset((SETTINGS, PING, GOAWAY))
_SIZES = {PRIORITY: 5, RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4}


class ProtocolViolation(Exception):
    """The other side broke the protocol; the connection ends with this code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Opened(NamedTuple):
    """A stream was opened for a path such as /protos.Chaincode/Connect."""

    stream: int
    path: str


class Received(NamedTuple):
    """Bytes of a stream's content."""

    stream: int
    content: bytes


class Ended(NamedTuple):
    """The other side sends no more on a stream; it may have broken it off."""

    stream: int
    broken: bool


Event = Opened | Received | Ended


@dataclass
class _Stream:
    """One stream: how much may be sent, what waits for that, how much came since the last note."""

    window: int
    waiting: bytearray = field(default_factory=bytearray)
    came: int = 0
    # Trailers that follow what waits; encoded when they go, because the encoder has a memory.
    ending: list[tuple[str, str]] | None = None
    half: bool = False  # the other side has said all


class Connection:
    """The server's side of one connection."""

    def __init__(self) -> None:
        self._input = bytearray()
        self._output: list[bytes] = []
        self._greeted = False
        self._streams: dict[int, _Stream] = {}
        self._newest = 0
        self._decoder = Decoder(max_header_list_size=HEADER_BYTES_MAX)
        self._encoder = Encoder()
        self._window = _DEFAULT_WINDOW
        self._initial_window = _DEFAULT_WINDOW
        self._frame_bytes = FRAME_BYTES
        self._came = 0
        self._settled = False
        self._broken = False
        self._headers: tuple[int, int, bytearray] | None = None  # stream, flags, so far
        settings = [
            (_MAX_STREAMS, STREAMS_MAX),
            (_INITIAL_WINDOW, WINDOW),
            (_MAX_HEADER_LIST, HEADER_BYTES_MAX),
        ]
        self._write(SETTINGS, 0, 0, b"".join([_SETTING.pack(*one) for one in settings]))
        self._write(WINDOW_UPDATE, 0, 0, _NUMBER.pack(WINDOW - _DEFAULT_WINDOW))

    # -- in ---------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Event]:
        """Takes bytes in; returns what they mean. Raises ProtocolViolation, and only once."""
        if self._broken:
            return []
        try:
            return self._receive(data)
        except ProtocolViolation:
            self._broken = True
            self._input.clear()
            self._streams.clear()
            raise

    def _receive(self, data: bytes) -> list[Event]:
        buffer = self._input
        buffer += data
        at = 0
        if not self._greeted:
            if not PREFACE.startswith(bytes(buffer[: len(PREFACE)])):
                raise ProtocolViolation(PROTOCOL_ERROR, "this is not HTTP/2")
            if len(buffer) < len(PREFACE):
                return []
            self._greeted = True
            at = len(PREFACE)
        events: list[Event] = []
        while len(buffer) - at >= 9:
            high, low, kind, flags, stream = _HEAD.unpack_from(buffer, at)
            length = high << 16 | low
            if length > FRAME_BYTES:
                raise ProtocolViolation(FRAME_SIZE_ERROR, f"a frame of {length} bytes")
            if len(buffer) - at - 9 < length:
                break
            content = bytes(buffer[at + 9 : at + 9 + length])
            at += 9 + length
            self._frame(kind, flags, stream & _WINDOW_MAX, content, events)
        del buffer[:at]
        return events

    def _frame(
        self, kind: int, flags: int, stream: int, content: bytes, events: list[Event]
    ) -> None:
        self._check(kind, stream, len(content))
        if kind == DATA:
            self._data(flags, stream, content, events)
        elif kind in (HEADERS, CONTINUATION):
            self._header_part(kind, flags, stream, content, events)
        elif kind == SETTINGS:
            self._settings(flags, stream, content)
        elif kind == WINDOW_UPDATE:
            self._more_window(stream, content)
        elif kind == PING:
            if not flags & ACK:
                self._write(PING, ACK, 0, content)
        elif kind == RST_STREAM:
            if self._streams.pop(stream, None) is not None:
                events.append(Ended(stream, True))
        elif kind == PUSH_PROMISE:
            raise ProtocolViolation(PROTOCOL_ERROR, "clients promise nothing")
        # Priorities, the end of the connection and what is unknown change nothing here.

    def _check(self, kind: int, stream: int, size: int) -> None:
        """What holds of any frame. Raises ProtocolViolation."""
        if self._headers is not None and kind != CONTINUATION:
            raise ProtocolViolation(PROTOCOL_ERROR, "headers were not finished")
        if not self._settled and kind != SETTINGS:
            raise ProtocolViolation(PROTOCOL_ERROR, "settings come first")
        if kind in (_ON_CONNECTIONS if stream else _ON_STREAMS):
            raise ProtocolViolation(PROTOCOL_ERROR, f"a frame of type {kind} on stream {stream}")
        if size != _SIZES.get(kind, size) or (kind == GOAWAY and size < 8):
            raise ProtocolViolation(FRAME_SIZE_ERROR, f"{size} bytes in a frame of type {kind}")
        idle = stream > self._newest or (stream and stream % 2 == 0)
        if idle and kind in (DATA, RST_STREAM, WINDOW_UPDATE):
            raise ProtocolViolation(PROTOCOL_ERROR, f"stream {stream} was never opened")

    def _data(self, flags: int, stream: int, content: bytes, events: list[Event]) -> None:
        size = len(content)
        self._came += size
        if self._came > WINDOW // 2:
            self._write(WINDOW_UPDATE, 0, 0, _NUMBER.pack(self._came))
            self._came = 0
        known = self._streams.get(stream)
        if known is None:
            return  # we ended it, and the other side did not know yet
        if known.half:
            raise ProtocolViolation(STREAM_CLOSED, f"content after the end of stream {stream}")
        known.came += size
        if known.came > WINDOW:
            raise ProtocolViolation(FLOW_CONTROL_ERROR, "more was sent than the window takes")
        known.half = bool(flags & END_STREAM)
        self._credit(stream, known)
        content = _unpadded(flags, content)
        if content:
            events.append(Received(stream, content))
        if known.half:
            events.append(Ended(stream, False))

    def _credit(self, stream: int, known: _Stream) -> None:
        """Lets the other side send more, unless it does not take what it has asked for."""
        if known.came > WINDOW // 2 and not known.half and len(known.waiting) <= WAITING_MAX:
            self._write(WINDOW_UPDATE, 0, stream, _NUMBER.pack(known.came))
            known.came = 0

    def _header_part(
        self, kind: int, flags: int, stream: int, content: bytes, events: list[Event]
    ) -> None:
        if kind == HEADERS:
            content = _unpadded(flags, content)
            if flags & WITH_PRIORITY:
                if len(content) < 5:
                    raise ProtocolViolation(FRAME_SIZE_ERROR, "a priority has five bytes")
                content = content[5:]
            self._headers = (stream, flags, bytearray(content))
        else:
            if self._headers is None or self._headers[0] != stream:
                raise ProtocolViolation(PROTOCOL_ERROR, "a continuation of nothing")
            self._headers[2].extend(content)
        block = self._headers[2]
        if len(block) > HEADER_BYTES_MAX:
            raise ProtocolViolation(ENHANCE_YOUR_CALM, "the headers are too large")
        if flags & END_HEADERS:
            first = self._headers[1]
            self._headers = None
            self._header_block(stream, bool(first & END_STREAM), bytes(block), events)

    def _header_block(self, stream: int, last: bool, block: bytes, events: list[Event]) -> None:
        try:
            headers = {_text(name): _text(value) for name, value in self._decoder.decode(block)}
        except HPACKError as problem:
            raise ProtocolViolation(COMPRESSION_ERROR, str(problem)) from problem
        known = self._streams.get(stream)
        if known is not None:
            if known.half:
                raise ProtocolViolation(STREAM_CLOSED, f"headers after the end of stream {stream}")
            if not last:
                raise ProtocolViolation(PROTOCOL_ERROR, "trailers that do not end a stream")
            known.half = True
            events.append(Ended(stream, False))
            return
        if stream % 2 == 0 or stream <= self._newest:
            raise ProtocolViolation(PROTOCOL_ERROR, f"stream {stream} cannot be opened")
        self._newest = stream
        if len(self._streams) >= STREAMS_MAX:
            self._write(RST_STREAM, 0, stream, _NUMBER.pack(REFUSED_STREAM))
            return
        self._streams[stream] = _Stream(self._initial_window, half=last)
        events.append(Opened(stream, headers.get(":path", "")))
        if last:
            events.append(Ended(stream, False))

    def _settings(self, flags: int, stream: int, content: bytes) -> None:
        if len(content) % 6 or (flags & ACK and content):
            raise ProtocolViolation(FRAME_SIZE_ERROR, "settings are six bytes each")
        if flags & ACK:
            return
        self._settled = True
        for name, value in _SETTING.iter_unpack(content):
            if name == _INITIAL_WINDOW:
                if value > _WINDOW_MAX:
                    raise ProtocolViolation(FLOW_CONTROL_ERROR, "the window is too large")
                for one in self._streams.values():
                    one.window = _widened(one.window, value - self._initial_window)
                self._initial_window = value
            elif name == _MAX_FRAME:
                if not FRAME_BYTES <= value < 1 << 24:
                    raise ProtocolViolation(PROTOCOL_ERROR, "the frame size is out of range")
                self._frame_bytes = min(value, 1 << 20)
            elif name == _PUSH and value > 1:
                raise ProtocolViolation(PROTOCOL_ERROR, "push is on or off")
            elif name == _TABLE:
                self._encoder.header_table_size = min(value, 4_096)
        self._write(SETTINGS, ACK, 0, b"")
        self._flush_all()

    def _more_window(self, stream: int, content: bytes) -> None:
        more = _NUMBER.unpack(content)[0] & _WINDOW_MAX
        if not more:
            raise ProtocolViolation(PROTOCOL_ERROR, "a window update of nothing")
        if stream == 0:
            self._window = _widened(self._window, more)
            self._flush_all()
        elif (known := self._streams.get(stream)) is not None:
            known.window = _widened(known.window, more)
            self._flush(stream, known)

    # -- out --------------------------------------------------------------------------------

    def send_headers(self, stream: int, headers: list[tuple[str, str]], last: bool = False) -> None:
        """Sends headers or, with `last`, the trailers that end a stream, after what waits."""
        known = self._streams.get(stream)
        if known is None:
            return
        if not last:
            self._write(HEADERS, END_HEADERS, stream, self._encoder.encode(headers))
        elif known.waiting:
            known.ending = headers
        else:
            self._end_stream(stream, headers)

    def _end_stream(self, stream: int, headers: list[tuple[str, str]]) -> None:
        block = self._encoder.encode(headers)
        self._write(HEADERS, END_HEADERS | END_STREAM, stream, block)
        del self._streams[stream]

    def send(self, stream: int, content: bytes) -> None:
        """Sends content, as far as the windows allow; the rest follows when they open."""
        known = self._streams.get(stream)
        if known is None:
            return
        size = len(content)
        if not known.waiting and size <= min(known.window, self._window, self._frame_bytes):
            known.window -= size
            self._window -= size
            self._write(DATA, 0, stream, content)
            return
        known.waiting += content
        self._flush(stream, known)

    def _flush(self, stream: int, known: _Stream) -> None:
        waiting = known.waiting
        while waiting:
            size = min(len(waiting), known.window, self._window, self._frame_bytes)
            if size <= 0:
                break
            known.window -= size
            self._window -= size
            self._write(DATA, 0, stream, bytes(waiting[:size]))
            del waiting[:size]
        if known.ending is not None and not waiting:
            self._end_stream(stream, known.ending)
        else:
            self._credit(stream, known)

    def _flush_all(self) -> None:
        for stream, known in list(self._streams.items()):
            self._flush(stream, known)

    def end(self, code: int = NO_ERROR) -> None:
        """Says that the connection ends, and why."""
        self._write(GOAWAY, 0, 0, _NUMBER.pack(self._newest) + _NUMBER.pack(code))

    def _write(self, kind: int, flags: int, stream: int, content: bytes) -> None:
        size = len(content)
        self._output.append(_HEAD.pack(size >> 16, size & 0xFFFF, kind, flags, stream))
        self._output.append(content)

    def output(self) -> bytes:
        """What is to be written now."""
        joined = b"".join(self._output)
        self._output.clear()
        return joined


def _widened(window: int, more: int) -> int:
    if window + more > _WINDOW_MAX:
        raise ProtocolViolation(FLOW_CONTROL_ERROR, "the window is too large")
    return window + more


def _unpadded(flags: int, content: bytes) -> bytes:
    if not flags & PADDED:
        return content
    if not content or content[0] >= len(content):
        raise ProtocolViolation(PROTOCOL_ERROR, "more padding than content")
    return content[1 : len(content) - content[0]]


def _text(raw: str | bytes) -> str:
    return raw if isinstance(raw, str) else raw.decode("utf-8", "replace")
