"""The Gateway service as Fabric's clients use it, with a plain gRPC client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.ledger import kv
from ufmi.ledger.identity import sha256
from ufmi.ledger.proposals import read_transaction
from ufmi.ledger.protos import common, gateway, orderer, proposal

from .client import NEWEST, NEXT, OLDEST, Client, at, details
from .conftest import Served, serve

Code = grpc.StatusCode


def refused(call: Callable[..., Any], *arguments: Any, **options: Any) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **options)
    return caught.value


def address(served: Served, msp: str = kv.A) -> str:
    return next(one.address for one in served.server.places.peers if one.msp == msp)


def endorsers(envelope: Any) -> list[str]:
    found = read_transaction(common.Payload.FromString(envelope.payload))
    return [one.endorser[2:6].decode() for one in found.endorsements]


# -- the way of a transaction -----------------------------------------------------------------


def test_endorse_submit_status_evaluate(client: Client, served: Served) -> None:
    tx_id, envelope = client.endorse(b"put", b"way", b"tea")
    found = read_transaction(common.Payload.FromString(envelope.payload))
    assert found.tx_id == tx_id
    assert found.action.response.payload == b"done"
    client.submit(tx_id, envelope)
    status = client.status(tx_id)
    assert status.result == 0
    assert served.ledger.channel("one").block(status.block_number).transactions()
    assert client.evaluate(b"get", b"way") == b'"tea"'


def test_endorsers_are_the_fewest_with_the_gateways_own_organisation(
    client_of: Callable[..., Client],
) -> None:
    for msp in (kv.A, kv.B, kv.C):
        _, envelope = client_of(msp).endorse(b"put", b"own", b"x")
        assert len(endorsers(envelope)) == 2
        assert msp in endorsers(envelope)


def test_endorsers_are_those_asked_for(client: Client) -> None:
    _, envelope = client.endorse(b"put", b"asked", b"x", by=(kv.C, kv.B, kv.C))
    assert endorsers(envelope) == [kv.C, kv.B]
    tx_id, envelope = client.endorse(b"put", b"asked", b"x", by=(kv.B,))
    client.submit(tx_id, envelope)
    assert client.status(tx_id).result == 10  # ENDORSEMENT_POLICY_FAILURE


def test_a_stale_read_is_a_conflict(client: Client) -> None:
    first, second = client.endorse(b"add", b"stale"), client.endorse(b"add", b"stale")
    for tx_id, envelope in (first, second):
        client.submit(tx_id, envelope)
    assert client.status(first[0]).result == 0
    assert client.status(second[0]).result == 11  # MVCC_READ_CONFLICT


def test_signing_off_line(client: Client) -> None:
    """Every message can be signed elsewhere, from its digest, and sent later."""
    identity = client.identity
    tx_id, signed = client.propose("kv", b"put", b"offline", b"x")
    kept = signed.proposal_bytes
    again = proposal.SignedProposal(proposal_bytes=kept, signature=identity.signer(sha256(kept)))
    request = gateway.EndorseRequest(
        transaction_id=tx_id, channel_id="one", proposed_transaction=again
    )
    kept = client.gateway.Endorse(request).prepared_transaction.payload
    envelope = common.Envelope(payload=kept, signature=identity.signer(sha256(kept)))
    client.submit(tx_id, envelope)
    kept = client.status_request(tx_id).request
    asked = gateway.SignedCommitStatusRequest(request=kept, signature=identity.signer(sha256(kept)))
    assert client.gateway.CommitStatus(asked).result == 0


def test_status_waits_for_the_commit(client: Client) -> None:
    tx_id, envelope = client.endorse(b"put", b"wait", b"x")
    waiting = client.gateway.CommitStatus.future(client.status_request(tx_id), timeout=60)
    with pytest.raises(grpc.FutureTimeoutError):
        waiting.result(timeout=0.3)
    client.submit(tx_id, envelope)
    assert waiting.result().result == 0
    late = refused(client.status, "00", timeout=0.2)
    assert late.code() is Code.DEADLINE_EXCEEDED


def test_many_clients_at_once_lose_nothing(client: Client, served: Served) -> None:
    def one(number: int) -> int:
        return int(client.call(b"put", f"many-{number}".encode(), b"x")[1].result)

    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(one, range(100))) == {0}
    for number in range(100):
        assert client.evaluate(b"get", f"many-{number}".encode()) == b'"x"'
    assert kv.verified(served.ledger).ok


# -- failures ---------------------------------------------------------------------------------


def test_a_contract_that_refuses_to_endorse(client: Client, served: Served) -> None:
    error = refused(client.endorse, b"fail", b"no tea")
    assert error.code() is Code.ABORTED
    assert error.details() == ("failed to endorse transaction, see attached details for more info")
    said = "chaincode response 500, UFMI-3005: no tea"
    assert details(error) == [(address(served), kv.A, said)]
    error = refused(client.endorse, b"fail", b"no tea", by=(kv.B, kv.C))
    assert error.details() == (
        "failed to collect enough transaction endorsements, see attached details for more info"
    )
    assert details(error) == [
        (address(served, kv.B), kv.B, said),
        (address(served, kv.C), kv.C, said),
    ]


def test_a_contract_that_refuses_to_answer(client: Client, served: Served) -> None:
    error = refused(client.evaluate, b"fail", b"no tea")
    assert error.code() is Code.UNKNOWN
    said = "chaincode response 500, UFMI-3005: no tea"
    assert error.details() == f"evaluate call to endorser returned error: {said}"
    assert details(error) == [(address(served), kv.A, said)]


def test_a_defect_of_the_contract_is_one_failed_call(client: Client) -> None:
    for call in (client.endorse, client.evaluate):
        ((_, _, said),) = details(refused(call, b"crash"))
        assert said == (
            "chaincode response 500, UFMI-3000: the contract failed: RuntimeError: a defect"
        )
    assert client.call(b"put", b"alive", b"x")[1].result == 0


@pytest.mark.parametrize("word", ["x", "茶", "🍵"])
def test_long_words_are_cut_to_what_a_trailer_holds(client: Client, word: str) -> None:
    reason = (word * 20_000).encode()
    for found in (
        details(refused(client.endorse, b"fail", reason)),
        details(refused(client.endorse, b"fail", reason, by=(kv.A, kv.B, kv.C))),
        details(refused(client.evaluate, b"fail", reason)),
    ):
        for _, _, said in found:
            assert said.startswith("chaincode response 500, UFMI-3005: " + word * 100)
            assert said.endswith(word + "…")


@pytest.mark.parametrize(
    ("channel", "contract", "endorse", "evaluate"),
    [
        ("none", "kv", Code.FAILED_PRECONDITION, Code.UNAVAILABLE),
        ("one", "none", Code.FAILED_PRECONDITION, Code.FAILED_PRECONDITION),
    ],
)
def test_unknown_channels_and_contracts(
    client: Client, channel: str, contract: str, endorse: Any, evaluate: Any
) -> None:
    chosen = {"channel": channel, "contract": contract}
    error = refused(client.endorse, b"get", b"x", **chosen)
    assert error.code() is endorse
    assert error.details().startswith("no combination of peers can be derived")
    assert refused(client.evaluate, b"get", b"x", **chosen).code() is evaluate


def test_an_unknown_channel_elsewhere(client: Client) -> None:
    tx_id, envelope = client.endorse(b"put", b"elsewhere", b"x")
    assert refused(client.submit, tx_id, envelope, "none").code() is Code.FAILED_PRECONDITION
    assert refused(client.status, tx_id, "none").code() is Code.PERMISSION_DENIED
    assert refused(next, client.events(channel="none")).code() is Code.PERMISSION_DENIED
    assert refused(client.endorse, b"get", b"x", by=("DMSP", kv.A)).details() == (
        "failed to find any endorsing peers for org(s): DMSP"
    )


def test_a_wrong_signature(client: Client) -> None:
    tx_id, signed = client.propose("kv", b"put", b"forged", b"x")
    signed.signature = client.identity.sign(b"something else")
    request = gateway.EndorseRequest(
        transaction_id=tx_id, channel_id="one", proposed_transaction=signed
    )
    error = refused(client.gateway.Endorse, request)
    assert error.code() is Code.ABORTED
    ((_, _, said),) = details(error)
    assert said.startswith(f"access denied: channel [one] creator org [{kv.A}]")
    question = gateway.EvaluateRequest(
        transaction_id=tx_id, channel_id="one", proposed_transaction=signed
    )
    assert refused(client.gateway.Evaluate, question).code() is Code.FAILED_PRECONDITION
    tx_id, envelope = client.endorse(b"put", b"forged", b"x")
    envelope.signature = client.identity.sign(b"something else")
    error = refused(client.submit, tx_id, envelope)
    assert error.code() is Code.ABORTED
    assert "status=FORBIDDEN" in error.details()
    asked = client.status_request(tx_id)
    asked.signature = envelope.signature
    assert refused(client.gateway.CommitStatus, asked).code() is Code.PERMISSION_DENIED
    assert client.evaluate(b"get", b"forged") == b"null"


def test_the_orderers_organisation_does_not_call_contracts(client: Client, served: Served) -> None:
    outside = served.ledger.identity("OrdererMSP", "client")
    client.identity = outside
    ((_, _, said),) = details(refused(client.endorse, b"put", b"outside", b"x"))
    assert "creator org [OrdererMSP]" in said
    assert refused(client.status, "00").code() is Code.PERMISSION_DENIED


def test_an_id_that_was_used(client: Client) -> None:
    tx_id, signed = client.propose("kv", b"put", b"twice", b"x")
    request = gateway.EndorseRequest(
        transaction_id=tx_id, channel_id="one", proposed_transaction=signed
    )
    envelope = client.gateway.Endorse(request).prepared_transaction
    envelope.signature = client.identity.sign(envelope.payload)
    client.submit(tx_id, envelope)
    ((_, _, said),) = details(refused(client.gateway.Endorse, request))
    assert said.startswith(f"duplicate transaction found [{tx_id}]")
    client.submit(tx_id, envelope)  # the orderer does not know; the validator does
    assert client.status(tx_id).result == 0


def test_incomplete_requests_are_invalid_arguments(client: Client) -> None:
    calls: list[tuple[Any, Any]] = [
        (client.gateway.Endorse, gateway.EndorseRequest()),
        (client.gateway.Evaluate, gateway.EvaluateRequest()),
        (client.gateway.Submit, gateway.SubmitRequest()),
        (
            client.gateway.Submit,
            gateway.SubmitRequest(prepared_transaction=common.Envelope(payload=b"x")),
        ),
        (client.gateway.CommitStatus, gateway.SignedCommitStatusRequest()),
        (client.gateway.CommitStatus, gateway.SignedCommitStatusRequest(request=b"\xff")),
        (client.gateway.CommitStatus, gateway.SignedCommitStatusRequest(request=b"\x0a\x01x")),
        (
            client.gateway.Endorse,
            gateway.EndorseRequest(
                proposed_transaction=proposal.SignedProposal(proposal_bytes=b"\xff")
            ),
        ),
    ]
    for call, request in calls:
        assert refused(call, request, timeout=60).code() is Code.INVALID_ARGUMENT, request
    nothing = gateway.SignedChaincodeEventsRequest()
    error = refused(next, client.gateway.ChaincodeEvents(nothing))
    assert error.code() is Code.INVALID_ARGUMENT


def test_an_id_that_is_not_the_hash_it_must_be(client: Client) -> None:
    _, signed = client.propose("kv", b"put", b"id", b"x")
    whole = proposal.Proposal.FromString(signed.proposal_bytes)
    header = common.Header.FromString(whole.header)
    channel_header = common.ChannelHeader.FromString(header.channel_header)
    channel_header.tx_id = "00"
    header.channel_header = channel_header.SerializeToString()
    whole.header = header.SerializeToString()
    raw = whole.SerializeToString()
    signed = proposal.SignedProposal(proposal_bytes=raw, signature=client.identity.sign(raw))
    error = refused(client.gateway.Endorse, gateway.EndorseRequest(proposed_transaction=signed))
    assert error.code() is Code.ABORTED
    assert "transaction id" in details(error)[0][2]
    error = refused(client.gateway.Evaluate, gateway.EvaluateRequest(proposed_transaction=signed))
    assert error.code() is Code.FAILED_PRECONDITION


def test_a_policy_that_cannot_be_met_is_said(tmp_path: Path) -> None:
    for one in serve(tmp_path, policy="AND('AMSP.peer', 'DMSP.peer')"):
        client = one.client()
        error = refused(client.endorse, b"put", b"x", b"x")
        assert error.code() is Code.FAILED_PRECONDITION
        assert "no combination" in error.details()
        client.close()


# -- events -----------------------------------------------------------------------------------


def take(stream: Iterator[Any], count: int) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    for response in stream:
        found += [(response.block_number, event.payload) for event in response.events]
        if len(found) >= count:
            break
    return found


def test_events_from_a_block_and_after_a_transaction(client: Client) -> None:
    made = [client.call(b"put", f"event-{number}".encode(), b"x") for number in range(4)]
    blocks = [status.block_number for _, status in made]
    payloads = [f"event-{number}".encode() for number in range(4)]
    whole = list(zip(blocks, payloads, strict=True))
    stream = client.events(at(blocks[0]))
    assert take(stream, 4) == whole
    stream.cancel()
    stream = client.events(at(0), after=made[1][0])
    assert take(stream, 2) == whole[2:]
    stream.cancel()


def test_events_to_come(client: Client, served: Served) -> None:
    for position in (None, NEXT):
        # The stream begins where the ledger is when the server takes the call, as in Fabric.
        stream = client.events(position)
        height = served.ledger.channel("one").height
        with ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(take, stream, 1)
            number = 0
            while not waiting.done():
                client.call(b"put", f"coming-{number}".encode(), b"x")
                number += 1
            ((block, payload),) = waiting.result()
        stream.cancel()
        assert block >= height
        assert payload.startswith(b"coming-")


@pytest.mark.parametrize("position", [OLDEST, NEWEST])
def test_events_begin_at_a_number_only(client: Client, position: orderer.SeekPosition) -> None:
    error = refused(next, client.events(position))
    assert error.code() is Code.INVALID_ARGUMENT
    assert error.details().startswith("invalid start position type")


def test_events_of_invalid_transactions_and_other_contracts_are_not_told(
    client: Client, served: Served
) -> None:
    start = served.ledger.channel("one").height
    tx_id, envelope = client.endorse(b"put", b"untold", b"x", by=(kv.C,))
    client.submit(tx_id, envelope)
    assert client.status(tx_id).result
    client.call(b"put", b"told", b"x")
    stream = client.events(at(start))
    assert take(stream, 1) == [(start + 1, b"told")]
    stream.cancel()
    other = client.events(at(start), contract="other")
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(next, other)
        client.call(b"put", b"told", b"x")
        assert not waiting.done()
        other.cancel()
        assert isinstance(waiting.exception(), grpc.RpcError)
