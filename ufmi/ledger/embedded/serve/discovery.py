"""Fabric's discovery service: configuration, peers, and who can endorse a contract."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from typing import Any

from ufmi.errors import AccessDenied, NotFound
from ufmi.ledger import policy
from ufmi.ledger.embedded.channel import EmbeddedChannel
from ufmi.ledger.embedded.serve.failures import Code, Failure, unary
from ufmi.ledger.embedded.serve.limits import Limit
from ufmi.ledger.embedded.serve.messages import discovery, discovery_service, gossip
from ufmi.ledger.embedded.serve.places import Place, Places, joined
from ufmi.ledger.embedded.serve.work import Work
from ufmi.ledger.identity import Identity, sha256
from ufmi.ledger.msp import Membership
from ufmi.ledger.protos import common, configtx, msp_config

LAYOUTS_MAX = 200
QUERIES_MAX = 100


class _Refused(Exception):
    """A query that is answered with an error."""


class Discovery(discovery_service.DiscoveryServicer):  # type: ignore[misc]
    """The service `discovery.Discovery` of one organisation's peer."""

    def __init__(self, work: Work, places: Places, place: Place, limit: Limit) -> None:
        self.limit = limit
        self._work = work
        self._ledger = work.ledger
        self._places = places
        self._own = place.msp
        self._local = Membership({place.msp: self._ledger.organisation(place.msp).authority})
        self._peers = {one.msp: self._ledger.identity(one.msp, "peer0") for one in places.peers}
        self._started = time.time_ns()

    @unary
    async def Discover(self, request: Any, context: Any) -> Any:
        return await self._work.run(self._discover, request)

    def _discover(self, signed: Any) -> Any:
        try:
            request = discovery.Request.FromString(signed.payload)
        except Exception as problem:
            raise Failure(Code.UNKNOWN, f"failed parsing request: {problem}") from problem
        identity = request.authentication.client_identity
        if not identity:
            raise Failure(Code.UNKNOWN, "access denied, client identity wasn't supplied")
        if len(request.queries) > QUERIES_MAX:
            raise Failure(Code.RESOURCE_EXHAUSTED, f"more than {QUERIES_MAX} queries in a request")
        return discovery.Response(
            results=[self._answer(query, signed, identity) for query in request.queries]
        )

    def _answer(self, query: Any, signed: Any, identity: bytes) -> Any:
        kinds: dict[str, Callable[[EmbeddedChannel, Any], Any]] = {
            "config_query": self._config,
            "peer_query": self._members,
            "cc_query": self._endorsers,
        }
        kind = query.WhichOneof("query")
        try:
            if not query.channel and kind == "local_peers":
                self._check_admin(signed, identity)
                return _members({one.msp: self._peer(one, None) for one in self._places.peers})
            channel = self._eligible(query.channel, signed, identity)
            if kind not in kinds:
                raise _Refused("unknown or missing request type")
            return kinds[kind](channel, getattr(query, kind))
        except _Refused as problem:
            return discovery.QueryResult(error=discovery.Error(content=str(problem)))

    def _eligible(self, name: str, signed: Any, identity: bytes) -> EmbeddedChannel:
        """The channel, for a member of one of its organisations."""
        try:
            channel = joined(self._ledger, name, self._own)
            member = channel.membership.member(identity)
            member.verify(signed.signature, signed.payload)
        except (NotFound, AccessDenied) as problem:
            raise _Refused("access denied") from problem
        if member.msp not in channel.topology.organisations:
            raise _Refused("access denied")
        return channel

    def _check_admin(self, signed: Any, identity: bytes) -> None:
        """Peers outside any channel are shown to administrators of the peer's organisation."""
        try:
            member = self._local.member(identity)
            member.verify(signed.signature, signed.payload)
        except AccessDenied as problem:
            raise _Refused("access denied") from problem
        if member.role != "admin":
            raise _Refused("access denied")

    # -- answers ------------------------------------------------------------------------------

    def _config(self, channel: EmbeddedChannel, _: Any) -> Any:
        envelope = common.Envelope.FromString(channel.block(0).message.data.data[0])
        payload = common.Payload.FromString(envelope.payload)
        top = configtx.ConfigEnvelope.FromString(payload.data).config.channel_group
        found = discovery.ConfigResult()
        for name in ("Application", "Orderer"):
            for group in top.groups[name].groups.values():
                raw = msp_config.MSPConfig.FromString(group.values["MSP"].value).config
                one = msp_config.FabricMSPConfig.FromString(raw)
                # Block 0 is older than the authorities for TLS.
                one.tls_root_certs[:] = [self._ledger.organisation(one.name).tls_authority]
                found.msps[one.name].CopyFrom(one)
        orderer = self._places.orderer
        found.orderers[orderer.msp].endpoint.add(host=orderer.host, port=orderer.port)
        return discovery.QueryResult(config_result=found)

    def _members(self, channel: EmbeddedChannel, query: Any) -> Any:
        for call in query.filter.chaincodes:
            if call.name not in channel.policies:
                raise _Refused(f"No metadata was found for chaincode {call.name}")
        return _members({one.msp: self._peer(one, channel) for one in self._there(channel)})

    def _endorsers(self, channel: EmbeddedChannel, query: Any) -> Any:
        if not query.interests:
            raise _Refused("chaincode query must have at least one chaincode interest")
        if len(query.interests) > QUERIES_MAX:
            raise _Refused(f"more than {QUERIES_MAX} interests in a query")
        found = [self._descriptor(channel, interest) for interest in query.interests]
        return discovery.QueryResult(cc_query_res=discovery.ChaincodeQueryResult(content=found))

    def _descriptor(self, channel: EmbeddedChannel, interest: Any) -> Any:
        names = [call.name for call in interest.chaincodes]
        if not names or not all(name in channel.policies for name in names):
            raise _Refused(f"failed constructing descriptor for {interest}".strip())
        places = {one.msp: one for one in self._there(channel)}
        layouts = _layouts([channel.policies[name] for name in dict.fromkeys(names)], list(places))
        if not layouts:
            raise _Refused(f"failed constructing descriptor for {interest}".strip())
        # A group is what may stand for one another: here, an organisation's only peer.
        descriptor = discovery.EndorsementDescriptor(
            chaincode=names[0],
            layouts=[
                discovery.Layout(quantities_by_group=dict.fromkeys(layout, 1)) for layout in layouts
            ],
        )
        for msp in sorted({msp for layout in layouts for msp in layout}):
            peers = descriptor.endorsers_by_groups[msp].peers
            peers.append(self._peer(places[msp], channel))
        return descriptor

    # -- peers as gossip tells of them --------------------------------------------------------

    def _there(self, channel: EmbeddedChannel) -> Iterable[Place]:
        return (one for one in self._places.peers if one.msp in channel.topology.organisations)

    def _peer(self, place: Place, channel: EmbeddedChannel | None) -> Any:
        """A peer: that it is alive and where, and how far it is on a channel."""
        identity = self._peers[place.msp]
        name = sha256(identity.serialized)
        now = gossip.PeerTime(inc_num=self._started, seq_num=1)
        alive = gossip.GossipMessage(
            tag=gossip.GossipMessage.EMPTY,
            alive_msg=gossip.AliveMessage(
                membership=gossip.Member(endpoint=place.address, pki_id=name), timestamp=now
            ),
        )
        found = discovery.Peer(
            identity=identity.serialized, membership_info=_signed(identity, alive)
        )
        if channel is not None:
            state = gossip.GossipMessage(
                tag=gossip.GossipMessage.CHAN_OR_ORG,
                state_info=gossip.StateInfo(
                    timestamp=now,
                    pki_id=name,
                    properties=gossip.Properties(
                        ledger_height=channel.height,
                        chaincodes=[
                            gossip.Chaincode(name=contract, version="1")
                            for contract in sorted(channel.policies)
                        ],
                    ),
                ),
            )
            found.state_info.CopyFrom(_signed(identity, state))
        return found


def _signed(identity: Identity, message: Any) -> Any:
    payload = message.SerializeToString()
    return gossip.Envelope(payload=payload, signature=identity.sign(payload))


def _members(peers: dict[str, Any]) -> Any:
    found = discovery.PeerMembershipResult()
    for msp, peer in peers.items():
        found.peers_by_org[msp].peers.append(peer)
    return discovery.QueryResult(members=found)


def _layouts(policies: Sequence[Any], organisations: Sequence[str]) -> list[tuple[str, ...]]:
    """The sets of organisations that meet all policies and none of which can be left out."""
    found: list[tuple[str, ...]] = []
    for size in range(1, len(organisations) + 1):
        for group in combinations(sorted(organisations), size):
            if any(set(smaller) <= set(group) for smaller in found):
                continue
            signers = [(msp, "peer") for msp in group]
            if all(policy.is_met(one, signers) for one in policies):
                found.append(group)
                if len(found) == LAYOUTS_MAX:
                    return found
    return found
