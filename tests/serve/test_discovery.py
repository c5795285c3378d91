"""The discovery service, with a plain gRPC client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from fabric_protos.discovery import protocol_pb2
from fabric_protos.gossip import message_pb2
from fabric_protos.peer import proposal_response_pb2

from tests.ledger import kv

from .client import Client
from .conftest import Served, serve

discovery: Any = protocol_pb2
gossip: Any = message_pb2
interests: Any = proposal_response_pb2


def ask(client: Client, *queries: Any, forged: bool = False) -> Any:
    """The results of queries, signed by the client."""
    request = discovery.Request(queries=queries)
    request.authentication.client_identity = client.identity.serialized
    payload = request.SerializeToString()
    signature = client.identity.sign(b"other" if forged else payload)
    signed = discovery.SignedRequest(payload=payload, signature=signature)
    return client.discovery.Discover(signed, timeout=60).results


def config(channel: str = "one") -> Any:
    return discovery.Query(channel=channel, config_query=discovery.ConfigQuery())


def members(channel: str = "one") -> Any:
    return discovery.Query(channel=channel, peer_query=discovery.PeerMembershipQuery())


def endorsing(*contracts: str) -> Any:
    interest = interests.ChaincodeInterest(
        chaincodes=[interests.ChaincodeCall(name=name) for name in contracts]
    )
    query = discovery.ChaincodeQuery(interests=[interest])
    return discovery.Query(channel="one", cc_query=query)


LOCAL = discovery.Query(local_peers=discovery.LocalPeerQuery())


def test_configuration_leads_to_the_orderer(client: Client, served: Served) -> None:
    (found,) = ask(client, config())
    result = found.config_result
    (endpoint,) = result.orderers["OrdererMSP"].endpoint
    place = served.server.places.orderer
    assert (endpoint.host, endpoint.port) == (place.host, place.port)
    assert sorted(result.msps) == [kv.A, kv.B, kv.C, "OrdererMSP"]
    for msp, one in result.msps.items():
        authority = (served.connection / msp / "tls-ca.pem").read_bytes()
        assert list(one.tls_root_certs) == [authority]


def test_peers_are_where_they_are_served(client: Client, served: Served) -> None:
    (found,) = ask(client, members())
    assert sorted(found.members.peers_by_org) == [kv.A, kv.B, kv.C]
    for place in served.server.places.peers:
        (peer,) = found.members.peers_by_org[place.msp].peers
        member = served.ledger.channel("one").membership.member(peer.identity)
        assert (member.msp, member.role) == (place.msp, "peer")
        for envelope in (peer.membership_info, peer.state_info):
            member.verify(envelope.signature, envelope.payload)
        alive = gossip.GossipMessage.FromString(peer.membership_info.payload).alive_msg
        assert alive.membership.endpoint == place.address
        state = gossip.GossipMessage.FromString(peer.state_info.payload).state_info
        assert state.properties.ledger_height == served.ledger.channel("one").height
        assert [one.name for one in state.properties.chaincodes] == ["kv"]


def test_layouts_are_the_smallest_that_meet_the_policy(client: Client) -> None:
    (found,) = ask(client, endorsing("kv"))
    (descriptor,) = found.cc_query_res.content
    assert descriptor.chaincode == "kv"
    layouts = [sorted(one.quantities_by_group) for one in descriptor.layouts]
    assert layouts == [[kv.A, kv.B], [kv.A, kv.C], [kv.B, kv.C]]
    assert sorted(descriptor.endorsers_by_groups) == [kv.A, kv.B, kv.C]


def test_layouts_may_differ_in_size(tmp_path: Path) -> None:
    policy = "OR('CMSP.peer', AND('AMSP.peer', 'BMSP.peer'))"
    for one in serve(tmp_path, policy=policy):
        client = one.client()
        (descriptor,) = ask(client, endorsing("kv"))[0].cc_query_res.content
        layouts = [sorted(layout.quantities_by_group) for layout in descriptor.layouts]
        assert layouts == [[kv.C], [kv.A, kv.B]]
        client.close()


def test_several_queries_are_answered_in_order(client: Client) -> None:
    found = ask(client, members(), config("two"), endorsing("kv"), config("none"))
    kinds = [one.WhichOneof("result") for one in found]
    assert kinds == ["members", "config_result", "cc_query_res", "error"]


@pytest.mark.parametrize(
    "query",
    [
        config("none"),
        config(""),
        LOCAL,
        endorsing("none"),
        endorsing(),
        discovery.Query(channel="one", cc_query=discovery.ChaincodeQuery()),
        discovery.Query(channel="one"),
        discovery.Query(channel="one", local_peers=discovery.LocalPeerQuery()),
    ],
)
def test_what_is_not_answered_is_an_error(client: Client, query: Any) -> None:
    (found,) = ask(client, query)
    assert found.error.content


def test_administrators_see_all_peers(client_of: Callable[..., Client]) -> None:
    (found,) = ask(client_of(kv.A, "admin"), LOCAL)
    assert sorted(found.members.peers_by_org) == [kv.A, kv.B, kv.C]


def test_strangers_are_told_nothing(client: Client, served: Served) -> None:
    (found,) = ask(client, config(), forged=True)
    assert found.error.content == "access denied"
    client.identity = served.ledger.identity("OrdererMSP", "client")
    (found,) = ask(client, config())
    assert found.error.content == "access denied"
    for signed in (discovery.SignedRequest(), discovery.SignedRequest(payload=b"\xff")):
        with pytest.raises(grpc.RpcError) as caught:
            client.discovery.Discover(signed, timeout=60)
        assert caught.value.code() is grpc.StatusCode.UNKNOWN


def test_too_many_queries_are_refused(client: Client) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ask(client, *[config()] * 101)
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
