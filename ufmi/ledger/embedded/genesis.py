"""Block 0: a real config block of Fabric, so that Fabric's own tools read the channel."""

from __future__ import annotations

from typing import Any

from ufmi.ledger import policy
from ufmi.ledger.blocks import data_hash
from ufmi.ledger.embedded.topology import Channel
from ufmi.ledger.identity import Identity
from ufmi.ledger.proposals import transaction_id
from ufmi.ledger.protos import (
    CONFIG,
    common,
    configtx,
    configuration,
    msp_config,
    orderer_configuration,
    policies,
)

CAPABILITIES = {"Channel": "V2_0", "Orderer": "V2_0", "Application": "V2_5"}


def config_envelope(
    name: str,
    channel: Channel,
    orderer_msp: str,
    authorities: dict[str, bytes],
    creator: Identity,
    nonce: bytes,
    time_ms: int,
) -> bytes:
    """The signed envelope of the channel's first configuration.

    Args:
        authorities: the CA's certificate (PEM) of each organisation, the orderer's too.
    """
    config = configtx.Config(sequence=0, channel_group=_group(channel, orderer_msp, authorities))
    channel_header = common.ChannelHeader(
        type=CONFIG, channel_id=name, tx_id=transaction_id(nonce, creator.serialized)
    )
    channel_header.timestamp.seconds = time_ms // 1000
    payload = common.Payload(
        header=common.Header(
            channel_header=channel_header.SerializeToString(),
            signature_header=common.SignatureHeader(
                creator=creator.serialized, nonce=nonce
            ).SerializeToString(),
        ),
        data=configtx.ConfigEnvelope(config=config).SerializeToString(),
    ).SerializeToString()
    return bytes(
        common.Envelope(payload=payload, signature=creator.sign(payload)).SerializeToString()
    )


def genesis_block(envelope: bytes) -> Any:
    """Block 0, still without metadata."""
    return common.Block(
        header=common.BlockHeader(number=0, previous_hash=b"", data_hash=data_hash([envelope])),
        data=common.BlockData(data=[envelope]),
    )


def _group(channel: Channel, orderer_msp: str, authorities: dict[str, bytes]) -> Any:
    group = configtx.ConfigGroup(mod_policy="Admins")
    _policies(group, {name: name for name in ("Readers", "Writers", "Admins")})
    _value(group, "HashingAlgorithm", configuration.HashingAlgorithm(name="SHA256"))
    _value(
        group,
        "BlockDataHashingStructure",
        configuration.BlockDataHashingStructure(width=0xFFFFFFFF),
    )
    _value(group, "OrdererAddresses", configuration.OrdererAddresses(addresses=["127.0.0.1:7050"]))
    _capability(group, CAPABILITIES["Channel"])
    orderer = group.groups["Orderer"]
    orderer.mod_policy = "Admins"
    _policies(orderer, {name: name for name in ("Readers", "Writers", "Admins")})
    _implicit(orderer, "BlockValidation", "Writers", "ANY")
    _capability(orderer, CAPABILITIES["Orderer"])
    _value(orderer, "ConsensusType", orderer_configuration.ConsensusType(type="solo"))
    cut = channel.cut
    _value(
        orderer,
        "BatchSize",
        orderer_configuration.BatchSize(
            max_message_count=cut.count,
            absolute_max_bytes=cut.bytes_max,
            preferred_max_bytes=cut.bytes_preferred,
        ),
    )
    timeout = orderer_configuration.BatchTimeout(timeout=f"{max(1, cut.timeout_ms)}ms")
    _value(orderer, "BatchTimeout", timeout)
    _organisation(orderer.groups[orderer_msp], orderer_msp, authorities[orderer_msp])
    application = group.groups["Application"]
    application.mod_policy = "Admins"
    _policies(application, {name: name for name in ("Readers", "Writers", "Admins")})
    _implicit(application, "Endorsement", "Endorsement", "MAJORITY")
    _implicit(application, "LifecycleEndorsement", "Endorsement", "MAJORITY")
    _capability(application, CAPABILITIES["Application"])
    for msp in channel.organisations:
        _organisation(application.groups[msp], msp, authorities[msp])
    return group


def _value(group: Any, name: str, value: Any) -> None:
    group.values[name].CopyFrom(
        configtx.ConfigValue(value=value.SerializeToString(), mod_policy="Admins")
    )


def _capability(group: Any, name: str) -> None:
    found = configuration.Capabilities(capabilities={name: configuration.Capability()})
    _value(group, "Capabilities", found)


def _policies(group: Any, names: dict[str, str]) -> None:
    for name, below in names.items():
        _implicit(group, name, below, "MAJORITY" if name == "Admins" else "ANY")


def _implicit(group: Any, name: str, below: str, rule: str) -> None:
    meta = policies.ImplicitMetaPolicy(
        sub_policy=below, rule=policies.ImplicitMetaPolicy.Rule.Value(rule)
    )
    group.policies[name].CopyFrom(
        configtx.ConfigPolicy(
            mod_policy="Admins",
            policy=policies.Policy(
                type=policies.Policy.IMPLICIT_META, value=meta.SerializeToString()
            ),
        )
    )


def _organisation(group: Any, msp: str, authority: bytes) -> None:
    """An organisation's membership and policies, its roles told apart by organisational unit."""
    group.mod_policy = "Admins"
    rules = {
        "Readers": f"'{msp}.member'",
        "Writers": f"'{msp}.member'",
        "Admins": f"'{msp}.admin'",
        "Endorsement": f"'{msp}.peer'",
    }
    for name, rule in rules.items():
        value = policy.parse(rule, ()).SerializeToString()
        group.policies[name].CopyFrom(
            configtx.ConfigPolicy(
                mod_policy="Admins",
                policy=policies.Policy(type=policies.Policy.SIGNATURE, value=value),
            )
        )

    def unit(name: str) -> Any:
        return msp_config.FabricOUIdentifier(
            certificate=authority, organizational_unit_identifier=name
        )

    fabric = msp_config.FabricMSPConfig(
        name=msp,
        root_certs=[authority],
        crypto_config=msp_config.FabricCryptoConfig(
            signature_hash_family="SHA2", identity_identifier_hash_function="SHA256"
        ),
        fabric_node_ous=msp_config.FabricNodeOUs(
            enable=True,
            client_ou_identifier=unit("client"),
            peer_ou_identifier=unit("peer"),
            admin_ou_identifier=unit("admin"),
            orderer_ou_identifier=unit("orderer"),
        ),
    )
    _value(group, "MSP", msp_config.MSPConfig(type=0, config=fabric.SerializeToString()))
