"""A day of a market: every message, accepted and refused, against the institutions' own books."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from ufmi.crypto import Sm2PrivateKey, sm3_hex
from ufmi.legacy.books import SqliteBook
from ufmi.node import Node
from ufmi.protocol import FORMS, Message, decode
from ufmi.protocol.codes import asset_code
from ufmi.protocol.records import Holding, OrderRecord
from ufmi.scenario import Outcome, read_scenario, run, start_ms
from ufmi.scenario.day import REGISTRIES, day
from ufmi.statement import statement
from ufmi.system import ControlledClock

# Not submitted but asked.
ASKED = {"X3", "P3"}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Node, Outcome]]:
    folder = tmp_path_factory.mktemp("day")
    scenario = day(100)
    operators = [Sm2PrivateKey.from_hex(sm3_hex(name.encode())) for name in ("1", "2", "3")]
    clock = ControlledClock(start_ms(scenario))
    with Node.create(folder, operators=operators, clock=clock) as node:
        yield node, run(node, scenario, operators)


def test_every_step_and_every_balance_is_as_expected(played: tuple[Node, Outcome]) -> None:
    _, outcome = played
    assert outcome.faults == []
    assert [one for one in outcome.reconciliation.checks if not one.ok] == []


def test_every_message_is_sent_and_every_form_of_an_answer(played: tuple[Node, Outcome]) -> None:
    _, outcome = played
    sent = {one.text.split("(")[0] for one in outcome.record.instructions}
    sent |= {one.text.split("(")[0] for one in outcome.record.sent}
    sent |= {one["question"] for one in outcome.asked}
    messages = {name for name, form in FORMS.items() if issubclass(form, Message)}
    assert messages - sent == set()
    answers = {name for name in FORMS if "." in name and not name.startswith(tuple(ASKED))}
    assert answers - sent == set()
    assert {one["question"] for one in outcome.asked} == ASKED


def test_accepted_and_refused(played: tuple[Node, Outcome]) -> None:
    _, outcome = played
    codes = {str(one.outcome()[0]) for one in outcome.record.instructions}
    assert len(codes) >= 15 and {"OK", "PENDING", "PROOF_INVALID", "KEY_REVOKED"} <= codes


def test_the_registries_know_every_owner_from_what_they_were_sent(
    played: tuple[Node, Outcome],
) -> None:
    node, outcome = played
    for name in REGISTRIES:
        registry = outcome.scenario.parties[name].id
        (spec,) = [one for one in outcome.scenario.assets.values() if one.registry == name]
        code = asset_code(registry, spec.id)
        book = SqliteBook(node.folder / "books" / registry)
        owners = book.owners(code)
        book.close()
        assert owners == _owners(node, code) and len(owners) > 20


def _owners(node: Node, code: str) -> dict[str, int]:
    """Free and held, by address."""
    owners: dict[str, int] = {}
    for key, holding in node.records("holding/", Holding):
        _, address, asset = key.split("/")
        if asset == code:
            owners[address] = owners.get(address, 0) + holding.quantity
    for key, order in node.records("order/", OrderRecord):
        if order.asset == code:
            address = key.split("/")[1]
            owners[address] = owners.get(address, 0) + order.held
    return {address: amount for address, amount in sorted(owners.items()) if amount}


def test_the_demonstration_shows_every_message(tmp_path: Path) -> None:
    scenario = read_scenario(Path(str(files("ufmi.scenario") / "demo.toml")))
    operators = [Sm2PrivateKey.from_hex(sm3_hex(name.encode())) for name in ("1", "2", "3")]
    clock = ControlledClock(start_ms(scenario))
    with Node.create(tmp_path / "data", operators=operators, clock=clock) as node:
        outcome = run(node, scenario, operators)
    sent = {one.text.split("(")[0] for one in outcome.record.instructions}
    sent |= {one["question"] for one in outcome.asked}
    messages = {name for name, form in FORMS.items() if issubclass(form, Message)}
    assert messages - sent == set()
    assert decode(outcome.record.sent[0].text)


def test_statements_of_a_day_agree_with_the_ledger(played: tuple[Node, Outcome]) -> None:
    """Opening, movements and closing are checked against blocks and state by `statement`."""
    node, outcome = played
    parties = outcome.scenario.parties
    for subject in ("L000000001", "L000000002", "L000000050", parties["harbour"].id):
        found = statement(node, subject)
        assert found.opening == [] and len(found.movements) > 3
    money = sum(one.free + one.held for one in statement(node, parties["river"].id).closing)
    minted = [
        one for one in outcome.reconciliation.checks if parties["river"].id[1:] in one.subject
    ]
    assert f"supply {money}," in minted[0].note
