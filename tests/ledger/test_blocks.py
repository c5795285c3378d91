"""Blocks are Fabric's: header hash, data hash, config block, metadata."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from ufmi.ledger.blocks import data_hash, header_bytes, header_hash
from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.ledger.protos import (
    common,
    configtx,
    identities,
    msp_config,
    orderer_configuration,
    policies,
    principals,
)

from .kv import A, B, C, commit_raw, endorsed, kv, put, signed


def der(tag: int, body: bytes) -> bytes:
    """A DER element, lengths as in X.690 8.1.3."""
    if len(body) < 0x80:
        return bytes([tag, len(body)]) + body
    size = len(body).to_bytes((len(body).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + body


def der_integer(number: int) -> bytes:
    """The shortest two's complement (X.690 8.3.2)."""
    size = 1
    while number >= 1 << (8 * size - 1):
        size += 1
    return der(0x02, number.to_bytes(size, "big"))


def der_header(number: int, previous: bytes, data: bytes) -> bytes:
    return der(0x30, der_integer(number) + der(0x04, previous) + der(0x04, data))


@given(st.integers(0, 2**64 - 1), st.binary(max_size=300), st.binary(max_size=300))
def test_header_bytes_are_der(number: int, previous: bytes, data: bytes) -> None:
    assert header_bytes(number, previous, data) == der_header(number, previous, data)


@pytest.mark.parametrize("number", [0, 1, 127, 128, 255, 256, 2**63 - 1, 2**63, 2**64 - 1])
def test_header_bytes_are_der_around_every_length(number: int) -> None:
    assert header_bytes(number, b"p" * 32, b"d" * 32) == der_header(number, b"p" * 32, b"d" * 32)


def test_a_header_hash_of_known_value() -> None:
    # SEQUENCE { INTEGER 1, OCTET STRING of 32 × 11, OCTET STRING of 32 × 22 }
    known = bytes.fromhex("3047020101" + "0420" + "11" * 32 + "0420" + "22" * 32)
    header = common.BlockHeader(number=1, previous_hash=b"\x11" * 32, data_hash=b"\x22" * 32)
    assert header_hash(header) == hashlib.sha256(known).digest()


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_the_data_hash_is_over_the_envelopes_in_one(envelopes: list[bytes]) -> None:
    assert data_hash(envelopes) == hashlib.sha256(b"".join(envelopes)).digest()


def test_blocks_are_chained_by_their_header_hashes(ledger: EmbeddedLedger) -> None:
    for number in range(3):
        put(kv(ledger), "k", str(number))
    channel = ledger.channel("one")
    previous = b""
    for number in range(channel.height):
        message = channel.block(number).message
        assert message.header.number == number
        assert message.header.previous_hash == previous
        assert message.header.data_hash == data_hash(list(message.data.data))
        header = message.header
        previous = hashlib.sha256(der_header(number, header.previous_hash, header.data_hash))
        previous = previous.digest()
    assert channel.tip_hash == previous


def config_group(ledger: EmbeddedLedger) -> Any:
    message = ledger.channel("one").block(0).message
    envelope = common.Envelope.FromString(message.data.data[0])
    payload = common.Payload.FromString(envelope.payload)
    header = common.ChannelHeader.FromString(payload.header.channel_header)
    assert (header.type, header.channel_id) == (common.CONFIG, "one")
    return configtx.ConfigEnvelope.FromString(payload.data).config.channel_group


def msp_of(group: Any) -> Any:
    config = msp_config.MSPConfig.FromString(group.values["MSP"].value)
    return msp_config.FabricMSPConfig.FromString(config.config)


def test_block_0_is_a_config_block_with_every_organisation(ledger: EmbeddedLedger) -> None:
    group = config_group(ledger)
    application = group.groups["Application"]
    assert set(application.groups) == {A, B, C}
    for name, organisation in application.groups.items():
        msp = msp_of(organisation)
        assert msp.name == name
        (root,) = msp.root_certs
        assert root == ledger.organisation(name).authority
        x509.load_pem_x509_certificate(root)
        assert msp.fabric_node_ous.enable
        assert msp.fabric_node_ous.peer_ou_identifier.organizational_unit_identifier == "peer"
    assert set(group.groups["Orderer"].groups) == {"OrdererMSP"}


def test_block_0_has_policies_down_to_principals(ledger: EmbeddedLedger) -> None:
    group = config_group(ledger)
    assert set(group.policies) >= {"Readers", "Writers", "Admins"}
    application = group.groups["Application"]
    meta = policies.ImplicitMetaPolicy.FromString(application.policies["Endorsement"].policy.value)
    assert (meta.sub_policy, meta.rule) == ("Endorsement", policies.ImplicitMetaPolicy.MAJORITY)
    rule = application.groups[A].policies["Endorsement"].policy
    assert rule.type == policies.Policy.SIGNATURE
    envelope = policies.SignaturePolicyEnvelope.FromString(rule.value)
    role = principals.MSPRole.FromString(envelope.identities[0].principal)
    assert (role.msp_identifier, role.role) == (A, principals.MSPRole.PEER)


def test_block_0_says_how_blocks_are_cut(ledger: EmbeddedLedger) -> None:
    orderer = config_group(ledger).groups["Orderer"]
    size = orderer_configuration.BatchSize.FromString(orderer.values["BatchSize"].value)
    cut = ledger.topology.channels["one"].cut
    assert size.max_message_count == cut.count
    assert size.preferred_max_bytes == cut.bytes_preferred


def test_the_orderer_signs_every_block(ledger: EmbeddedLedger) -> None:
    put(kv(ledger), "k", "v")
    channel = ledger.channel("one")
    for number in range(2):
        message = channel.block(number).message
        metadata = common.Metadata.FromString(message.metadata.metadata[0])
        (signature,) = metadata.signatures
        creator = common.SignatureHeader.FromString(signature.signature_header).creator
        assert identities.SerializedIdentity.FromString(creator).mspid == "OrdererMSP"
        header = message.header
        over = metadata.value + signature.signature_header
        over += der_header(number, header.previous_hash, header.data_hash)
        channel.membership.member(creator).verify(signature.signature, over)


def test_validation_codes_stand_in_the_metadata(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)
    good = signed(client, endorsed(client, "put", b"k", b"v"))
    bad = signed(client, endorsed(client, "put", b"k", b"v"))
    bad.signature = good.signature
    assert commit_raw(ledger, good, bad) == ["VALID", "BAD_CREATOR_SIGNATURE"]
    assert ledger.channel("one").block(1).codes == bytes([0, 4])
