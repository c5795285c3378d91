"""Numbers and text: exact in both directions, one canonical form."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ufmi.crypto import sm3_hex
from ufmi.errors import InvalidAmount, MalformedObject
from ufmi.regulatory import Object, canonical, digest, exact, read, units
from ufmi.regulatory.numbers import DIGITS_MAX
from ufmi.regulatory.text import SNAPSHOT_BYTES_MAX

from . import strategies, world


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [
        (1250, 2, "12.5"),
        (1200, 2, "12"),
        (0, 2, "0"),
        (-5, 2, "-0.05"),
        (-1250, 2, "-12.5"),
        (1, 8, "0.00000001"),
        (9_007_199_254_740_993, 0, "9007199254740993"),
        (900_719_925_474_099_301, 2, "9007199254740993.01"),
    ],
)
def test_amounts_become_exact_numbers(amount: int, decimals: int, text: str) -> None:
    number = exact(amount, decimals)
    assert canonical({"n": number}) == f'{{"n":{text}}}'.encode()
    assert units(number, decimals) == amount


@strategies.calm
@given(st.integers(-(10**30), 10**30), st.integers(0, 12))
def test_amounts_come_back(amount: int, decimals: int) -> None:
    number = exact(amount, decimals)
    assert not isinstance(number, float)
    assert units(read(canonical({"n": number}))["n"], decimals) == amount


def test_a_number_finer_than_its_unit_is_no_amount() -> None:
    assert units(Decimal("12.500"), 1) == 125
    with pytest.raises(InvalidAmount):
        units(Decimal("12.505"), 2)


@pytest.mark.parametrize(
    ("text", "canonical_text"),
    [
        ("2.40", "2.4"),
        ("-0", "0"),
        ("-0.00", "0"),
        ("1e3", "1000"),
        ("1.5E-7", "0.00000015"),
        ("100.000", "100"),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
    ],
)
def test_numbers_have_one_canonical_form(text: str, canonical_text: str) -> None:
    assert canonical(read(f'{{"n": {text}}}'.encode())) == f'{{"n":{canonical_text}}}'.encode()


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"5",
        b"{",
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999999999}',
        b'{"a":1e-999999999}',
        b'{"a":' + b"9" * (DIGITS_MAX + 1) + b"}",
        b"\xef\xbb\xbf{}",
        b'{"a":"\xff"}',
        b'{"a":' * 100_000,
        b" " * (SNAPSHOT_BYTES_MAX + 1),
        '{"a":"x"}'.encode("utf-16"),
    ],
    ids=lambda text: repr(text[:20]),
)
def test_what_is_no_object_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedObject):
        read(text)


@pytest.mark.parametrize(
    "value",
    [0.5, float("nan"), Decimal("Infinity"), 10**DIGITS_MAX, {1}, b"x", "\ud800", {1: 2}],
    ids=repr,
)
def test_what_json_cannot_keep_is_refused(value: Any) -> None:
    with pytest.raises(MalformedObject):
        canonical({"a": [value]})


def test_depth_and_size_are_limited() -> None:
    deep: Object = {}
    for _ in range(100_000):
        deep = {"a": deep}
    with pytest.raises(MalformedObject):
        canonical(deep)
    with pytest.raises(MalformedObject):
        canonical({"a": "x" * SNAPSHOT_BYTES_MAX})


@strategies.calm
@given(st.dictionaries(st.text(strategies.LETTERS, max_size=3), strategies.JSON_VALUES))
def test_the_canonical_form_is_sorted_tight_and_stable(value: Object) -> None:
    data = canonical(value)
    assert canonical(read(data)) == data
    # The standard library writes the same where all numbers are whole.
    whole = _whole(value)
    expected = json.dumps(whole, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert canonical(whole) == expected.encode()


def test_only_what_must_be_is_escaped() -> None:
    text = '\x00\x1f\b\f\n\r\t"\\/\x7f\u2028中\U0001f600'
    written = '{"a":"\\u0000\\u001f\\b\\f\\n\\r\\t\\"\\\\/\x7f\u2028中\U0001f600"}'
    assert canonical({"a": text}) == written.encode()


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, Decimal) else value


@pytest.mark.parametrize("name", world.NAMES)
def test_examples_come_back_with_every_value(name: str) -> None:
    snapshot = world.load(name)
    again = read(canonical(snapshot))
    assert again == snapshot
    assert digest(canonical(snapshot)) == sm3_hex(canonical(snapshot))
    assert digest(world.text_of(name)) != digest(canonical(snapshot))
