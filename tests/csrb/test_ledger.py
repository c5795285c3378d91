"""The contract on the embedded ledger: two organisations, and the same state as in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from chaincode.csrb.records import Correction, Report
from ufmi.contract import encode_record
from ufmi.datafolder import CONTRACTS
from ufmi.errors import EndorseError, LedgerError
from ufmi.ledger import Contract, Gateway
from ufmi.ledger.embedded import EmbeddedLedger
from ufmi.ledger.embedded.topology import BANK, MARKET, OPERATOR, REGULATOR
from ufmi.ledger.embedded.verify import verify_channel

from .channel import START, Channel, anchors, at, fault, operation, parameters, snapshot, source


class OnLedger(Channel):
    """The same as `Channel`, on a ledger: its members are `relay` and a client each."""

    def __init__(self, ledger: EmbeddedLedger) -> None:
        self.ledger = ledger
        relay = ledger.enrol(OPERATOR, "relay")
        for msp in (OPERATOR, MARKET, BANK, REGULATOR):
            ledger.enrol(msp, "client")
        found = parameters(relays=(relay.fingerprint,))
        self.contract(OPERATOR, "client").submit("init", encode_record(found))

    def contract(self, msp: str, member: str) -> Contract:
        gateway = Gateway(self.ledger, self.ledger.identity(msp, member))
        return gateway.network("csrb").contract("csrb")

    def call(
        self, function: str, *arguments: bytes, caller: str = "relay", msp: str = OPERATOR
    ) -> bytes:
        contract = self.contract(msp, caller)
        if function in ("init", "report"):
            return contract.submit(function, *arguments)
        return contract.evaluate(function, *arguments)


@pytest.fixture(params=[False, True], ids=["plain", "strict"])
def channel(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OnLedger]:
    with EmbeddedLedger.create(tmp_path / "l", CONTRACTS, strict=request.param) as ledger:
        yield OnLedger(ledger)


def day(channel: Channel) -> None:
    """A little of everything."""
    channel.take(operation("a", 0, "create"), fault(source(0, 0)), operation("b", 0, "create"))
    channel.take(
        operation("a", 1, "update"),
        operation("o-1", 0, "create"),
        corrections=(Correction("NBROKCNBJXXX", 0, 1, "o-1/0"),),
    )
    channel.take(operation("a", 0, "overwrite"), operation("a", 1, "overwrite"))
    channel.take(operation("a", 2, "delete"))


def test_the_ledger_comes_to_the_same_state_as_memory(channel: OnLedger) -> None:
    memory = Channel()
    day(memory)
    day(channel)
    assert channel.progress == memory.progress
    found = dict(channel.ask("scan", "", "", "1000"))
    expected = {key: msgspec.json.decode(value) for key, value in memory.state.items()}
    assert found.pop("parameters") != expected.pop("parameters")  # other certificates
    assert found == expected
    history = channel.ask("history", "snapshot/a/000000")
    assert [one["operation"] for _, _, one in history] == ["overwrite", "create"]
    checked = verify_channel(channel.ledger.channel("csrb"), channel.ledger.topology.orderer)
    assert checked.ok, checked.problems


def test_what_is_refused_leaves_no_block(channel: OnLedger) -> None:
    day(channel)
    height = channel.ledger.channel("csrb").height
    again = Report("udl", START, at(1), anchors(0, 1), ())
    with pytest.raises(EndorseError, match="reported up to block 4"):
        channel.report(again)
    wrong = replace(
        again,
        begin=at(4),
        end=at(5),
        anchors=anchors(4, 5),
        snapshots=(snapshot("a", 3, "update", source(4, 0)),),
    )
    with pytest.raises(EndorseError, match="a is deleted"):
        channel.report(wrong)
    assert channel.ledger.channel("csrb").height == height


def test_the_regulator_reads_and_nobody_else_of_other_organisations(channel: OnLedger) -> None:
    day(channel)
    theirs = channel.contract(REGULATOR, "client")
    assert b'"deleted":true' in theirs.evaluate("object", b"a")
    for msp in (MARKET, BANK):
        with pytest.raises(LedgerError, match="not a member"):
            channel.contract(msp, "client").evaluate("object", b"a")
        with pytest.raises(LedgerError, match="not a member"):
            list(channel.contract(msp, "client").network.past_blocks())


def test_only_the_relay_reports(channel: OnLedger) -> None:
    report = encode_record(Report("udl", START, at(1), anchors(0, 1), ()))
    for msp, member in ((REGULATOR, "client"), (OPERATOR, "client"), (OPERATOR, "admin")):
        with pytest.raises(EndorseError, match="UFMI-3004"):
            channel.contract(msp, member).submit("report", report)
    channel.contract(OPERATOR, "relay").submit("report", report)


def test_both_organisations_have_to_endorse(channel: OnLedger) -> None:
    report = encode_record(Report("udl", START, at(1), anchors(0, 1), ()))
    contract = channel.contract(OPERATOR, "relay")
    alone = contract.new_proposal("report", report, organisations=(OPERATOR,))
    with pytest.raises(LedgerError, match="ENDORSEMENT_POLICY_FAILURE|polic"):
        alone.endorse().submit().require_valid()
    assert channel.progress == START
