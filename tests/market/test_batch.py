"""Calls of the contract: init, the batch header, who may execute, lines that are no messages."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from chaincode.udl import UdlContract
from ufmi.contract import Context, encode_record
from ufmi.crypto import sm3_hex
from ufmi.errors import ContractFailure, LimitExceeded, UnknownFunction
from ufmi.protocol import Code
from ufmi.protocol.records import InitParameters

from .drafts import BROKER_A, OPERATORS, public_key
from .market import MSP, START_MS, Market, MemoryStub, certificate, parameters


def invoke(state: dict[str, bytes], function: str, *arguments: bytes, **caller: str) -> bytes:
    return UdlContract().invoke(MemoryStub(state, START_MS, **caller), function, arguments)


def header(*entries: list[Any]) -> bytes:
    return json.dumps(entries).encode()


# -- init -------------------------------------------------------------------------------------


def test_init_names_the_network_by_its_parameters() -> None:
    state: dict[str, bytes] = {}
    digest = invoke(state, "init", json.dumps(parameters()).encode()).decode()
    network = json.loads(state["network"])
    assert network["digest"] == digest
    assert digest == sm3_hex(encode_record(msgspec.convert(parameters(), InitParameters)))
    assert {one["role"] for one in network["services"].values()} == {"OPERATOR", "FRONTEND"}


def test_init_is_called_once(market: Market) -> None:
    with pytest.raises(ContractFailure, match="initialised already"):
        market.invoke("init", json.dumps(parameters()).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold": 0},
        {"threshold": 4},
        {"operators": []},
        {"operators": [public_key(OPERATORS[0])] * 3},
        {"operators": [public_key(f"operator {at}") for at in range(17)]},
        {"operators": [public_key(name).upper() for name in OPERATORS]},
        {"operators": ["04" + "00" * 64]},
        {"operators": ["nothing"]},
        {"operators": [public_key("frontend")], "threshold": 1},
        {"frontend_key": public_key("frontend").upper()},
        {"clock": "sundial"},
        {"threshold": "2"},
    ],
)
def test_init_refuses_bad_parameters(changes: dict[str, Any]) -> None:
    state: dict[str, bytes] = {}
    with pytest.raises(ContractFailure):
        invoke(state, "init", json.dumps(parameters(**changes)).encode())
    assert not state


def test_init_refuses_what_is_no_json() -> None:
    with pytest.raises(ContractFailure):
        invoke({}, "init", b"{")


def test_another_nonce_is_another_network() -> None:
    digests = [
        invoke({}, "init", json.dumps(parameters(nonce=nonce)).encode()) for nonce in ("1", "2")
    ]
    assert digests[0] != digests[1]


# -- execute as a call ------------------------------------------------------------------------


def test_execute_needs_init() -> None:
    with pytest.raises(ContractFailure, match="not initialised"):
        invoke({}, "execute", header([1, START_MS, ""]), b"{}")


@pytest.mark.parametrize("caller", [{"msp": "OtherMSP"}, {"caller": "somebody"}])
def test_only_the_frontends_identity_executes(market: Market, caller: dict[str, str]) -> None:
    state = dict(market.state)
    with pytest.raises(ContractFailure, match="only the front-end"):
        invoke(state, "execute", header([1, START_MS, ""]), b"{}", **caller)
    assert state == market.state


@pytest.mark.parametrize(
    "entries",
    [
        b"[]",
        b"nothing",
        b"[[1]]",
        header([1, START_MS, ""]),
        header([1, START_MS, ""], [2, START_MS, ""], [3, START_MS, ""]),
        header([2, START_MS, ""], [1, START_MS, ""]),
        header([1, START_MS, ""], [1, START_MS, ""]),
        header([1, START_MS, ""], [2, START_MS + 1, ""]),
        header([1, START_MS + 1, ""], [2, START_MS, ""]),
    ],
)
def test_a_header_has_to_fit_its_lines(market: Market, entries: bytes) -> None:
    lines = [market.line(market.p1(f"60000{at}")).encode() for at in (8, 9)]
    state = dict(market.state)
    with pytest.raises(ContractFailure):
        market.invoke("execute", entries, *lines)
    assert state == market.state


def test_no_line_arrived_after_the_transaction(market: Market) -> None:
    """Contract time is not before the arrivals of the batch (messages, rule 11)."""
    lines = [market.line(market.p1(f"60000{at}")).encode() for at in (7, 8, 9)]
    entries = header([1, START_MS, ""], [2, START_MS + 99_999, ""], [3, START_MS, ""])
    with pytest.raises(ContractFailure):
        market.invoke("execute", entries, *lines)


def test_a_batch_has_a_line(market: Market) -> None:
    with pytest.raises(ContractFailure):
        market.invoke("execute", b"[]")


def test_a_batch_has_at_most_a_thousand_lines(market: Market) -> None:
    entries = header(*[[at + 1, START_MS, ""] for at in range(1_001)])
    with pytest.raises(ContractFailure):
        market.invoke("execute", entries, *[b"{}"] * 1_001)
    with pytest.raises(LimitExceeded):
        market.invoke("execute", entries, *[b"{}"] * 2_001)


def test_there_are_no_other_functions(market: Market) -> None:
    for name in ("mint", "functions", "invoke", "__init__"):
        with pytest.raises(UnknownFunction):
            market.invoke(name)


def test_arrivals_are_kept_with_the_result(market: Market) -> None:
    p1 = market.p1("600009")
    entries = header([4_711, START_MS - 5, ""])
    market.invoke("execute", entries, market.line(p1).encode())
    record = market.record(f"result/{p1.identity}")
    assert (record["number"], record["time"]) == (4_711, START_MS - 5)


def test_the_event_names_identities_and_codes_only(market: Market) -> None:
    p1 = market.p1("600009")
    stub = MemoryStub(market.state, market.now)
    lines = [market.line(p1).encode(), b"{}"]
    market.contract.invoke(stub, "execute", [header([1, START_MS, ""], [2, START_MS, ""]), *lines])
    [(name, payload)] = stub.events
    assert name == "executed"
    assert json.loads(payload) == [[p1.identity, "PENDING"], ["", "MALFORMED"]]


def test_a_caller_is_known_by_his_certificate() -> None:
    context = Context(MemoryStub({}, START_MS))
    assert context.caller.msp == MSP
    assert context.caller.certificate == certificate("frontend")
    assert context.caller.fingerprint == parameters()["frontend_certificate"]


# -- lines that are no messages ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"", Code.MALFORMED),
        (b"[]", Code.MALFORMED),
        (b'{"text":"P1()"}', Code.MALFORMED),
        (b'{"text":"P1()","signature":"0g"}', Code.MALFORMED),
        (b'{"text":"P1(","signature":"00"}', Code.MALFORMED),
        (b'{"text":"P1()","signature":"00"}', Code.MALFORMED),
        (b'{"text":"PAY(1)","signature":"00"}', Code.UNKNOWN_MESSAGE),
        (b'{"text":"OUTCOME(1,P1,OK)","signature":"00"}', Code.UNKNOWN_MESSAGE),
        (b'{"text":"' + b"P1(" + b"x" * 40_000 + b')","signature":"00"}', Code.MALFORMED),
    ],
)
def test_what_is_no_message_is_refused_alone(market: Market, line: bytes, code: Code) -> None:
    state = dict(market.state)
    good = market.line(market.p1("600009"))
    refused, accepted = market.execute([line, good])
    assert (refused.code, refused.id) == (code, "")
    assert accepted.accepted
    assert len(market.state) > len(state)


def test_a_field_that_breaks_its_rule_is_named(market: Market) -> None:
    line = market.line(market.p1("600009")).encode().replace(b"CNY", b"XXX")
    [result] = market.execute([line])
    assert result.code == Code.FIELD_INVALID
    assert "currency" in result.detail


# -- queries ----------------------------------------------------------------------------------


def test_a_recorded_result_can_be_asked_for(market: Market) -> None:
    p1 = market.p1("600009")
    market.accept(p1)
    found = json.loads(market.invoke("result", p1.identity.encode()))
    assert found["code"] == "PENDING"
    assert market.invoke("result", b"P1/none/1") == b"null"


def test_the_next_user_is_after_the_highest(market: Market) -> None:
    assert market.invoke("next_user") == b"4"


def test_records_are_scanned_by_key(market: Market) -> None:
    found = json.loads(market.invoke("scan", b"party/N", b"party/NBROB"))
    assert [key for key, _ in found] == ["party/NBANACNBJXXX", "party/NBANBCNBJXXX",
                                         f"party/{BROKER_A}"]  # fmt: skip
