"""A peer knows the channels that its organisation has joined, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from fabric_protos.peer import query_pb2

from tests.ledger import kv
from ufmi.ledger.embedded import Channel, Topology
from ufmi.ledger.embedded.serve import Server, layout
from ufmi.ledger.policy import MAJORITY
from ufmi.ledger.profile import write_connection
from ufmi.ledger.protos import common

from .client import NEWEST, OLDEST
from .conftest import Served
from .test_discovery import ask, config

Status = common.Status


@pytest.fixture
def parted(tmp_path: Path) -> Iterator[Served]:
    """Channel `one` of A and B, channel `two` of B and C."""
    shape = Topology(
        {
            "one": Channel((kv.A, kv.B), {"kv": MAJORITY}),
            "two": Channel((kv.B, kv.C), {"kv": MAJORITY}),
        }
    )
    with kv.found(tmp_path / "ledger", shape) as ledger, Server(ledger) as server:
        write_connection(layout(ledger, server.places), tmp_path / "connection")
        yield Served(ledger, server, tmp_path / "connection")


def test_a_peer_serves_its_own_channels(parted: Served) -> None:
    for msp, channels in ((kv.A, ["one"]), (kv.B, ["one", "two"]), (kv.C, ["two"])):
        client = parted.client(msp)
        raw = client.process(b"GetChannels", contract="cscc", channel="").response.payload
        found = query_pb2.ChannelQueryResponse.FromString(raw).channels
        assert [one.channel_id for one in found] == channels
        for name in channels:
            _, status = client.call(b"put", msp.encode(), b"x", channel=name)
            assert status.result == 0
            assert client.evaluate(b"get", msp.encode(), channel=name) == b'"x"'
        client.close()


def test_a_member_of_a_channel_is_not_served_by_peers_outside_it(parted: Served) -> None:
    client = parted.client(kv.A)
    client.identity = parted.ledger.identity(kv.B, "client")  # a member of both channels
    assert client.process(b"get", b"x", channel="one").response.status == 200
    answer = client.process(b"get", b"x", channel="two").response
    assert answer.message == "channel 'two' not found"
    answer = client.process(b"GetChainInfo", b"two", contract="qscc", channel="one").response
    assert answer.message == "Invalid chain ID, two"
    (found,) = client.blocks.Deliver(iter([client.seek(OLDEST, NEWEST, channel="two")]))
    assert found.status == Status.NOT_FOUND
    assert ask(client, config("two"))[0].error.content == "access denied"
    for call in (client.endorse, client.evaluate):
        with pytest.raises(grpc.RpcError):
            call(b"get", b"x", channel="two")
    # The orderer serves all channels, to their members.
    blocks = list(client.ordering.Deliver(iter([client.seek(OLDEST, OLDEST, channel="two")])))
    assert blocks[-1].status == Status.SUCCESS
    client.identity = parted.ledger.identity(kv.A, "client")
    (found,) = client.ordering.Deliver(iter([client.seek(OLDEST, NEWEST, channel="two")]))
    assert found.status == Status.FORBIDDEN
    client.close()
