"""Our chaincode server and client against real peers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.request import urlopen

import pytest

from network import binaries
from network.fabric import FabricNetwork
from network.topology import ChannelSpec, ContractSpec
from tests.networks import PARAMETERS, running, topology
from ufmi.errors import (
    AccessDenied,
    CommitError,
    CommitStatusError,
    EndorseError,
    EvaluateError,
    NotFound,
    TooManyRequests,
)
from ufmi.ledger import Gateway, Identity, MemoryCheckpoint, Network
from ufmi.ledger.fabric import FabricLedger, Limits, connect, connect_async
from ufmi.system import ControlledClock

A, B = "AMSP", "BMSP"
BOTH = f"AND('{A}.peer', '{B}.peer')"
MANY = 200


@pytest.fixture(scope="module", params=PARAMETERS)
def network(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FabricNetwork]:
    version: binaries.Fabric = request.param
    contracts = {"kv": ContractSpec("tests.fabricnet.meddler:Meddler", policy=BOTH)}
    shape = topology((A, B), {"one": ChannelSpec((A, B), contracts)}, count=50, timeout_ms=50)
    with running(tmp_path_factory.mktemp("network") / "it", shape, version) as found:
        yield found


@pytest.fixture
def gateway(network: FabricNetwork) -> Iterator[Gateway]:
    with connect(network.connection, A) as found:
        yield found


@pytest.fixture
def channel(gateway: Gateway) -> Network:
    return gateway.network("one")


# -- many at once -------------------------------------------------------------------------------


def test_two_hundred_transactions_in_flight(network: FabricNetwork, channel: Network) -> None:
    height = channel.height()

    async def one(contract: object, at: int) -> bytes:
        return await contract.submit("add", f"many-{at}".encode())  # type: ignore[attr-defined]

    async def everything() -> list[bytes]:
        async with connect_async(network.connection, A) as gateway:
            contract = gateway.network("one").contract("kv")
            return await asyncio.gather(*(one(contract, at) for at in range(MANY)))

    assert asyncio.run(everything()) == [b"1"] * MANY
    events = []
    for event in channel.chaincode_events("kv", start=height):
        events.append((event.name, event.payload))
        if len(events) == MANY:
            break
    assert events == [("add", b"1")] * MANY
    keys = json.loads(channel.contract("kv").evaluate("keys", b"many-", b"many.", b"500"))
    assert len(keys) == MANY


def test_threads_share_a_gateway(channel: Network) -> None:
    contract = channel.contract("kv")
    with ThreadPoolExecutor(20) as pool:
        keys = [f"thread-{at}".encode() for at in range(60)]
        assert list(pool.map(lambda key: contract.submit("add", key), keys)) == [b"1"] * 60


def test_more_calls_than_are_allowed_wait_their_turn(network: FabricNetwork) -> None:
    ledger = FabricLedger(network.connection, A, limits=Limits(in_flight=2))
    contract = Gateway(ledger, ledger.identity(A, "")).network("one").contract("kv")
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: contract.evaluate("get", b"x"), range(40)))
    assert answers == [b"null"] * 40
    ledger.close()


def test_a_peer_at_its_limit_is_told_apart(network: FabricNetwork) -> None:
    """600 questions for a commit that never comes: the peer takes 500."""

    async def everything() -> list[object]:
        limits = Limits(in_flight=1_000)
        async with connect_async(network.connection, A, limits=limits) as gateway:
            commits = [gateway.commit("one", f"{at:064x}") for at in range(600)]
            waits = [commit.status(5) for commit in commits]
            return await asyncio.gather(*waits, return_exceptions=True)

    kinds = [type(one) for one in asyncio.run(everything())]
    assert kinds.count(TooManyRequests) >= 100
    assert kinds.count(CommitStatusError) == 600 - kinds.count(TooManyRequests)


# -- what goes wrong ----------------------------------------------------------------------------


def test_a_contracts_refusal_is_told_with_every_nodes_words(channel: Network) -> None:
    contract = channel.contract("kv")
    with pytest.raises(EndorseError, match="no more tea") as caught:
        contract.submit("fail", b"no more tea")
    problem = caught.value
    assert problem.grpc_code == "ABORTED" and not problem.retryable and problem.transaction_id
    assert {one.msp for one in problem.nodes} <= {A, B}
    assert all("UFMI-3005" in one.message for one in problem.nodes)
    with pytest.raises(EvaluateError, match="no more tea"):
        contract.evaluate("fail", b"no more tea")
    with pytest.raises(EndorseError, match="RuntimeError: a defect"):
        contract.submit("crash")
    with pytest.raises(EndorseError, match="UFMI-3003"):
        contract.submit("fly")


def test_what_a_peer_refuses_in_the_middle_of_a_contract_comes_back_at_once(
    channel: Network,
) -> None:
    started = time.monotonic()
    with pytest.raises(EvaluateError, match="the peer refuses: .*not supported for leveldb"):
        channel.contract("kv").evaluate("rich_query")
    assert time.monotonic() - started < 20, "it waited for a timeout"


def test_keys_that_the_other_ledger_would_not_take_are_refused(channel: Network) -> None:
    for key in (b"", b"k" * 401):
        with pytest.raises(EndorseError, match="UFMI-3002"):
            channel.contract("kv").submit("put", key, b"x")


def test_unknown_things_are_named(gateway: Gateway, channel: Network) -> None:
    with pytest.raises(EvaluateError, match="nothing"):
        channel.contract("nothing").evaluate("get", b"x")
    with pytest.raises(NotFound):
        gateway.network("nowhere").height()
    with pytest.raises(NotFound):
        channel.block(10**6)
    with pytest.raises(NotFound):
        channel.transaction("0" * 64)


def test_strangers_are_refused(network: FabricNetwork, gateway: Gateway) -> None:
    stranger = Identity("NobodyMSP", gateway.identity.certificate, gateway.identity.signer)
    with connect(network.connection, A, stranger) as other:
        with pytest.raises(EvaluateError):
            other.network("one").contract("kv").evaluate("get", b"x")
        with pytest.raises(AccessDenied):
            other.network("one").height()


def test_endorsement_by_too_few_organisations_is_no_transaction(channel: Network) -> None:
    contract = channel.contract("kv")
    proposal = contract.new_proposal("add", b"few", organisations=(A,))
    commit = proposal.endorse().submit()
    with pytest.raises(CommitError, match="ENDORSEMENT_POLICY_FAILURE") as caught:
        commit.require_valid()
    assert not caught.value.retryable
    assert contract.evaluate("get", b"few") == b"null"


def test_a_time_far_from_the_servers_clock_is_refused(network: FabricNetwork) -> None:
    for minutes in (-10, 10):
        now = time.time_ns() // 1_000_000 + minutes * 60_000
        ledger = FabricLedger(network.connection, A, clock=ControlledClock(now))
        contract = Gateway(ledger, ledger.identity(A, "")).network("one").contract("kv")
        with pytest.raises(EndorseError, match="UFMI-3006"):
            contract.submit("add", b"late")
        ledger.close()


# -- signing elsewhere ----------------------------------------------------------------------------


def test_signing_apart_from_the_connection(network: FabricNetwork, gateway: Gateway) -> None:
    key = gateway.identity
    with connect(network.connection, A, Identity(A, key.certificate)) as offline:
        contract = offline.network("one").contract("kv")
        with pytest.raises(AccessDenied, match="cannot sign here"):
            contract.submit("put", b"offline", b"1")
        raw = contract.new_proposal("put", b"offline", b"1").bytes
        proposal = offline.proposal(raw)  # as it comes back from where it was kept
        endorsed = proposal.signed(key.sign_digest(proposal.digest)).endorse()
        commit = endorsed.signed(key.sign_digest(endorsed.digest)).submit()
        status = commit.signed(key.sign_digest(commit.digest)).require_valid()
        assert status.transaction_id == proposal.transaction_id
    assert gateway.network("one").contract("kv").evaluate("get", b"offline") == b'"1"'


# -- blocks and events ----------------------------------------------------------------------------


def test_blocks_and_events_from_a_checkpoint_on(channel: Network) -> None:
    contract = channel.contract("kv")
    start = channel.height()
    for at in range(5):
        contract.submit("put", f"event-{at}".encode(), b"x")
    checkpoint = MemoryCheckpoint()
    checkpoint.block_done(start - 1)
    seen = []
    for _ in range(5):  # a reader that ends after every event
        event = next(iter(channel.chaincode_events("kv", checkpoint=checkpoint)))
        seen.append(event.payload)
        checkpoint.transaction_done(event.block, event.transaction_id)
    assert seen == [f"event-{at}".encode() for at in range(5)]
    blocks = list(channel.block_events(start=0, stop=start))
    assert [block.number for block in blocks] == list(range(start + 1))
    for before, after in zip(blocks, blocks[1:], strict=False):
        assert after.message.header.previous_hash == before.hash


def test_the_same_for_asyncio(network: FabricNetwork) -> None:
    async def everything() -> None:
        async with connect_async(network.connection, B) as gateway:
            channel = gateway.network("one")
            contract = channel.contract("kv")
            start = await channel.height()
            await contract.submit("put", b"async", b"1")
            assert await contract.evaluate("get", b"async") == b'"1"'
            async for event in channel.chaincode_events("kv", start=start):
                assert (event.name, event.payload) == ("put", b"async")
                break
            async for block in channel.block_events(start=start, stop=start):
                assert block.number == start
            assert (await channel.block(start)).number == start
            assert [block.number async for block in channel.past_blocks(start)] == [start]
            with pytest.raises(EndorseError, match="why not") as caught:
                await contract.submit("fail", b"why not")
            assert caught.value.nodes
            with pytest.raises(NotFound):
                await gateway.network("nowhere").height()

    asyncio.run(everything())


def test_figures_of_a_server(network: FabricNetwork, channel: Network) -> None:
    channel.contract("kv").evaluate("get", b"x")
    server = next(one for one in network.plan.servers if one.organisation == A)
    with urlopen(f"http://127.0.0.1:{server.metrics}/metrics") as answer:
        text = answer.read().decode()
    assert "ufmi_chaincode_peers 1.0" in text
    assert 'ufmi_chaincode_transactions_total{contract="kv",outcome="ok"}' in text


def test_files_of_a_connection_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no connection profile"):
        connect(tmp_path, A)
