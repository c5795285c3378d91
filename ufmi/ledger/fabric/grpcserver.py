"""A gRPC server for one streaming method whose every message has one answer at most.

See `frames` for why it is not grpcio's.
"""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import quote

import structlog

from ufmi.ledger.fabric.calls import MESSAGE_BYTES_MAX
from ufmi.ledger.fabric.frames import (
    Connection,
    Ended,
    Opened,
    ProtocolViolation,
    Received,
)

_PREFIX = struct.Struct(">BI")  # whether compressed, length
_OK, _UNKNOWN, _EXHAUSTED, _UNIMPLEMENTED = "0", "2", "8", "12"
_MESSAGE_CHARACTERS_MAX = 1_000  # headers have to fit a frame
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
_CONTENT_TYPE = ("content-type", "application/grpc")

_log = structlog.get_logger("ufmi.chaincode")


class Conversation(Protocol):
    """What a stream says, in encoded messages."""

    def opening(self) -> bytes:
        """The message that is sent first."""
        ...

    def answer(self, message: bytes) -> bytes | None:
        """What follows from a message."""
        ...

    def close(self) -> None:
        """The stream has ended."""
        ...


class GrpcConnection(asyncio.Protocol):
    """One connection of a client, with its streams."""

    def __init__(
        self, path: str, converse: Callable[[], Conversation], all_of_them: set[GrpcConnection]
    ) -> None:
        self._path = path
        self._converse = converse
        self._all = all_of_them
        self._http = Connection()
        self._talks: dict[int, Conversation] = {}
        self._partial: dict[int, bytearray] = {}
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._all.add(self)
        transport.write(self._http.output())

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._http.receive(data):
                if isinstance(event, Received):
                    self._content(event.stream, event.content)
                elif isinstance(event, Opened):
                    self._opened(event.stream, event.path)
                elif isinstance(event, Ended):
                    self._ended(event)
        except ProtocolViolation as problem:
            _log.warning("a connection ends", reason=str(problem))
            self._http.end(problem.code)
            self._transport.write(self._http.output())
            self._transport.close()
            return
        said = self._http.output()
        if said:
            self._transport.write(said)

    def _opened(self, stream: int, path: str) -> None:
        if path != self._path:
            self._refuse(stream, _UNIMPLEMENTED, f"there is no method {path}")
            return
        self._http.send_headers(stream, [(":status", "200"), _CONTENT_TYPE])
        talk = self._talks[stream] = self._converse()
        self._partial[stream] = bytearray()
        self._say(stream, talk.opening())

    def _content(self, stream: int, content: bytes) -> None:
        partial = self._partial.get(stream)
        if partial is None:
            return
        partial += content
        at = 0
        while len(partial) - at >= 5:
            compressed, length = _PREFIX.unpack_from(partial, at)
            if compressed or length > MESSAGE_BYTES_MAX:
                self._fail(stream, _EXHAUSTED, "a message is too large, or compressed")
                return
            if len(partial) - at - 5 < length:
                break
            message = bytes(partial[at + 5 : at + 5 + length])
            at += 5 + length
            try:
                answer = self._talks[stream].answer(message)
            except Exception as problem:  # one stream's failure is not the others'
                _log.exception("a stream fails")
                self._fail(stream, _UNKNOWN, f"{type(problem).__name__}: {problem}")
                return
            if answer is not None:
                self._say(stream, answer)
        del partial[:at]

    def _say(self, stream: int, message: bytes) -> None:
        self._http.send(stream, _PREFIX.pack(0, len(message)) + message)

    def _ended(self, event: Ended) -> None:
        self._forget(event.stream)
        if not event.broken:
            self._http.send_headers(event.stream, [("grpc-status", _OK)], last=True)

    def _fail(self, stream: int, code: str, message: str) -> None:
        self._forget(stream)
        self._http.send_headers(stream, _status(code, message), last=True)

    def _refuse(self, stream: int, code: str, message: str) -> None:
        headers = [(":status", "200"), _CONTENT_TYPE, *_status(code, message)]
        self._http.send_headers(stream, headers, last=True)

    def _forget(self, stream: int) -> None:
        self._partial.pop(stream, None)
        talk = self._talks.pop(stream, None)
        if talk is not None:
            talk.close()

    # What cannot be written is not asked for either.
    def pause_writing(self) -> None:
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._transport.resume_reading()

    def connection_lost(self, problem: Exception | None) -> None:
        self._all.discard(self)
        for stream in list(self._talks):
            self._forget(stream)

    def end(self) -> None:
        """Ends all streams and says that the connection ends, which the client then closes.

        Closed here at once, the end could overtake what was said of the streams.
        """
        for stream in list(self._talks):
            self._ended(Ended(stream, False))
        self._http.end()
        self._transport.write(self._http.output())

    def abort(self) -> None:
        """Ends the connection without waiting for the client to take what was said."""
        self._transport.abort()


def _status(code: str, message: str) -> list[tuple[str, str]]:
    """A status as gRPC writes it; the message in percent-encoding, as headers hold no others."""
    text = quote(message[:_MESSAGE_CHARACTERS_MAX], safe=_PRINTABLE, errors="replace")
    return [("grpc-status", code), ("grpc-message", text)]


async def listen(
    host: str,
    port: int,
    path: str,
    converse: Callable[[], Conversation],
    tls: ssl.SSLContext | None,
    connections: set[GrpcConnection],
) -> asyncio.Server:
    """Serves a method at an address. Raises OSError where it cannot be had."""
    return await asyncio.get_running_loop().create_server(
        lambda: GrpcConnection(path, converse, connections), host, port, ssl=tls
    )
