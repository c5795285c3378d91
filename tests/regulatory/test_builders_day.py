"""A day of a market and the demonstration as report objects: all that follows, and nothing else."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.market.compare import State
from tests.market.examples import generated
from ufmi.frontend.deliveries import executed_lines
from ufmi.ledger import Block
from ufmi.protocol import Message, Result, decode
from ufmi.protocol.codes import mark_bank
from ufmi.protocol.orders import S1
from ufmi.protocol.settlement import T1
from ufmi.regulatory import canonical, parse_reference
from ufmi.regulatory.builders import Builder, Draft
from ufmi.scenario import Scenario, read_scenario
from ufmi.scenario.day import day

from .reports import (
    Archive,
    assert_balances_follow,
    assert_totals,
    counts,
    fold,
    group,
    message_of,
    of_type,
    play,
)


class Played(NamedTuple):
    scenario: Scenario
    blocks: list[Block]
    state: State
    builder: Builder
    drafts: list[Draft]


def _demo() -> Scenario:
    return read_scenario(Path(str(files("ufmi.scenario") / "demo.toml")))


@pytest.fixture(scope="module", params=["day", "demo"])
def played(request: pytest.FixtureRequest) -> Played:
    scenario = day(12) if request.param == "day" else _demo()
    blocks, state = play(scenario)
    builder = Builder()
    return Played(scenario, blocks, state, builder, fold(blocks, builder))


def _expected(message: Message, result: Result) -> Counter[tuple[str, str]]:
    """What the table in docs/reporting.md says, of what shows in text and result."""
    name, data = message.NAME, result.data
    create, update = "create", "update"
    wanted: Counter[tuple[str, str]] = Counter()
    if isinstance(message, S1):
        wanted["transactionreport", create] = 1
        wanted["infodisclosure", create] = int(message.order.broadcast)
    elif isinstance(message, T1):
        legs = len(message.legs)
        wanted["transactionreport", create] = legs
        wanted["registration", create] = 2 * legs
        wanted["settlement", create] = legs  # in these scenarios one bank's money pays a leg
    elif name == "ADMIT" and result.code == "OK":
        wanted["subject", create] = 1
    elif name == "X1":
        wanted |= {("subject", create): 1, ("account", create): 2}
    elif name in ("X1.bank", "X1.registry") and data["account"] == "ACTIVE":
        wanted["account", update] = 2
    elif name == "P1.registry" or name == "P2.update":
        wanted["product", update if name == "P2.update" else create] = 1
    elif name == "Y1.locked" or name.startswith("Y2."):
        moved = "OK" if name == "Y1.locked" else "DESTROYED"
        wanted["settlement", create] = int(moved in (data.get("outcome"), data.get("status")))
    elif name == "Z1.locked" and data["outcome"] == "OK":
        wanted |= {("registration", create): 1, ("infodisclosure", create): 1}
    elif name in ("S2", "CANCEL") or (name == "EXPIRE" and getattr(message, "kind", "") == "ORDER"):
        wanted["transactionreport", update] = 1
    elif name == "STATUS" and result.code == "OK":
        kind = getattr(message, "kind", "")
        if kind == "ADDRESS":
            wanted["account", update] = 2
        elif kind == "ASSET":
            wanted["product", update] = 1
        else:
            wanted["infodisclosure", create] = 1
    return +wanted


# What depends on what came before: shown by tests of their own.
_BY_STATE = {"P1", "X2", "X2.bank", "X2.registry", "X2.update"}


def test_each_message_brings_what_the_table_says(played: Played) -> None:
    brought: dict[tuple[int, str], list[Draft]] = {
        key: list(drafts)
        for key, drafts in groupby(
            played.drafts, lambda one: (one.source.block, one.source.transaction)
        )
    }
    told = set()
    for block in played.blocks:
        for line in executed_lines(block):
            found = decode(line.line.text) if line.result.id else None
            drafts = brought.get((line.block, line.transaction_id), [])
            own = [
                one
                for one in drafts
                if one.header["metadata"]["source"]["message"] == line.result.id
            ]
            if not isinstance(found, Message) or not line.result.accepted or line.result.repeated:
                assert own == []
                continue
            told.add(found.NAME)
            if found.NAME not in _BY_STATE:
                disclosed = int(
                    found.NAME in ("S2", "CANCEL")
                    and ("infodisclosure", "create") in [(one.type, one.operation) for one in own]
                )
                wanted = _expected(found, line.result)
                wanted["infodisclosure", "create"] += disclosed
                assert Counter([(one.type, one.operation) for one in own]) == +wanted, found.NAME
    assert {"ADMIT", "X1", "P1", "Y1", "Y2", "Z1", "S1", "T1", "STATUS", "EXPIRE"} <= told


def test_what_depends_on_the_state(played: Played) -> None:
    found = counts(played.drafts)
    banks = {
        id
        for id in played.builder.state.parties
        if id in map(mark_bank, played.builder.state.marks)
    }
    assert found["P1", "product", "create"] == len(banks)
    cancelled = [one for one in played.drafts if message_of(one) in ("S2", "CANCEL")]
    broadcast = {
        one.header["metadata"]["order"]
        for one in of_type(played.drafts, "infodisclosure")
        if message_of(one) == "S1"
    }
    ended = {one.header["metadata"]["order"] for one in of_type(cancelled, "transactionreport")}
    notices = {one.header["metadata"]["order"] for one in of_type(cancelled, "infodisclosure")}
    assert notices == ended & broadcast and notices
    # Nobody agreed to one change of addresses: it brings nothing. The others change two accounts.
    changes = sum(found[name, "account", "update"] for name in ("X2", "X2.bank", "X2.registry"))
    asked = [step for step in played.scenario.steps if step.do == "update_user"]
    assert changes == 2 * len([step for step in asked if step.agreed_by != "nobody"])
    # Its documents are empty.
    assert found["X2.update", "account", "update"] == 0


def test_every_object_is_valid_and_every_reference_leads_to_one(played: Played) -> None:
    archive = Archive()
    archive.take(played.drafts)
    assert {draft.type for draft in archive.drafts} == {
        *("subject", "account", "product", "transactionreport"),
        *("registration", "settlement", "infodisclosure"),
    }
    # The builder's own idea of the versions is the archive's.
    for object_id, known in played.builder.state.objects.items():
        assert archive.histories[object_id].latest == known.version


def test_ids_and_sources(played: Played) -> None:
    network = played.builder.state.network
    for draft in played.drafts:
        assert draft.object_id.startswith(f"{network[:12]}-") and len(draft.object_id) <= 128
        assert "/" not in draft.object_id and parse_reference(draft.reference)
        assert draft.owner == "UFMI"
        source = draft.header["metadata"]["source"]
        assert (source["block"], source["line"]) == (draft.source.block, draft.source.line)
        assert source["transaction"] == draft.source.transaction
    created = [one.object_id for one in played.drafts if one.operation == "create"]
    assert len(set(created)) == len(created)


def test_persons_are_private_and_stand_nowhere_else(played: Played) -> None:
    names = [
        account
        for user in played.builder.state.users.values()
        for one in user.accounts.values()
        for account in (one.bank_user, one.registry_user)
    ]
    assert names
    for draft in played.drafts:
        person = draft.type == "subject" and draft.object_id.split("-")[2].startswith("L")
        assert draft.private == (person or draft.type == "account")
        if not draft.private:
            text = canonical(draft.snapshot).decode()
            assert not any(name in text for name in names)


def test_totals_are_the_ledgers(played: Played) -> None:
    assert_totals(played.builder, played.state)
    assert_balances_follow(played.drafts)


def test_what_was_paid_is_in_the_settlements(played: Played) -> None:
    for block in played.blocks:
        for line in executed_lines(block):
            if line.result.accepted and line.line.text.startswith("T1("):
                settled = [
                    group(one)["basic_information_capital_settlement"]["settlement_value"]
                    for one in of_type(played.drafts, "settlement")
                    if one.header["metadata"]["source"]["message"] == line.result.id
                ]
                assert sum(settled) * 100 == line.result.data["paid"]


def test_two_folds_are_equal(played: Played) -> None:
    other = Builder()
    assert fold(played.blocks, other) == played.drafts
    assert other.checkpoint() == played.builder.checkpoint()


@generated(12)
@given(at=st.data())
def test_a_fold_goes_on_from_a_checkpoint_anywhere(played: Played, at: st.DataObject) -> None:
    cut = at.draw(st.integers(0, len(played.blocks)))
    first = Builder()
    drafts = fold(played.blocks[:cut], first)
    second = Builder.resume(first.checkpoint())
    drafts += fold(played.blocks[cut:], second)
    assert drafts == played.drafts
    assert second.checkpoint() == played.builder.checkpoint()


def test_the_state_stays_small(played: Played) -> None:
    """Only what may yet change or be referred to is remembered."""
    lasting = {"SU", "AC", "PR", "TR"}
    kinds = [id.split("-")[1] for id in played.builder.state.objects]
    assert set(kinds) <= lasting
    assert kinds.count("TR") == len(played.builder.state.orders)
    assert played.builder.state.updates == {}
