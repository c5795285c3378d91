"""Building bodies: names and values are refused where they are written."""

from __future__ import annotations

from typing import Any

import pytest

from ufmi.errors import InvalidObject
from ufmi.regulatory import TYPES, Body, Group, Object, Part, create, document, ensure_valid, exact
from ufmi.regulatory.model import object_type

from . import world


def test_a_settlement_field_by_field() -> None:
    settlement = (
        Body("settlement")
        .put(
            "basic_information_capital_settlement",
            settlement_type=1,
            settlement_currency="156",
            settlement_value=exact(120_000_050, 2),
            settlement_note=None,
            settlement_operation_doc=[document(uri="https://x", hash="00")],
            settlement_information_maintenance_time="2024-06-13T15:30:00+08:00",
        )
        .put("transferor_information", settlement_out_account_name="甲")
    )
    body = settlement.body()
    ensure_valid(create("settlement", "S1", body, timestamp=1))
    basics = body["capital_settlement_information"]["basic_information_capital_settlement"]
    assert "settlement_note" not in basics
    assert str(basics["settlement_value"]) == "1200000.5"


def test_items_of_arrays_and_groups_in_them() -> None:
    report = Body("infodisclosure")
    item = report.add("financial_information")
    item.put("basic_financial_information", disclosure_financial_type=1)
    report.add("financial_information").put(
        "basic_financial_information", disclosure_financial_type=2
    )
    assert report.value() == {
        "financial_information": [
            {"basic_financial_information": {"disclosure_financial_type": 1}},
            {"basic_financial_information": {"disclosure_financial_type": 2}},
        ]
    }


def test_increments_clear() -> None:
    change = Body("account", increment=True).clear("", "account_related_information")
    change.clear("account_cycle_information.freeze_information", "account_frozen_date")
    assert change.value() == {
        "account_related_information": None,
        "account_cycle_information": {"freeze_information": {"account_frozen_date": None}},
    }
    with pytest.raises(InvalidObject):
        Body("account").clear("", "account_related_information")
    with pytest.raises(InvalidObject):
        change.clear("", "account_number")


ACCOUNT = "/body/account_information"


@pytest.mark.parametrize(
    ("path", "fields", "pointer", "code"),
    [
        ("basic", {}, f"{ACCOUNT}/basic", "UNKNOWN"),
        (
            "basic_account_information.account_type",
            {},
            f"{ACCOUNT}/basic_account_information/account_type",
            "TYPE",
        ),
        (
            "basic_account_information",
            {"account_kind": 1},
            f"{ACCOUNT}/basic_account_information/account_kind",
            "UNKNOWN",
        ),
        (
            "basic_account_information",
            {"account_type": 9},
            f"{ACCOUNT}/basic_account_information/account_type",
            "ENUM",
        ),
        (
            "basic_account_information",
            {"account_purpose": (1, 9)},
            f"{ACCOUNT}/basic_account_information/account_purpose/1",
            "ENUM",
        ),
        (
            "account_cycle_information.freeze_information.account_frozen_doc",
            {"uri": "x"},
            f"{ACCOUNT}/account_cycle_information/freeze_information/account_frozen_doc",
            "TYPE",
        ),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(
    path: str, fields: dict[str, Any], pointer: str, code: str
) -> None:
    body = Body("account")
    with pytest.raises(InvalidObject) as caught:
        body.put(path, **fields)
    (finding,) = caught.value.findings
    assert (finding.pointer, finding.code) == (pointer, code)
    assert body.value() == {}


def test_only_arrays_get_items() -> None:
    body = Body("infodisclosure")
    for path in ("", "disclosure_basic_information", "financial_information.x"):
        with pytest.raises(InvalidObject):
            body.add(path)
    with pytest.raises(InvalidObject) as caught:
        body.add("disclosure_notice", disclosure_announcement_type=99)
    pointer = "/body/disclosure_approval_information/disclosure_notice/0"
    assert caught.value.findings[0].pointer == f"{pointer}/disclosure_announcement_type"
    assert body.value() == {}
    with pytest.raises(KeyError):
        Body("person")


def test_values_are_copied() -> None:
    purposes = [1]
    body = Body("account").put("basic_account_information", account_purpose=purposes)
    purposes.append(9)
    assert body.value() == {"basic_account_information": {"account_purpose": [1]}}


@pytest.mark.parametrize("name", world.WHOLE)
def test_every_example_can_be_built(name: str) -> None:
    snapshot = world.load(name)
    kind = snapshot["header"]["content"]["type"]
    assert kind in TYPES
    body = Body(kind)
    rebuild(body, object_type(kind).group, snapshot["body"][object_type(kind).body])
    assert body.body() == snapshot["body"]


def rebuild(part: Part, group: Group, value: Object) -> None:
    for name, one in value.items():
        member = group.members[name]
        if isinstance(member, Group) and not member.many:
            part.put(name)
            rebuild_inner(part, name, member, one)
        elif isinstance(member, Group) and one:
            for item in one:
                rebuild(part.add(name), member, item)
        else:
            part.put("", **{name: one})


def rebuild_inner(part: Part, path: str, group: Group, value: Object) -> None:
    for name, one in value.items():
        member = group.members[name]
        if isinstance(member, Group) and not member.many:
            part.put(f"{path}.{name}")
            rebuild_inner(part, f"{path}.{name}", member, one)
        elif isinstance(member, Group) and one:
            for item in one:
                rebuild(part.add(f"{path}.{name}"), member, item)
        else:
            part.put(path, **{name: one})
