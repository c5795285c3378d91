"""The chaincode server opposite gRPC's own client, as a peer would speak to it."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from fabric_protos.peer import chaincode_shim_pb2_grpc
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import TrailersReceived

from ufmi.errors import LedgerError
from ufmi.ledger.ca import Organisation
from ufmi.ledger.fabric import frames
from ufmi.ledger.fabric import server as module
from ufmi.ledger.fabric.calls import channel_options
from ufmi.ledger.fabric.server import ChaincodeServer, ServerTls

from .peer import FakePeer, Message, Trial, call, outcome, parameters
from .wire import HELLO, REQUEST, frame, opening

READY = Message(type=Message.READY, payload=parameters(100, 100))
Stub: Any = chaincode_shim_pb2_grpc.ChaincodeStub


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[tuple[ChaincodeServer, str, Trial]]:
    trial = Trial()
    server = ChaincodeServer(trial, "trial:01", "127.0.0.1:0", skew_seconds=0, **options)
    port = await server.start()
    try:
        yield server, f"127.0.0.1:{port}", trial
    finally:
        await server.stop()


def channel(address: str, *options: tuple[str, int]) -> Any:
    return grpc.aio.insecure_channel(address, [*channel_options(), *options])


async def connected(one: Any) -> Any:
    """A stream after REGISTER and READY."""
    stream = Stub(one).Connect()
    assert (await stream.read()).type == Message.REGISTER
    await stream.write(READY)
    return stream


async def completed(stream: Any, peer: FakePeer, message: Any) -> Any:
    await stream.write(message)
    while (said := await stream.read()).type != Message.COMPLETED:
        await stream.write(peer.response(said))
    return outcome(said)


async def settled(server: ChaincodeServer) -> None:
    """Waits until the server has noticed that everybody left; gRPC may keep a connection."""
    while server._sessions:
        await asyncio.sleep(0.01)


def figure(server: ChaincodeServer, name: str, **labels: str) -> float | None:
    return server.metrics.registry.get_sample_value(f"ufmi_chaincode_{name}", labels)


def test_transactions_through_asyncio() -> None:
    async def run() -> None:
        async with serving() as (server, address, _), channel(address) as one:
            peer = FakePeer()
            stream = await connected(one)
            assert (await completed(stream, peer, call("get", b"a"))).payload == b"[null]"
            assert (await completed(stream, peer, call("put", b"a", b"b"))).payload == b"done"
            assert peer.writes == {"a": b'"b"'}
            assert (await completed(stream, peer, call("trouble", b"defect"))).status == 500
            labels = {"contract": "trial"}
            assert figure(server, "transactions_total", outcome="ok", **labels) == 2
            assert figure(server, "transactions_total", outcome="failed", **labels) == 1
            assert figure(server, "peers") == 1
            await stream.done_writing()
            assert await stream.read() is grpc.aio.EOF
            assert await stream.code() is grpc.StatusCode.OK
            assert figure(server, "peers") == 0
            await one.close()
            await settled(server)

    asyncio.run(run())


def test_transactions_through_threads() -> None:
    def client(address: str) -> bytes:
        with grpc.insecure_channel(address) as one:
            requests: list[Any] = [READY, call("who")]
            for said in Stub(one).Connect(iter(requests)):
                if said.type == Message.COMPLETED:
                    return bytes(outcome(said).payload)
        return b""

    async def run() -> None:
        async with serving() as (_, address, _trial):
            assert b"AMSP" in await asyncio.to_thread(client, address)

    asyncio.run(run())


def test_large_messages_both_ways() -> None:
    async def run() -> None:
        async with serving() as (_, address, _trial), channel(address) as one:
            peer = FakePeer()
            peer.state["a"] = b'"' + b"x" * (30 << 20) + b'"'
            stream = await connected(one)
            for _ in range(2):
                answer = await completed(stream, peer, call("get", b"a"))
                assert len(answer.payload) == len(peer.state["a"]) + 2
            assert len((await completed(stream, peer, call("large", b"60"))).payload) == 60 << 20

    asyncio.run(run())


def test_200_in_flight_answered_in_any_order() -> None:
    async def run() -> None:
        async with serving() as (server, address, _), channel(address) as one:
            peer, chance = FakePeer(), random.Random(3)
            peer.state = {f"k{at}": b'"%d"' % at for at in range(200)}
            stream = await connected(one)
            messages = [call("get", b"k%d" % at) for at in range(200)]
            for message in messages:
                await stream.write(message)
            requests = [await stream.read() for _ in messages]
            assert figure(server, "in_flight") == 200
            chance.shuffle(requests)
            for request in requests:
                await stream.write(peer.response(request))
            answers = {}
            for _ in messages:
                said = await stream.read()
                answers[said.txid] = outcome(said).payload
            for at, message in enumerate(messages):
                assert answers[message.txid] == b'["%d"]' % at

    asyncio.run(run())


def test_other_methods_are_not_there() -> None:
    async def run() -> None:
        async with serving() as (_, address, _trial), channel(address) as one:
            for path in ("/protos.Chaincode/Other", "/" + "long" * 3000):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await one.unary_unary(path)(b"")
                assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
                assert path[:100] in caught.value.details()

    asyncio.run(run())


def test_a_message_that_is_none_ends_its_stream_alone() -> None:
    async def run() -> None:
        async with serving() as (_, address, _trial), channel(address) as one:
            good = await connected(one)
            raw = one.stream_stream("/protos.Chaincode/Connect")()
            await raw.read()
            await raw.write(b"\xff\xff")
            assert await raw.code() is grpc.StatusCode.UNKNOWN
            assert (await completed(good, FakePeer(), call("who"))).status == 200

    asyncio.run(run())


def test_a_failure_of_many_letters_and_lines_reaches_the_client_whole() -> None:
    def broken(message: bytes) -> bytes:
        raise ValueError("zwei\nZeilen, 中文, 100 %")

    async def run() -> None:
        async with serving() as (server, address, _), channel(address) as one:
            stream = await connected(one)
            (session,) = server._sessions
            session.answer = broken  # type: ignore[method-assign]
            await stream.write(call("who"))
            assert await stream.code() is grpc.StatusCode.UNKNOWN
            assert await stream.details() == "ValueError: zwei\nZeilen, 中文, 100 %"

    asyncio.run(run())


@pytest.mark.parametrize("prefix", [b"\x01\0\0\0\x01x", b"\0\xff\xff\xff\xff"])
def test_compressed_and_too_large_messages_are_refused(prefix: bytes) -> None:
    def client(address: str) -> dict[str, str]:
        http = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        http.initiate_connection()
        http.send_headers(1, REQUEST)
        http.send_data(1, prefix)
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as one:
            one.settimeout(60)
            one.sendall(http.data_to_send())
            while said := one.recv(65_536):
                for event in http.receive_data(said):
                    if isinstance(event, TrailersReceived):
                        return dict(event.headers)  # type: ignore[arg-type]
        return {}

    async def run() -> None:
        async with serving() as (_, address, _trial):
            assert (await asyncio.to_thread(client, address))["grpc-status"] == "8"

    asyncio.run(run())


def test_tls_with_certificates_of_clients(tmp_path: Path) -> None:
    ours, theirs = (Organisation.create(tmp_path / name, "AMSP") for name in ("a", "b"))
    ours.enrol_tls("server")
    ours.enrol_tls("peer")
    theirs.enrol_tls("peer")
    folder = tmp_path / "a"
    tls = ServerTls(
        folder / "server-tls-key.pem", folder / "server-tls-cert.pem", folder / "tlsca-cert.pem"
    )

    async def run() -> None:
        async with serving(tls=tls) as (server, address, _):
            key, certificate = ours.tls("peer")
            good = grpc.ssl_channel_credentials(ours.tls_authority, key, certificate)
            wrong = grpc.ssl_channel_credentials(ours.tls_authority, *theirs.tls("peer"))
            none = grpc.ssl_channel_credentials(ours.tls_authority)
            async with grpc.aio.secure_channel(address, good, channel_options()) as one:
                stream = await connected(one)
                answer = await completed(stream, FakePeer(), call("large", b"20"))
                assert len(answer.payload) == 20 << 20
                for bad in (wrong, none):
                    async with grpc.aio.secure_channel(address, bad) as two:
                        with pytest.raises(grpc.aio.AioRpcError) as caught:
                            await Stub(two).Connect().read()
                        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
                async with channel(address) as plain:
                    with pytest.raises(grpc.aio.AioRpcError):
                        await Stub(plain).Connect().read()
                assert len(server._sessions) == 1
                assert (await completed(stream, FakePeer(), call("who"))).status == 200

    asyncio.run(run())


def test_several_peers_at_once() -> None:
    async def run() -> None:
        async with serving() as (server, address, _):
            pools = [channel(address, ("grpc.use_local_subchannel_pool", 1)) for _ in range(5)]
            streams = [await connected(one) for one in pools for _ in range(2)]
            assert len(server._connections) == 5 and figure(server, "peers") == 10
            message = call("get", b"a")  # the same transaction at every peer
            peers = [FakePeer() for _ in streams]
            for at, peer in enumerate(peers):
                peer.state["a"] = b'"%d"' % at
            answers = await asyncio.gather(
                *(completed(s, p, message) for s, p in zip(streams, peers, strict=True))
            )
            assert [one.payload for one in answers] == [b'["%d"]' % at for at in range(10)]
            for one in pools:
                await one.close()
            await settled(server)

    asyncio.run(run())


def test_a_client_that_vanishes_ends_its_transactions() -> None:
    async def run() -> None:
        async with serving() as (server, address, trial):
            one = channel(address)
            stream = await connected(one)
            messages = [call("clean", b"") for _ in range(50)]
            for message in messages:
                await stream.write(message)
                await stream.read()
            await one.close()
            await settled(server)
            assert trial.cleaned == [message.txid for message in messages]
            gc.collect()
            assert figure(server, "in_flight") == 0

    asyncio.run(run())


def test_frequent_life_signs_are_welcome() -> None:
    async def run() -> None:
        often = (
            ("grpc.keepalive_time_ms", 20),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.max_pings_without_data", 0),
        )
        async with serving() as (_, address, _trial), channel(address, *often) as one:
            stream = await connected(one)
            await asyncio.sleep(1)
            assert (await completed(stream, FakePeer(), call("who"))).status == 200

    asyncio.run(run())


def test_stopping_lets_what_is_under_way_end() -> None:
    async def run() -> None:
        async with serving() as (server, address, _), channel(address) as one:
            stream = await connected(one)
            await stream.write(call("get", b"a"))
            request = await stream.read()
            stopping = asyncio.create_task(server.stop())
            await asyncio.sleep(0.05)
            await stream.write(FakePeer().response(request))
            assert outcome(await stream.read()).payload == b"[null]"
            await stopping
            assert await stream.read() is grpc.aio.EOF

    asyncio.run(run())


def test_stopping_breaks_off_what_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.05)

    async def run() -> None:
        async with serving() as (server, address, trial), channel(address) as one:
            stream = await connected(one)
            await stream.write(call("clean", b""))
            await stream.read()
            await server.stop()
            assert len(trial.cleaned) == 1 and not server._connections

    asyncio.run(run())


def test_stopping_does_not_wait_for_who_reads_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_SECONDS", 0.05)
    monkeypatch.setattr(module, "GOODBYE_SECONDS", 0.05)

    async def run() -> None:
        async with serving() as (server, address, _):
            one = socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])))
            wide = frame(frames.WINDOW_UPDATE, 0, 0, (2**30).to_bytes(4, "big"))
            setting = frame(frames.SETTINGS, 0, 0, b"\0\x04\x7f\xff\xff\xff")
            message = call("large", b"90").SerializeToString()
            content = b"\0" + len(message).to_bytes(4, "big") + message
            with one:
                one.sendall(HELLO + wide + setting + opening() + frame(frames.DATA, 0, 1, content))
                while not figure(server, "transactions_total", contract="trial", outcome="ok"):
                    await asyncio.sleep(0.01)
                await server.stop()
                assert not server._connections

    asyncio.run(run())


def test_a_port_that_is_taken_is_an_error_with_a_hint() -> None:
    async def run() -> None:
        async with serving() as (_, address, _trial):
            with pytest.raises(LedgerError, match="cannot be served") as caught:
                await ChaincodeServer(Trial(), "trial:01", address).start()
            assert caught.value.hint

    asyncio.run(run())


@pytest.mark.parametrize("address", ["127.0.0.1:none", "127.0.0.1:99999", "nowhere"])
def test_an_address_that_is_none_is_an_error(address: str) -> None:
    with pytest.raises(LedgerError, match="cannot be served"):
        asyncio.run(ChaincodeServer(Trial(), "trial:01", address).start())


def test_files_that_are_missing_are_an_error(tmp_path: Path) -> None:
    tls = ServerTls(tmp_path / "key.pem", tmp_path / "cert.pem")
    with pytest.raises(LedgerError, match="cannot be served"):
        asyncio.run(ChaincodeServer(Trial(), "trial:01", "127.0.0.1:0", tls=tls).start())


def test_who_asks_on_without_reading_is_cut_off_before_memory_is_full() -> None:
    """It gives no window for answers; what waits for it is bounded by ending the connection."""

    def client(address: str) -> int:
        sent = 0
        alive = Message(type=Message.KEEPALIVE, payload=bytes(16_000)).SerializeToString()
        content = frame(frames.DATA, 0, 1, b"\0" + len(alive).to_bytes(4, "big") + alive)
        with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2]))) as one:
            one.settimeout(60)
            one.sendall(HELLO + opening())
            try:
                while sent < 20 * frames.WINDOW:
                    one.sendall(content)
                    sent += len(content)
            except OSError:
                pass
        return sent

    async def run() -> None:
        async with serving() as (server, address, _):
            assert await asyncio.to_thread(client, address) < 20 * frames.WINDOW
            await settled(server)

    asyncio.run(run())
