"""The JSON Schema says what the checks say."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ufmi.regulatory import Code, Object, check, schema
from ufmi.regulatory.schemas import Draft

from . import strategies, world
from .minischema import valid

SCHEMA = schema()
OPEN = schema(closed=False)
# What a schema cannot say, or says by a format that validators need not look at.
BEYOND = {
    Code.FORMAT,
    Code.VERSION,
    Code.KIND,
    Code.REFERENCE_TYPE,
    Code.REFERENCE_UNKNOWN,
    Code.MORE,
}


@pytest.mark.parametrize("name", [*world.WHOLE, "21", "22"])
def test_examples_are_valid(name: str) -> None:
    assert valid(SCHEMA, world.load(name))
    assert valid(OPEN, world.load(name))


def test_an_increment_is_not_valid_by_itself() -> None:
    assert not valid(SCHEMA, world.load("20"))


def test_type_and_group_are_tied_and_a_delete_has_no_body() -> None:
    assert not valid(OPEN, world.changed("01", "header/content/type", "account"))
    assert not valid(OPEN, world.without("01", "body"))
    assert not valid(OPEN, world.changed("22", "body", world.load("15")["body"]))
    assert valid(OPEN, world.changed("01", "header/source", "x"))
    assert not valid(SCHEMA, world.changed("01", "header/source", "x"))


@strategies.calm
@given(strategies.creations())
def test_what_passes_the_checks_is_valid(snapshot: Object) -> None:
    assert valid(SCHEMA, snapshot)


def paths(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [one for key, inner in items for one in [(*above, key), *paths(inner, (*above, key))]]


@strategies.calm
@given(st.data())
def test_a_change_is_found_by_both_or_by_neither(data: st.DataObject) -> None:
    snapshot = world.load(data.draw(st.sampled_from([*world.WHOLE, "22"])))
    *above, last = data.draw(st.sampled_from(paths(snapshot)))
    target: Any = snapshot
    for key in above:
        target = target[key]
    change = data.draw(st.sampled_from(["drop", "add", "set"]))
    if change == "drop":
        del target[last]
    elif change == "add" and isinstance(target, dict):
        target["surprise"] = 1
    else:
        target[last] = data.draw(
            st.sampled_from([None, True, 0, 1, 7, 255, -1, Decimal("0.5"), "", "156", [], {}, [{}]])
        )
    found = {one.code for one in check(snapshot, full=True) if not one.warning}
    if not found & BEYOND:
        assert valid(SCHEMA, snapshot) == (not found)


@pytest.mark.parametrize("draft", ["draft-06", "2020-12"])
def test_a_library_for_json_schema_agrees(draft: Draft) -> None:
    library = pytest.importorskip("jsonschema")
    made = schema(draft)
    kind = library.Draft6Validator if draft == "draft-06" else library.Draft202012Validator
    kind.check_schema(made)
    validator = kind(made)
    for name in [*world.WHOLE, "21", "22"]:
        assert validator.is_valid(world.load(name))
    assert not validator.is_valid(world.load("20"))
    assert not validator.is_valid(world.changed("01", "header/content/operation", "add"))


def test_every_field_is_described() -> None:
    account = SCHEMA["properties"]["body"]["properties"]["account_information"]["properties"]
    field = account["basic_account_information"]["properties"]["account_type"]
    assert field["title"] == "账户类型"
    assert "1 证券账户 securities" in field["description"]
    assert field["enum"] == [0, 1, 2, 3, 255]
