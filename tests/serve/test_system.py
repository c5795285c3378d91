"""One peer's own answers: endorsements, and the contracts that every peer has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from fabric_protos.common import ledger_pb2
from fabric_protos.peer import policy_pb2, query_pb2
from fabric_protos.peer.lifecycle import lifecycle_pb2

from tests.ledger import kv
from ufmi.ledger.policy import is_met
from ufmi.ledger.proposals import build_proposal, read_proposal
from ufmi.ledger.protos import common, configtx, proposal, proposal_response, transaction

from .client import Client, result_of
from .conftest import Served


def asked(client: Client, contract: str, *arguments: bytes, channel: str = "one") -> Any:
    """The Response of a system contract."""
    return client.process(*arguments, contract=contract, channel=channel).response


# -- endorsing --------------------------------------------------------------------------------


@pytest.mark.parametrize("msp", [kv.A, kv.B, kv.C])
def test_each_peer_endorses_for_its_own_organisation(
    client_of: Callable[..., Client], served: Served, msp: str
) -> None:
    client = client_of(kv.A) if msp == kv.A else client_of(msp)
    tx_id, signed = client.propose("kv", b"put", b"own", b"x")
    response = client.endorser.ProcessProposal(signed)
    assert response.version == 1
    assert response.response.status == 200
    assert response.response.payload == b"done"
    assert result_of(response).response.payload == b"done"
    payload = proposal_response.ProposalResponsePayload.FromString(response.payload)
    assert payload.proposal_hash == read_proposal(signed.proposal_bytes).digest
    endorsement = response.endorsement
    member = served.ledger.channel("one").membership.member(endorsement.endorser)
    assert (member.msp, member.role) == (msp, "peer")
    member.verify(endorsement.signature, response.payload + endorsement.endorser)
    assert tx_id


def test_a_contract_that_refuses_is_an_answer(client: Client) -> None:
    response = client.process(b"fail", b"no tea")
    assert (response.response.status, response.response.message) == (500, "UFMI-3005: no tea")
    assert not response.HasField("endorsement")
    assert result_of(response).response.status == 500  # the contract spoke, not the peer


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"channel": "none"}, "channel 'none' not found"),
        ({"contract": "none"}, "make sure the chaincode none has been successfully defined"),
        ({"channel": ""}, "channel '' not found"),
    ],
)
def test_what_is_not_there_is_an_answer_too(
    client: Client, options: dict[str, str], reason: str
) -> None:
    response = client.process(b"get", b"x", **options)
    assert response.response.status == 500
    assert reason in response.response.message
    assert not response.payload


def altered(client: Client, **fields: Any) -> Any:
    """A proposal whose channel header says otherwise, well signed."""
    _, raw = build_proposal(client.identity, "one", "kv", (b"get", b"x"), b"n" * 24, 1)
    whole = proposal.Proposal.FromString(raw)
    header = common.Header.FromString(whole.header)
    channel_header = common.ChannelHeader.FromString(header.channel_header)
    for name, value in fields.items():
        setattr(channel_header, name, value)
    header.channel_header = channel_header.SerializeToString()
    whole.header = header.SerializeToString()
    raw = whole.SerializeToString()
    return proposal.SignedProposal(proposal_bytes=raw, signature=client.identity.sign(raw))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"tx_id": "00"}, "transaction id"),
        ({"type": 1, "tx_id": "00"}, "incorrectly computed txid"),
        ({"type": 5}, "invalid header type"),
        ({"epoch": 1}, "epoch"),
        ({"extension": b""}, "Name is empty"),
    ],
)
def test_a_malformed_proposal_is_no_call(
    client: Client, fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.endorser.ProcessProposal(altered(client, **fields))
    assert caught.value.code() is grpc.StatusCode.UNKNOWN  # as a Go server's plain errors
    assert reason in caught.value.details()


@pytest.mark.parametrize("raw", [b"", b"\xff", b"\x0a\x01x"])
def test_what_is_no_proposal_is_no_call(client: Client, raw: bytes) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        client.endorser.ProcessProposal(proposal.SignedProposal(proposal_bytes=raw))
    assert caught.value.code() is grpc.StatusCode.UNKNOWN


# -- qscc -------------------------------------------------------------------------------------


def test_chain_info_and_blocks_every_way(client: Client, served: Served) -> None:
    tx_id, status = client.call(b"put", b"ways", b"x")
    channel = served.ledger.channel("one")
    block = channel.block(status.block_number)
    info = ledger_pb2.BlockchainInfo.FromString(
        asked(client, "qscc", b"GetChainInfo", b"one").payload
    )
    assert info.height == channel.height
    assert info.currentBlockHash == channel.tip_hash
    assert info.previousBlockHash == block.message.header.previous_hash
    for question in (
        (b"GetBlockByNumber", b"one", str(block.number).encode()),
        (b"GetBlockByNumber", b"one", b"18446744073709551615"),
        (b"GetBlockByHash", b"one", block.hash),
        (b"GetBlockByTxID", b"one", tx_id.encode()),
    ):
        assert common.Block.FromString(asked(client, "qscc", *question).payload) == block.message
    found = transaction.ProcessedTransaction.FromString(
        asked(client, "qscc", b"GetTransactionByID", b"one", tx_id.encode()).payload
    )
    assert found.validationCode == 0
    assert found.transactionEnvelope.SerializeToString() == block.message.data.data[0]


def test_answers_of_system_contracts_are_endorsed(client: Client, served: Served) -> None:
    response = client.process(b"GetChainInfo", b"one", contract="qscc")
    endorser = response.endorsement.endorser
    member = served.ledger.channel("one").membership.member(endorser)
    member.verify(response.endorsement.signature, response.payload + endorser)
    assert client.evaluate(b"GetChainInfo", b"one", contract="qscc")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((b"GetChainInfo",), "Incorrect number of arguments"),
        ((b"GetChainInfo", b"none"), "Invalid chain ID, none"),
        ((b"GetBlockByNumber", b"one"), "missing 3rd argument"),
        ((b"GetBlockByNumber", b"one", b"-1"), "Failed to parse block number"),
        ((b"GetBlockByNumber", b"one", b"x"), "Failed to parse block number"),
        ((b"GetBlockByNumber", b"one", b"9" * 30), "Failed to parse block number"),
        ((b"GetBlockByNumber", b"one", "²".encode()), "Failed to parse block number"),
        ((b"GetBlockByNumber", b"one", b"999"), "no such block number [999]"),
        ((b"GetBlockByHash", b"one", b"\xff"), "no such block hash [ff]"),
        ((b"GetTransactionByID", b"one", b"00"), "no such transaction ID [00]"),
        ((b"GetBlockByTxID", b"one", b"\xff"), "no such transaction ID"),
        ((b"GetTea", b"one", b""), "GetTea not found"),
    ],
)
def test_questions_without_answer(
    client: Client, arguments: tuple[bytes, ...], reason: str
) -> None:
    response = asked(client, "qscc", *arguments)
    assert response.status == 500
    assert reason in response.message


# -- cscc -------------------------------------------------------------------------------------


def test_channels_and_configuration(client: Client, served: Served) -> None:
    found = query_pb2.ChannelQueryResponse.FromString(
        asked(client, "cscc", b"GetChannels", channel="").payload
    )
    assert [one.channel_id for one in found.channels] == ["one", "two"]
    raw = asked(client, "cscc", b"GetConfigBlock", b"one", channel="").payload
    assert common.Block.FromString(raw) == served.ledger.channel("one").block(0).message
    raw = asked(client, "cscc", b"GetChannelConfig", b"one").payload
    groups = configtx.Config.FromString(raw).channel_group.groups["Application"].groups
    assert sorted(groups) == [kv.A, kv.B, kv.C]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((b"JoinChain", b"x"), "JoinChain is not possible"),
        ((b"JoinChainBySnapshot", b"x"), "JoinChainBySnapshot is not possible"),
        ((b"GetConfigBlock",), "Incorrect number of arguments"),
        ((b"GetConfigBlock", b"none"), "Unknown channel ID, none"),
        ((b"GetTea",), "GetTea not found"),
    ],
)
def test_what_cscc_refuses(client: Client, arguments: tuple[bytes, ...], reason: str) -> None:
    response = asked(client, "cscc", *arguments, channel="")
    assert response.status == 500
    assert reason in response.message


# -- _lifecycle -------------------------------------------------------------------------------


def test_definitions_of_contracts(client: Client, served: Served) -> None:
    question = lifecycle_pb2.QueryChaincodeDefinitionArgs(name="kv").SerializeToString()
    one = lifecycle_pb2.QueryChaincodeDefinitionResult.FromString(
        asked(client, "_lifecycle", b"QueryChaincodeDefinition", question).payload
    )
    assert dict(one.approvals) == {kv.A: True, kv.B: True, kv.C: True}
    rule = policy_pb2.ApplicationPolicy.FromString(one.validation_parameter).signature_policy
    assert is_met(rule, [(kv.A, "peer"), (kv.C, "peer")])
    assert not is_met(rule, [(kv.A, "peer")])
    raw = asked(client, "_lifecycle", b"QueryChaincodeDefinitions", b"").payload
    (found,) = lifecycle_pb2.QueryChaincodeDefinitionsResult.FromString(raw).chaincode_definitions
    assert (found.name, found.sequence) == ("kv", 1)


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        ((b"QueryChaincodeDefinition", b"\x0a\x04none"), 404, "none is not defined"),
        ((b"QueryChaincodeDefinition", b"\xff"), 500, "cannot be read"),
        ((b"QueryChaincodeDefinition",), 500, "exactly two arguments"),
        ((b"InstallChaincode", b""), 500, "installs and defines none"),
        ((b"CommitChaincodeDefinition", b""), 500, "installs and defines none"),
    ],
)
def test_what_lifecycle_refuses(
    client: Client, arguments: tuple[bytes, ...], status: int, reason: str
) -> None:
    response = asked(client, "_lifecycle", *arguments)
    assert response.status == status
    assert reason in response.message
