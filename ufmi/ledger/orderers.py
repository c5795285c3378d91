"""Whether blocks are what a channel's orderers signed: hash chain, data, signatures.

Who may sign is read from the channel's own configuration blocks, from block 0 on. Raft and the
embedded orderer sign alone; of SmartBFT's orderers a quorum has to.
"""

from __future__ import annotations

from typing import Any

from google.protobuf.message import DecodeError

from ufmi.errors import AccessDenied, BlockNotProven, StoreCorrupted
from ufmi.ledger.blocks import SIGNATURES, Block, data_hash, header_bytes
from ufmi.ledger.msp import Membership
from ufmi.ledger.protos import (
    CONFIG,
    VALID,
    common,
    configtx,
    configuration,
    identities,
    msp_config,
    orderer_configuration,
)

_BFT = "BFT"


class Orderers:
    """Who signs the blocks of a channel, by one of its configurations."""

    def __init__(self, config: Any) -> None:
        """Takes a `Config`. Raises BlockNotProven where it names no orderers."""
        try:
            group = config.channel_group.groups["Orderer"]
            authorities = dict(_authority(one) for one in group.groups.values())
            self._membership = Membership(authorities)
            kind = orderer_configuration.ConsensusType.FromString(
                group.values["ConsensusType"].value
            )
            self._consenters: dict[int, bytes] = {}
            if kind.type == _BFT:
                raw = group.values["Orderers"].value
                for one in configuration.Orderers.FromString(raw).consenter_mapping:
                    self._consenters[int(one.id)] = identities.SerializedIdentity(
                        mspid=one.msp_id, id_bytes=one.identity
                    ).SerializeToString()
        except (DecodeError, ValueError, IndexError) as problem:
            raise BlockNotProven(f"a channel configuration cannot be read: {problem}") from problem
        if not authorities or (kind.type == _BFT and not self._consenters):
            raise BlockNotProven("a channel configuration names no orderers")
        self.needed = _quorum(len(self._consenters)) if kind.type == _BFT else 1

    def check(self, block: Block) -> None:
        """Raises BlockNotProven unless enough different orderers have signed the block."""
        header = block.message.header
        signed = header_bytes(header.number, header.previous_hash, header.data_hash)
        signers: set[bytes] = set()
        reason = "there is no signature"
        try:
            metadata = common.Metadata.FromString(block.message.metadata.metadata[SIGNATURES])
        except (DecodeError, IndexError) as problem:
            raise BlockNotProven(f"block {block.number} has no metadata to read") from problem
        for one in metadata.signatures:
            try:
                signers.add(self._signer(metadata.value, one, signed))
            except (AccessDenied, DecodeError, ValueError) as problem:
                reason = str(problem)
        if len(signers) < self.needed:
            raise BlockNotProven(
                f"block {block.number} is signed by {len(signers)} of {self.needed} orderers:"
                f" {reason}"
            )

    def _signer(self, value: bytes, one: Any, signed: bytes) -> bytes:
        """Who made a signature. Raises AccessDenied where nobody did who may."""
        if one.signature_header:
            head = one.signature_header
            creator = bytes(common.SignatureHeader.FromString(head).creator)
        else:
            head = one.identifier_header
            number = int(common.IdentifierHeader.FromString(head).identifier)
            creator = self._consenters.get(number, b"")
        if self._consenters and creator not in self._consenters.values():
            raise AccessDenied("the signer is not one of the orderers that agree on blocks")
        member = self._membership.member(creator)
        if member.role != "orderer":
            raise AccessDenied(f"the signer is a {member.role} of {member.msp}, not an orderer")
        member.verify(one.signature, value + head + signed)
        return creator


def _quorum(count: int) -> int:
    """How many of `count` orderers have to agree where a third of them may lie."""
    faulty = (count - 1) // 3
    return (count + faulty + 2) // 2


def _authority(group: Any) -> tuple[str, bytes]:
    found = msp_config.MSPConfig.FromString(group.values["MSP"].value)
    fabric = msp_config.FabricMSPConfig.FromString(found.config)
    return fabric.name, bytes(fabric.root_certs[0])


def config_of(block: Block) -> Any | None:
    """The channel configuration that a block puts in force; None if it holds none."""
    try:
        envelope = common.Envelope.FromString(block.message.data.data[0])
        payload = common.Payload.FromString(envelope.payload)
        header = common.ChannelHeader.FromString(payload.header.channel_header)
        if header.type != CONFIG or (block.number and block.codes[0] != VALID):
            return None
        return configtx.ConfigEnvelope.FromString(payload.data).config
    except (DecodeError, IndexError, StoreCorrupted):
        return None


class BlockVerifier:
    """Takes the blocks of a channel in order and refuses the first that does not follow.

    Attributes:
        number: of the next block.
        previous: hash of the block before it.
        config: the block with the configuration in force, as bytes; empty before block 0.
    """

    def __init__(self, number: int = 0, previous: bytes = b"", config: bytes = b"") -> None:
        """Begins at block 0, or goes on from what an earlier verifier came to."""
        self.number = number
        self.previous = previous
        self.config = config
        self._orderers: Orderers | None = None
        if number:
            self._take_config(Block.from_bytes(config))

    def take(self, block: Block) -> None:
        """Raises BlockNotProven unless it is the next block; nothing has changed then."""
        header = block.message.header
        if block.number != self.number:
            raise BlockNotProven(f"block {block.number} came where {self.number} is next")
        if header.previous_hash != self.previous:
            raise BlockNotProven(f"block {block.number} does not follow the one before it")
        if header.data_hash != data_hash(list(block.message.data.data)):
            raise BlockNotProven(f"block {block.number} holds other data than its header says")
        # Block 0 is where trust begins: nobody can have been named before it to sign it.
        if self._orderers is not None:
            self._orderers.check(block)
        self._take_config(block)
        self.number += 1
        self.previous = block.hash

    def _take_config(self, block: Block) -> None:
        config = config_of(block)
        if config is not None:
            self._orderers = Orderers(config)
            self.config = bytes(block.message.SerializeToString())
        elif self._orderers is None:
            raise BlockNotProven(f"block {block.number} should hold the channel's configuration")
