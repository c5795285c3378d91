"""Objects that obey the model, for hypothesis."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from ufmi.regulatory import TYPES, Field, Group, Object, create, object_type

# Whole objects have many fields to draw; how long that takes on a busy machine proves nothing.
calm = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
LETTERS = st.characters(exclude_categories=["Cs"])
NUMBERS = st.integers(-(10**20), 10**20) | st.decimals(
    -(10**12), 10**12, allow_nan=False, allow_infinity=False, places=6
)
OBJECT_IDS = st.text("ABC019_-.中", min_size=1, max_size=128)
_ZONES = st.integers(-23 * 60, 23 * 60).map(lambda m: timezone(timedelta(minutes=m)))


def values(field: Field) -> st.SearchStrategy[Any]:
    one = _value(field)
    return st.lists(one, max_size=2) if field.many else one


def _value(field: Field) -> st.SearchStrategy[Any]:
    if field.codes or field.values:
        return st.sampled_from(field.codes or field.values)
    plain: dict[str, st.SearchStrategy[Any]] = {
        "string": st.text(LETTERS, max_size=min(field.max or 20, 20)),
        "integer": st.integers(-(10**20), 10**20),
        "number": NUMBERS,
        "boolean": st.booleans(),
        "date": st.dates().map(str),
        "date-time": st.datetimes(timezones=_ZONES).map(lambda time: time.isoformat()),
        "currency": st.sampled_from(["156", "840", "036", "978", "276", "344"]),
        "ref": st.builds("{}/{}".format, OBJECT_IDS, st.integers(0, 10**17)),
    }
    return plain[field.type]


@st.composite
def groups(draw: st.DrawFn, group: Group, likely: bool = False) -> dict[str, Any]:
    """A group with what it must have and, seldom or mostly, what it may have."""
    found: dict[str, Any] = {}
    for name, member in group.members.items():
        if not member.required and draw(st.integers(0, 5)) > (3 if likely else 1):
            continue
        if isinstance(member, Field):
            found[name] = draw(values(member))
        elif member.many:
            found[name] = draw(st.lists(groups(member), max_size=2))
        else:
            found[name] = draw(groups(member, likely=True))
    return found


@st.composite
def bodies(draw: st.DrawFn, kind: str) -> Object:
    one = object_type(kind)
    value = draw(groups(one.group, likely=True))
    if kind == "subject":
        for name in ("organization_subject_information", "personal_subject_information"):
            value.pop(name, None)
        general = {"subject_type": draw(st.sampled_from([1, 2]))}
        general["subject_main_administrative_region"] = 1
        value["basic_information_subject"] = {
            "general_information_subject": {
                **general,
                "subject_create_time": "2024-01-02T10:00:00+08:00",
            }
        }
        part = ["organization_subject_information", "personal_subject_information"]
        name = part[general["subject_type"] - 1]
        inner = one.group.members[name]
        assert isinstance(inner, Group)
        value[name] = draw(groups(inner))
    return {one.body: value}


@st.composite
def creations(draw: st.DrawFn) -> Object:
    """A whole first snapshot of any type."""
    kind = draw(st.sampled_from(TYPES))
    body = draw(bodies(kind))
    return create(kind, draw(OBJECT_IDS), body, timestamp=draw(st.integers(1, 99_999_999_999)))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(LETTERS, max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(LETTERS, max_size=3), inner)
    ),
    max_leaves=12,
)
