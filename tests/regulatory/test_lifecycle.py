"""The life cycle: who may follow whom, merging, corrections."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ufmi.errors import InvalidObject, LifecycleError
from ufmi.regulatory import (
    History,
    Object,
    Rule,
    canonical,
    create,
    delete,
    history,
    increment,
    is_full,
    merge,
    overwrite,
    snapshot,
    step,
    update,
)

from . import strategies, world
from .test_checks import FIRM

KIND = "subject"
ID = "EXSUBJ0000000002"
PAYEE = "body/capital_settlement_information/transferee_information"


def body(**fields: Any) -> Object:
    """An increment for the example enterprise."""
    found: Object = fields
    for name in reversed(FIRM.split("/")[1:]):
        found = {name: found}
    return found


def started() -> History:
    one = History(lookup=world.lookup)
    one.apply(world.load("02"))
    return one


def test_the_examples_in_their_order() -> None:
    one = started()
    one.apply(world.load("20"))
    assert (one.latest, one.deleted) == (1, False)
    firm = world.at(one.merged(1), FIRM)
    assert firm["subject_insured_number"] == 52
    assert "subject_internet_address" not in firm
    assert firm["subject_company_name"] == world.at(one.merged(0), FIRM)["subject_company_name"]
    assert one.stored(1) == world.load("20")

    notice = History(lookup=world.lookup)
    for start in ("15", "21", "22"):
        notice.apply(world.load(start))
    assert (notice.latest, notice.deleted) == (1, True)
    assert notice.merged(0) == world.load("21")
    assert notice.merged(1) == world.load("22")
    assert notice.snapshots == (world.load("15"), world.load("21"), world.load("22"))


@pytest.mark.parametrize(
    ("made", "rule"),
    [
        (create(KIND, ID, world.load("02")["body"], timestamp=1), Rule.ID_TAKEN),
        (update(KIND, ID, 2, body(), timestamp=1), Rule.VERSION_WRONG),
        (update(KIND, ID, 4, body(), timestamp=1), Rule.VERSION_WRONG),
        (delete(KIND, ID, 2, timestamp=1), Rule.VERSION_WRONG),
        (overwrite(KIND, ID, 3, body(), timestamp=1, full=False), Rule.VERSION_UNKNOWN),
        (update(KIND, "OTHER", 3, body(), timestamp=1), Rule.OBJECT_DIFFERS),
        (update("account", ID, 3, {"account_information": {}}, timestamp=1), Rule.OBJECT_DIFFERS),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_may_not_follow(made: Object, rule: Rule) -> None:
    one = started()
    one.apply(update(KIND, ID, 1, body(subject_insured_number=1), timestamp=1))
    one.apply(update(KIND, ID, 2, body(subject_insured_number=2), timestamp=1))
    before = (one.state, one.snapshots)
    with pytest.raises(LifecycleError) as caught:
        one.apply(made)
    assert caught.value.rule == rule
    assert (one.state, one.snapshots) == before


@pytest.mark.parametrize("operation", ["update", "overwrite", "delete"])
def test_nothing_comes_before_create(operation: Any) -> None:
    one = History()
    version = 0 if operation == "overwrite" else 1
    sent = None if operation == "delete" else world.load("02")["body"]
    with pytest.raises(LifecycleError) as caught:
        one.apply(snapshot(operation, KIND, ID, version, sent, timestamp=1))
    assert caught.value.rule == Rule.OBJECT_UNKNOWN
    assert (one.state, one.latest, one.deleted, one.snapshots) == (None, None, False, ())
    with pytest.raises(LifecycleError):
        one.merged(0)


def test_nothing_follows_a_delete() -> None:
    one = started()
    one.apply(delete(KIND, ID, 1, timestamp=1))
    for made in (
        update(KIND, ID, 2, body(), timestamp=1),
        delete(KIND, ID, 2, timestamp=1),
        overwrite(KIND, ID, 0, world.load("02")["body"], timestamp=1),
    ):
        with pytest.raises(LifecycleError) as caught:
            one.apply(made)
        assert caught.value.rule == Rule.DELETED
    with pytest.raises(LifecycleError):
        one.overwrites(0, world.load("02")["body"], timestamp=1)
    with pytest.raises(LifecycleError) as caught:
        one.apply(world.load("02"))
    assert caught.value.rule == Rule.ID_TAKEN


def test_an_overwrite_goes_through_to_the_latest() -> None:
    one = started()
    one.apply(update(KIND, ID, 1, body(subject_insured_number=1), timestamp=1))
    one.apply(update(KIND, ID, 2, body(subject_fax="2"), timestamp=1))
    corrected = one.overwrites(1, body(subject_insured_number=9), timestamp=2, full=False)
    assert [one["header"]["content"]["version"] for one in corrected] == [1, 2]
    one.apply(corrected[0])
    for made in (
        update(KIND, ID, 3, body(), timestamp=1),
        delete(KIND, ID, 3, timestamp=1),
        overwrite(KIND, ID, 1, body(), timestamp=1, full=False),
    ):
        with pytest.raises(LifecycleError) as caught:
            one.apply(made)
        assert caught.value.rule == Rule.OVERWRITE_OPEN
    assert world.at(one.merged(2), FIRM)["subject_insured_number"] == 1
    one.apply(corrected[1])
    firm = world.at(one.merged(2), FIRM)
    assert (firm["subject_insured_number"], firm["subject_fax"]) == (9, "2")
    one.apply(update(KIND, ID, 3, body(), timestamp=3))
    assert len(one.snapshots) == 6


def test_an_increment_must_leave_a_valid_object() -> None:
    one = started()
    with pytest.raises(InvalidObject) as caught:
        one.apply(update(KIND, ID, 1, body(subject_company_name=None), timestamp=1))
    (finding,) = caught.value.findings
    assert (finding.pointer, finding.code) == (f"/{FIRM}/subject_company_name", "REQUIRED")
    assert one.latest == 0


def test_a_full_update_leaves_nothing_of_before() -> None:
    one = started()
    other = world.load("01")["body"]
    one.apply(update(KIND, ID, 1, other, timestamp=1, full=True))
    assert one.merged(1)["body"] == other
    assert is_full(one.stored(1))
    # Without the mark in the metadata a body is merged.
    bare = update(KIND, ID, 2, world.load("02")["body"], timestamp=1)
    bare["header"]["metadata"] = None
    one.apply(bare)
    firm = world.at(one.merged(2), FIRM)
    assert (
        firm["subject_legal_type"]
        == world.at(other, FIRM.removeprefix("body/"))["subject_legal_type"]
    )


def test_a_history_keeps_copies_and_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    one = History()
    mine = world.load("02")
    one.apply(mine)
    mine["body"].clear()
    assert one.merged(0) == world.load("02")
    monkeypatch.setattr(history, "SNAPSHOTS_MAX", 1)
    with pytest.raises(LifecycleError) as caught:
        one.apply(update(KIND, ID, 1, body(), timestamp=1))
    assert caught.value.rule == Rule.TOO_MANY


def test_steps_are_pure() -> None:
    first = step(None, world.load("02"))
    assert step(first, world.load("20")).latest == 1
    assert first.latest == 0


FIELDS = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.recursive(
        st.sampled_from([1, 0, True, False, "x"]) | st.lists(st.integers(0, 1), max_size=2),
        lambda inner: st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=3,
)


def leaves(value: Object, above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """An independent view of an object: every path and what is there; objects as a mark."""
    found: dict[tuple[str, ...], Any] = {}
    for name, one in value.items():
        path = (*above, name)
        found |= {path: "{}", **leaves(one, path)} if isinstance(one, dict) else {path: one}
    return found


def merged_by_leaves(
    before: dict[tuple[str, ...], Any], sent: dict[tuple[str, ...], Any]
) -> dict[tuple[str, ...], Any]:
    after = dict(before)
    for path, value in sent.items():
        if not (value == "{}" and after.get(path) == "{}"):
            after = {p: v for p, v in after.items() if p[: len(path)] != path}
        if value is not None:
            after[path] = value
    return after


WITH_NULLS = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.recursive(
        st.sampled_from([None, 1, "x"]) | st.lists(st.integers(0, 1), max_size=2),
        lambda inner: st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
        max_leaves=8,
    ),
    max_size=3,
)


@strategies.calm
@given(FIELDS, WITH_NULLS)
def test_merging_path_by_path(before: Object, sent: Object) -> None:
    kept = deepcopy((before, sent))
    assert leaves(merge(before, sent)) == merged_by_leaves(leaves(before), leaves(sent))
    assert (before, sent) == kept


@strategies.calm
@given(FIELDS, FIELDS)
def test_the_smallest_increment_leads_from_one_to_the_other(before: Object, after: Object) -> None:
    found = increment(before, after)
    assert canonical(merge(before, found)) == canonical(after)
    assert increment(after, after) == {}


@strategies.calm
@given(st.data())
def test_a_history_is_what_a_simple_list_says(data: st.DataObject) -> None:
    """Random operations, right and wrong, against a list of bodies kept by the rules' text."""
    bodies = [world.load("14")["body"], world.without("14", PAYEE)["body"]]
    one = History()
    model: list[Object | None] = []
    due = 0  # versions below are settled; due < len(model) while an overwrite runs
    for _ in range(data.draw(st.integers(1, 12))):
        operation: Any = data.draw(
            st.sampled_from(["create", "update", "update", "overwrite", "overwrite", "delete"])
        )
        version = 0 if operation == "create" else data.draw(st.integers(0, 4))
        if operation in ("update", "delete"):
            version = max(version, 1)
        whole = data.draw(st.sampled_from(bodies))
        full = operation == "create" or version == 0 or data.draw(st.booleans())
        sent: Object | None = whole if full else data.draw(notes())
        if operation == "delete":
            sent = None
        made = snapshot(operation, "settlement", "S1", version, sent, timestamp=1, full=full)

        running = due < len(model)
        alive = bool(model) and model[-1] is not None
        if operation == "create":
            allowed = not model
        elif operation == "overwrite":
            allowed = alive and (version == due if running else version < len(model))
        else:
            allowed = alive and not running and version == len(model)
        if not allowed:
            with pytest.raises(LifecycleError):
                one.apply(made)
            continue
        one.apply(made)
        if sent is None:
            body_after = None
        elif full:
            body_after = sent
        else:
            body_after = with_note(model[version - 1], sent)
        model[version : version + 1] = [body_after]
        due = version + 1 if operation == "overwrite" else len(model)
        assert [one.merged(v).get("body") for v in range(len(model))] == model
        assert (one.latest, one.deleted) == (len(model) - 1, model[-1] is None)


def notes() -> st.SearchStrategy[Object]:
    texts = st.none() | st.sampled_from(["x", "y"])
    return texts.map(
        lambda text: {
            "capital_settlement_information": {
                "transferor_information": {"settlement_out_bank_name": text}
            }
        }
    )


def with_note(before: Object | None, sent: Object) -> Object:
    assert before is not None
    found = deepcopy(before)
    group = found["capital_settlement_information"].setdefault("transferor_information", {})
    name = "settlement_out_bank_name"
    text = sent["capital_settlement_information"]["transferor_information"][name]
    group.pop(name, None)
    if text is not None:
        group[name] = text
    return found
