"""Blocks are what the channel's orderers signed, or they are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ufmi.crypto import Signer, Sm2PrivateKey
from ufmi.errors import BlockNotProven
from ufmi.ledger.blocks import SIGNATURES, Block, data_hash, header_bytes
from ufmi.ledger.ca import Organisation
from ufmi.ledger.identity import Identity
from ufmi.ledger.orderers import BlockVerifier, Orderers, config_of
from ufmi.ledger.protos import (
    common,
    configtx,
    configuration,
    msp_config,
    orderer_configuration,
)
from ufmi.node import Node
from ufmi.sdk import Operator


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Blocks of an embedded ledger."""
    with Node.create(tmp_path_factory.mktemp("l") / "data") as node:
        keys = [Sm2PrivateKey.load(node.folder / f"keys/operator-{n}.pem") for n in (1, 2)]
        operator = Operator(node, [Signer.of(key) for key in keys])
        for number in "ABC":
            key = Sm2PrivateKey.generate(node.random_bytes).public_key
            operator.admit(f"MXBJ{number}", "MARKET", key, f"market {number}", "")
        return [one.message.SerializeToString() for one in node.channel.past_blocks()]


def test_blocks_of_a_ledger_follow_each_other(blocks: list[bytes]) -> None:
    verifier = BlockVerifier()
    for raw in blocks:
        verifier.take(Block.from_bytes(raw))
    assert verifier.number == len(blocks) > 4
    for start in range(1, len(blocks)):
        one = BlockVerifier()
        for raw in blocks[:start]:
            one.take(Block.from_bytes(raw))
        resumed = BlockVerifier(one.number, one.previous, one.config)
        for raw in blocks[start:]:
            resumed.take(Block.from_bytes(raw))
        assert resumed.previous == verifier.previous


def _other_data(block: Block) -> None:
    block.message.data.data.append(b"more")


def _other_data_and_header(block: Block) -> None:
    block.message.data.data.append(b"more")
    block.message.header.data_hash = data_hash(list(block.message.data.data))


def _no_signature(block: Block) -> None:
    block.message.metadata.metadata[SIGNATURES] = b""


def _no_metadata(block: Block) -> None:
    del block.message.metadata.metadata[:]


def _broken_metadata(block: Block) -> None:
    block.message.metadata.metadata[SIGNATURES] = b"\xff"


def _other_signature(block: Block) -> None:
    found = common.Metadata.FromString(block.message.metadata.metadata[SIGNATURES])
    found.signatures[0].signature = found.signatures[0].signature[:-1] + b"\x00"
    block.message.metadata.metadata[SIGNATURES] = found.SerializeToString()


def _other_previous(block: Block) -> None:
    block.message.header.previous_hash = bytes(32)


def _other_number(block: Block) -> None:
    block.message.header.number += 1
    block.number += 1


@pytest.mark.parametrize(
    "spoil",
    [
        _other_data,
        _other_data_and_header,
        _no_signature,
        _no_metadata,
        _broken_metadata,
        _other_signature,
        _other_previous,
        _other_number,
    ],
)
def test_a_spoilt_block_is_refused_and_changes_nothing(
    blocks: list[bytes], spoil: Callable[[Block], None]
) -> None:
    verifier = BlockVerifier()
    for raw in blocks[:3]:
        verifier.take(Block.from_bytes(raw))
    spoilt = Block.from_bytes(blocks[3])
    spoil(spoilt)
    with pytest.raises(BlockNotProven):
        verifier.take(spoilt)
    verifier.take(Block.from_bytes(blocks[3]))


def test_a_channel_begins_with_its_configuration(blocks: list[bytes]) -> None:
    spoilt = Block.from_bytes(blocks[1])
    spoilt.message.header.number = spoilt.number = 0
    spoilt.message.header.previous_hash = b""
    with pytest.raises(BlockNotProven, match="configuration"):
        BlockVerifier().take(spoilt)
    with pytest.raises(BlockNotProven):
        BlockVerifier(3, bytes(32), blocks[1])
    assert config_of(Block.from_bytes(blocks[0])) is not None
    assert config_of(Block.from_bytes(blocks[1])) is None


# -- many orderers, as SmartBFT has them ------------------------------------------------------


class Quorum:
    """Four orderers that agree on blocks, and what they sign."""

    def __init__(self, folder: Path) -> None:
        self.organisation = Organisation.create(folder, "OrdererMSP")
        self.members = [self.organisation.enrol(f"orderer{n}", "orderer") for n in range(4)]
        self.peer = self.organisation.enrol("peer", "peer")
        self.stranger = self.organisation.enrol("orderer9", "orderer")
        config = configtx.Config()
        group = config.channel_group.groups["Orderer"]
        fabric = msp_config.FabricMSPConfig(
            name="OrdererMSP", root_certs=[self.organisation.authority]
        )
        msp = msp_config.MSPConfig(type=0, config=fabric.SerializeToString())
        group.groups["OrdererMSP"].values["MSP"].value = msp.SerializeToString()
        kind = orderer_configuration.ConsensusType(type="BFT")
        group.values["ConsensusType"].value = kind.SerializeToString()
        mapping = [
            configuration.Consenter(id=n, msp_id="OrdererMSP", identity=one.certificate)
            for n, one in enumerate(self.members, 1)
        ]
        found = configuration.Orderers(consenter_mapping=mapping)
        group.values["Orderers"].value = found.SerializeToString()
        self.orderers = Orderers(config)

    def block(self, *signatures: Callable[[bytes], Any]) -> Block:
        message = common.Block(
            header=common.BlockHeader(number=7, previous_hash=bytes(32), data_hash=bytes(32))
        )
        header = header_bytes(7, bytes(32), bytes(32))
        metadata = common.Metadata(value=b"value", signatures=[one(header) for one in signatures])
        message.metadata.metadata.append(metadata.SerializeToString())
        return Block(message)

    def by_number(self, number: int, signer: Identity | None = None) -> Callable[[bytes], Any]:
        """As SmartBFT signs: it names the orderer by his number."""
        head = common.IdentifierHeader(identifier=number, nonce=b"n").SerializeToString()
        signer = signer or self.members[number - 1]
        return lambda header: common.MetadataSignature(
            identifier_header=head, signature=signer.sign(b"value" + head + header)
        )

    def by_name(self, signer: Identity) -> Callable[[bytes], Any]:
        head = common.SignatureHeader(creator=signer.serialized, nonce=b"n").SerializeToString()
        return lambda header: common.MetadataSignature(
            signature_header=head, signature=signer.sign(b"value" + head + header)
        )


@pytest.fixture(scope="module")
def quorum(tmp_path_factory: pytest.TempPathFactory) -> Quorum:
    return Quorum(tmp_path_factory.mktemp("orderers"))


def test_a_quorum_of_orderers_signs(quorum: Quorum) -> None:
    assert quorum.orderers.needed == 3
    quorum.orderers.check(quorum.block(*[quorum.by_number(n) for n in (1, 2, 3)]))
    quorum.orderers.check(
        quorum.block(quorum.by_name(quorum.members[3]), *[quorum.by_number(n) for n in (1, 2)])
    )


def test_fewer_others_or_one_many_times_are_not_enough(quorum: Quorum) -> None:
    two = [quorum.by_number(1), quorum.by_number(2)]
    for third in (
        quorum.by_number(2),
        quorum.by_name(quorum.members[1]),
        quorum.by_number(3, signer=quorum.members[0]),
        quorum.by_number(9, signer=quorum.stranger),
        quorum.by_name(quorum.stranger),
        quorum.by_name(quorum.peer),
    ):
        with pytest.raises(BlockNotProven, match="2 of 3"):
            quorum.orderers.check(quorum.block(*two, third))
    with pytest.raises(BlockNotProven, match="0 of 3"):
        quorum.orderers.check(quorum.block())


def test_a_configuration_without_orderers_proves_nothing() -> None:
    with pytest.raises(BlockNotProven):
        Orderers(configtx.Config())
