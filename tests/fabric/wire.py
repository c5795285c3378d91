"""Frames of HTTP/2 put together by hand, and a client of the library h2 opposite our server."""

from __future__ import annotations

from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived
from hpack import Encoder

from ufmi.ledger.fabric import frames
from ufmi.ledger.fabric.frames import Connection

PATH = "/protos.Chaincode/Connect"
REQUEST = [(":method", "POST"), (":scheme", "http"), (":path", PATH), (":authority", "here")]


def frame(kind: int, flags: int = 0, stream: int = 0, content: bytes = b"") -> bytes:
    head = len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")
    return head + content


HELLO = frames.PREFACE + frame(frames.SETTINGS)


def block(headers: list[tuple[str, str]] = REQUEST) -> bytes:
    """Headers that need no memory of earlier ones."""
    return Encoder().encode([(name, value, True) for name, value in headers])


def opening(stream: int = 1, flags: int = 0) -> bytes:
    return frame(frames.HEADERS, frames.END_HEADERS | flags, stream, block())


class Pipe:
    """A client on h2 and our server, in memory. h2 refuses whatever breaks the protocol."""

    def __init__(self) -> None:
        self.client = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.server = Connection()
        self.heard: dict[int, bytearray] = {}  # by the server
        self.got: dict[int, bytearray] = {}  # by the client
        self.unacknowledged: dict[int, int] = {}
        self.events: list[Any] = []  # of the client
        self.client.initiate_connection()
        self.pump()

    def open(self) -> int:
        stream = int(self.client.get_next_available_stream_id())
        self.client.send_headers(stream, REQUEST)
        self.heard[stream], self.got[stream] = bytearray(), bytearray()
        self.unacknowledged[stream] = 0
        self.pump()
        return stream

    def pump(self) -> None:
        """Lets each side take what the other has written, until both are silent."""
        while True:
            for event in self.server.receive(self.client.data_to_send()):
                if isinstance(event, frames.Received):
                    self.heard[event.stream] += event.content
            said = self.server.output()
            if said:
                self._take(said)
            elif not self.client._data_to_send:
                return

    def _take(self, said: bytes) -> None:
        # One frame at a time: h2 minds a new frame size only in what comes with the next call.
        while said:
            size = 9 + int.from_bytes(said[:3], "big")
            for event in self.client.receive_data(said[:size]):
                self.events.append(event)
                if isinstance(event, DataReceived):
                    self.got[event.stream_id] += event.data
                    self.unacknowledged[event.stream_id] += event.flow_controlled_length
            said = said[size:]

    def acknowledge(self, stream: int, size: int) -> None:
        size = min(size, self.unacknowledged[stream])
        if size:
            self.unacknowledged[stream] -= size
            self.client.acknowledge_received_data(size, stream)
            self.pump()
