"""What is tampered with, repeated or not a member's never becomes valid."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID

from ufmi.errors import AccessDenied, EndorseError, LedgerError, SubmitError
from ufmi.ledger import Gateway, Identity
from ufmi.ledger.ca import Organisation
from ufmi.ledger.embedded import Cut, EmbeddedLedger
from ufmi.ledger.identity import private_key_signer
from ufmi.ledger.protos import common, gateway, proposal, proposal_response, transaction

from .kv import A, B, C, commit_raw, endorsed, found, kv, network, put, signed, state, topology

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def rebuilt(client: Any, envelope: Any, change: Any) -> Any:
    """The envelope with its endorsed action changed, signed by its creator again."""
    payload = common.Payload.FromString(envelope.payload)
    whole = transaction.Transaction.FromString(payload.data)
    action = transaction.ChaincodeActionPayload.FromString(whole.actions[0].payload)
    change(action)
    whole.actions[0].payload = action.SerializeToString()
    payload.data = whole.SerializeToString()
    raw = payload.SerializeToString()
    return common.Envelope(payload=raw, signature=client.network.gateway.identity.sign(raw))


def reheaded(client: Any, envelope: Any, **fields: Any) -> Any:
    """The envelope with its channel header changed, signed by its creator again."""
    payload = common.Payload.FromString(envelope.payload)
    header = common.ChannelHeader.FromString(payload.header.channel_header)
    for name, content in fields.items():
        setattr(header, name, content)
    payload.header.channel_header = header.SerializeToString()
    raw = payload.SerializeToString()
    return common.Envelope(payload=raw, signature=client.network.gateway.identity.sign(raw))


def good(ledger: EmbeddedLedger) -> Any:
    client = kv(ledger)
    return signed(client, endorsed(client, "put", b"k", b"v"))


# -- the envelope ---------------------------------------------------------------------------


def test_a_signature_of_somebody_else_is_bad(ledger: EmbeddedLedger) -> None:
    envelope = good(ledger)
    envelope.signature = ledger.identity(B, "client").sign(envelope.payload)
    assert commit_raw(ledger, envelope) == ["BAD_CREATOR_SIGNATURE"]
    assert state(ledger) == {}


def test_a_signature_with_high_s_is_bad(ledger: EmbeddedLedger) -> None:
    envelope = good(ledger)
    r, s = decode_dss_signature(envelope.signature)
    envelope.signature = encode_dss_signature(r, P256_ORDER - s)
    assert commit_raw(ledger, envelope) == ["BAD_CREATOR_SIGNATURE"]


def test_no_bit_of_an_envelope_can_be_changed(ledger: EmbeddedLedger) -> None:
    raw = good(ledger).SerializeToString()
    for at in range(0, len(raw), 37):
        changed = bytearray(raw)
        changed[at] ^= 1
        with ledger.anchor():
            assert "VALID" not in commit_raw(ledger, bytes(changed)), at


@pytest.mark.parametrize("raw", [b"", b"\xff\xff", b"\x0a\x00", b"not protobuf at all"])
def test_bytes_that_are_no_transaction_are_invalid_and_harm_nothing(
    ledger: EmbeddedLedger, raw: bytes
) -> None:
    (code,) = commit_raw(ledger, raw)
    assert code != "VALID"
    put(kv(ledger), "k", "v")


def test_the_orderer_takes_no_envelope_with_a_bad_signature(ledger: EmbeddedLedger) -> None:
    envelope = good(ledger)
    envelope.signature = ledger.identity(B, "client").sign(envelope.payload)
    with pytest.raises(SubmitError):
        ledger.submit(gateway.SubmitRequest(channel_id="one", prepared_transaction=envelope))
    assert ledger.channel("one").height == 1


def test_a_transaction_is_not_taken_on_another_channel(tmp_path: Path) -> None:
    with found(tmp_path / "ledger", topology(channels=2)) as ledger:
        assert commit_raw(ledger, good(ledger), channel="two") == ["TARGET_CHAIN_NOT_FOUND"]


# -- the id ---------------------------------------------------------------------------------


def test_an_id_is_used_once(ledger: EmbeddedLedger) -> None:
    envelope = good(ledger)
    assert commit_raw(ledger, envelope) == ["VALID"]
    assert commit_raw(ledger, envelope) == ["DUPLICATE_TXID"]
    assert state(ledger)["k"][1] == (1, 0)


def test_an_id_is_used_once_in_a_block(ledger: EmbeddedLedger) -> None:
    envelope = good(ledger)
    assert commit_raw(ledger, envelope, envelope) == ["VALID", "DUPLICATE_TXID"]


def test_an_id_that_an_invalid_transaction_used_in_an_earlier_block_is_used(
    ledger: EmbeddedLedger,
) -> None:
    client = kv(ledger)
    envelope = good(ledger)
    poor = rebuilt(client, envelope, lambda action: action.action.ClearField("endorsements"))
    assert commit_raw(ledger, poor) == ["ENDORSEMENT_POLICY_FAILURE"]
    assert commit_raw(ledger, envelope) == ["DUPLICATE_TXID"]


def test_an_invalid_transaction_of_the_same_block_takes_no_id(ledger: EmbeddedLedger) -> None:
    # Fabric looks for duplicates within a block among those transactions only that are valid.
    client = kv(ledger)
    envelope = good(ledger)
    poor = rebuilt(client, envelope, lambda action: action.action.ClearField("endorsements"))
    assert commit_raw(ledger, poor, envelope) == ["ENDORSEMENT_POLICY_FAILURE", "VALID"]


def test_a_used_id_is_not_endorsed_again(ledger: EmbeddedLedger) -> None:
    proposed = kv(ledger).new_proposal("put", b"k", b"v")
    proposed.endorse().submit().require_valid()
    with pytest.raises(EndorseError, match="used before"):
        proposed.endorse()


def test_an_id_that_is_not_the_hash_of_nonce_and_creator_is_refused(
    ledger: EmbeddedLedger,
) -> None:
    client = kv(ledger)
    wrong = reheaded(client, good(ledger), tx_id="00" * 32)
    assert commit_raw(ledger, wrong) == ["BAD_PROPOSAL_TXID"]
    with pytest.raises(SubmitError):
        ledger.submit(gateway.SubmitRequest(channel_id="one", prepared_transaction=wrong))


def test_the_id_is_the_hash_of_nonce_and_creator(ledger: EmbeddedLedger) -> None:
    proposed = kv(ledger).new_proposal("put", b"k", b"v")
    header = common.Header.FromString(proposal.Proposal.FromString(proposed.bytes).header)
    signature = common.SignatureHeader.FromString(header.signature_header)
    expected = hashlib.sha256(signature.nonce + signature.creator).hexdigest()
    assert proposed.transaction_id == expected


def test_a_type_that_is_no_transaction_is_unknown(ledger: EmbeddedLedger) -> None:
    wrong = reheaded(kv(ledger), good(ledger), type=5)
    assert commit_raw(ledger, wrong) == ["UNKNOWN_TX_TYPE"]


# -- endorsements ---------------------------------------------------------------------------


def change_value(action: Any) -> None:
    """Puts other writes under the same endorsements."""
    response = proposal_response.ProposalResponsePayload.FromString(
        action.action.proposal_response_payload
    )
    outcome = proposal.ChaincodeAction.FromString(response.extension)
    outcome.results = outcome.results.replace(b'"v"', b'"w"')
    response.extension = outcome.SerializeToString()
    action.action.proposal_response_payload = response.SerializeToString()


def test_a_write_set_changed_after_endorsement_is_refused(ledger: EmbeddedLedger) -> None:
    wrong = rebuilt(kv(ledger), good(ledger), change_value)
    assert commit_raw(ledger, wrong) == ["ENDORSEMENT_POLICY_FAILURE"]
    assert state(ledger) == {}


def test_arguments_changed_after_endorsement_are_refused(ledger: EmbeddedLedger) -> None:
    def change(action: Any) -> None:
        action.chaincode_proposal_payload = action.chaincode_proposal_payload.replace(b"k", b"l")

    wrong = rebuilt(kv(ledger), good(ledger), change)
    assert commit_raw(ledger, wrong) == ["INVALID_ENDORSER_TRANSACTION"]


def test_one_endorsement_twice_counts_once(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)
    envelope = signed(client, endorsed(client, "put", b"k", b"v", by=(A,)))

    def change(action: Any) -> None:
        action.action.endorsements.append(action.action.endorsements[0])

    wrong = rebuilt(client, envelope, change)
    assert commit_raw(ledger, wrong) == ["ENDORSEMENT_POLICY_FAILURE"]


def test_a_client_does_not_endorse_for_a_peer(ledger: EmbeddedLedger) -> None:
    client = kv(ledger)

    def change(action: Any) -> None:
        for endorsement, msp in zip(action.action.endorsements, (B, C), strict=True):
            member = ledger.identity(msp, "client")
            endorsement.endorser = member.serialized
            over = action.action.proposal_response_payload + member.serialized
            endorsement.signature = member.sign(over)

    wrong = rebuilt(client, good(ledger), change)
    assert commit_raw(ledger, wrong) == ["ENDORSEMENT_POLICY_FAILURE"]


def test_what_others_endorsed_by_all_rules_is_valid(ledger: EmbeddedLedger) -> None:
    # The same way as the tests above go, with nothing wrong: peers sign anew.
    client = kv(ledger)

    def change(action: Any) -> None:
        change_value(action)
        for endorsement, msp in zip(action.action.endorsements, (B, C), strict=True):
            member = ledger.identity(msp, "peer0")
            endorsement.endorser = member.serialized
            over = action.action.proposal_response_payload + member.serialized
            endorsement.signature = member.sign(over)

    assert commit_raw(ledger, rebuilt(client, good(ledger), change)) == ["VALID"]
    assert state(ledger) == {"k": (b'"w"', (1, 0))}


# -- members --------------------------------------------------------------------------------


def certified(
    folder: Path, msp: str, unit: str = "client", end: timedelta = timedelta(days=1)
) -> Identity:
    """A member certified with the CA's key of a folder, on our own terms."""
    authority = x509.load_pem_x509_certificate((folder / "ca-cert.pem").read_bytes())
    authority_key = load_pem_private_key((folder / "ca-key.pem").read_bytes(), None)
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, "somebody")]
    if unit:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit))
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name(parts))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=10))
        .not_valid_after(now + end)
    )
    assert isinstance(authority_key, ec.EllipticCurvePrivateKey)
    pem = builder.sign(authority_key, SHA256()).public_bytes(Encoding.PEM)
    return Identity(msp, pem, private_key_signer(key))


def refused(ledger: EmbeddedLedger, identity: Identity) -> str:
    client = Gateway(ledger, identity).network("one").contract("kv")
    with pytest.raises(LedgerError) as evaluated:
        client.evaluate("get", b"k")
    with pytest.raises(LedgerError):
        client.submit("put", b"k", b"v")
    with pytest.raises(LedgerError):
        list(Gateway(ledger, identity).network("one").past_blocks())
    assert ledger.channel("one").height == 1
    assert isinstance(evaluated.value, AccessDenied)
    return evaluated.value.message


def home(ledger: EmbeddedLedger, msp: str) -> Path:
    return ledger.folder / "organisations" / msp


def test_a_member_certified_by_the_ca_is_taken(ledger: EmbeddedLedger) -> None:
    identity = certified(home(ledger, A), A)
    put(Gateway(ledger, identity).network("one").contract("kv"), "k", "v")


def test_an_organisation_that_is_no_member_is_refused(
    ledger: EmbeddedLedger, tmp_path: Path
) -> None:
    stranger = Organisation.create(tmp_path / "x", "XMSP").enrol("client", "client")
    assert "not a member" in refused(ledger, stranger)


def test_a_foreign_ca_under_a_members_name_is_refused(
    ledger: EmbeddedLedger, tmp_path: Path
) -> None:
    impostor = Organisation.create(tmp_path / "a", A).enrol("client", "client")
    assert "not certified" in refused(ledger, impostor)


def test_a_member_under_another_members_name_is_refused(ledger: EmbeddedLedger) -> None:
    member = ledger.identity(B, "client")
    assert "not certified" in refused(ledger, Identity(A, member.certificate, member.signer))


def test_an_expired_certificate_is_refused(ledger: EmbeddedLedger) -> None:
    expired = certified(home(ledger, A), A, end=timedelta(days=-1))
    assert "out of date" in refused(ledger, expired)


@pytest.mark.parametrize("unit", ["", "king"])
def test_a_certificate_without_a_role_is_refused(ledger: EmbeddedLedger, unit: str) -> None:
    assert "role" in refused(ledger, certified(home(ledger, A), A, unit))


def test_a_member_with_another_members_key_is_refused(ledger: EmbeddedLedger) -> None:
    pem, other = ledger.identity(A, "client").certificate, ledger.identity(B, "client")
    assert "signature" in refused(ledger, Identity(A, pem, other.signer))


def test_events_and_status_are_for_members_only(ledger: EmbeddedLedger, tmp_path: Path) -> None:
    put(kv(ledger), "k", "v")
    stranger = Organisation.create(tmp_path / "x", "XMSP").enrol("client", "client")
    outside = Gateway(ledger, stranger).network("one")
    with pytest.raises(AccessDenied):
        next(outside.chaincode_events("kv", 0))
    with pytest.raises(AccessDenied):
        next(outside.block_events(0))


def test_a_transaction_larger_than_the_limit_is_refused(tmp_path: Path) -> None:
    with found(tmp_path / "ledger", topology(Cut(bytes_max=20_000))) as ledger:
        put(kv(ledger), "k", "v")
        with pytest.raises(SubmitError, match="larger"):
            put(kv(ledger), "k", "v" * 30_000)
        assert network(ledger).gateway.transport is ledger
