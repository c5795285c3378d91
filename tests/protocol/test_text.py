"""The one text of a message: exact round trip, and no second text of the same meaning."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ufmi.errors import MalformedText
from ufmi.protocol.text import (
    join,
    join_list,
    join_struct,
    split,
    split_list,
    split_struct,
)

from .strategies import texts

NAMES = st.from_regex(r"[A-Z][A-Z0-9]{0,5}(\.[a-z]{1,5})?", fullmatch=True)
LINE_ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


@settings(deadline=None, max_examples=400)
@given(NAMES, st.lists(texts(0), min_size=1, max_size=6))
def test_fields_survive_whatever_they_hold(name: str, fields: list[str]) -> None:
    text = join(name, fields)
    assert split(text) == (name, fields)
    assert join(*split(text)) == text


@settings(deadline=None, max_examples=400)
@given(st.lists(texts(0), min_size=1, max_size=4))
def test_a_text_is_one_line_with_one_pair_of_parentheses(fields: list[str]) -> None:
    text = join("Y1", fields)
    assert len(text.splitlines()) == 1
    assert text.count("(") == text.count(")") == 1
    assert text.count(",") == len(fields) - 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", text)


@settings(deadline=None, max_examples=300)
@given(st.lists(texts(0), max_size=5), st.lists(texts(0), max_size=5))
def test_different_fields_have_different_texts(one: list[str], other: list[str]) -> None:
    assume(one and other)
    assert (join("Y1", one) == join("Y1", other)) == (one == other)


@settings(deadline=None, max_examples=300)
@given(st.lists(texts(), max_size=5))
def test_lists_survive_whatever_their_items_hold(items: list[str]) -> None:
    field = join_list(items)
    assert split_list(field) == items
    assert join_list(split_list(field)) == field


@settings(deadline=None, max_examples=300)
@given(st.lists(st.lists(texts(), min_size=1, max_size=3), max_size=3))
def test_structures_in_lists_in_fields_survive(items: list[list[str]]) -> None:
    text = join("T1", [join_list([join_struct(parts) for parts in items]), "end"])
    name, (field, end) = split(text)
    assert (name, end) == ("T1", "end")
    assert [split_struct(item) for item in split_list(field)] == items


@settings(deadline=None, max_examples=400)
@given(st.text(st.sampled_from("Y1(),%;:2CA5c89E\n\u2028é")))
def test_a_text_that_splits_is_the_one_text_of_its_fields(inner: str) -> None:
    for text in (inner, f"Y1({inner})"):
        try:
            name, fields = split(text)
        except MalformedText:
            continue
        assert join(name, fields) == text


@settings(deadline=None, max_examples=400)
@given(st.text(st.sampled_from("a,%;:2CB5Ac")))
def test_a_list_or_structure_that_splits_is_the_one_of_its_parts(field: str) -> None:
    for apart, together in ((split_list, join_list), (split_struct, join_struct)):
        try:
            parts = apart(field)
        except MalformedText:
            continue
        assert together(parts) == field


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        (",", "%2C"),
        ("(", "%28"),
        (")", "%29"),
        ("%", "%25"),
        ("\n", "%0A"),
        ("\x00", "%00"),
        ("\x7f", "%7F"),
        ("\x85", "%C2%85"),
        ("\u2028", "%E2%80%A8"),
        ("\u2029", "%E2%80%A9"),
        ("%2C", "%252C"),
        ("é甲\U0001f600;: /", "é甲\U0001f600;: /"),
    ],
)
def test_only_what_would_end_a_field_or_line_is_escaped(value: str, escaped: str) -> None:
    assert join("A", [value]) == f"A({escaped})"
    assert split(f"A({escaped})") == ("A", [value])


@pytest.mark.parametrize(
    "field",
    [
        "%2c",  # lower case
        "%e2%80%a8",
        "%41",  # not needed: A
        "%20",
        "%C3%A9",  # not needed: é
        "%3B",  # needed in lists only
        "%3A",  # needed in structures only
        "%2C%41",  # one needed, one not
        "%",
        "%%",
        "%2",
        "%2G",
        "%-1",
        "% 2C",
        "%0x",
        "%C2",  # half a character
        "%C2%",
        "%80",
        "%C0%AC",  # overlong comma
        "%ED%A0%80",  # a surrogate
        "%F4%90%80%80",  # beyond Unicode
        "%E2%80é",
        "%２C",  # a wide digit
        "%25%",
    ],
)
def test_an_escape_that_is_wrong_or_not_needed_is_refused(field: str) -> None:
    for text in (f"A({field})", f"A(x,{field})", f"A({field},x)", f"A(x{field}x)"):
        with pytest.raises(MalformedText):
            split(text)


@pytest.mark.parametrize("item", ["%3b", "%2C", "%", "%2", "%C3%A9", "%3A", "%0A"])
def test_a_list_knows_only_its_own_escapes(item: str) -> None:
    with pytest.raises(MalformedText):
        split_list(f"a;{item}")


@pytest.mark.parametrize("part", ["%3a", "%2C", "%", "%2", "%C3%A9", "%3B", "%0A"])
def test_a_structure_knows_only_its_own_escapes(part: str) -> None:
    with pytest.raises(MalformedText):
        split_struct(f"a:{part}")


@pytest.mark.parametrize("end", LINE_ENDS)
def test_a_bare_line_end_is_refused_anywhere(end: str) -> None:
    for text in (f"A(x{end}y)", f"A(x){end}", f"{end}A(x)", f"A{end}(x)", f"A({end})"):
        with pytest.raises(MalformedText):
            split(text)


@pytest.mark.parametrize(
    "text",
    ["", "A", "A(", "A)", "()", "(x)", "A(x", "Ax)", "A(x))", "A((x)", "A(x)(y)", "A(x)B(y)"]
    + ["a(x)", "1A(x)", " A(x)", "A(x) ", "A (x)", "A-B(x)", "A.(x)", "A.B(x)", "A.b.c(x)"]
    + ["Á(x)", "A.é(x)", "\ufeffA(x)", "Ａ(x)", "A.b1(x)", "A(x)\x00"],
)
def test_what_is_not_of_the_form_is_refused(text: str) -> None:
    with pytest.raises(MalformedText):
        split(text)


def test_empty_fields_are_kept() -> None:
    assert split("A()") == ("A", [""])
    assert split("A(,)") == ("A", ["", ""])
    assert split("A(,x,)") == ("A", ["", "x", ""])
    assert split_list("") == []
    assert split_list(";") == ["", ""]
