from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.amounts import format_amount, parse_amount
from ufmi.errors import InvalidAmount
from ufmi.protocol import AMOUNT_MAX

AMOUNTS = st.integers(0, AMOUNT_MAX)
DECIMALS = st.integers(0, 12)


@settings(deadline=None, max_examples=300)
@given(AMOUNTS, DECIMALS)
def test_an_amount_survives_its_text(amount: int, decimals: int) -> None:
    text = format_amount(amount, decimals)
    assert parse_amount(text, decimals) == amount
    assert parse_amount(text.replace(",", ""), decimals) == amount


@pytest.mark.parametrize(
    ("amount", "decimals", "text"),
    [
        (0, 0, "0"),
        (0, 2, "0.00"),
        (5, 2, "0.05"),
        (1250, 2, "12.50"),
        (123_456_789, 2, "1,234,567.89"),
        (1000, 0, "1,000"),
        (1, 12, "0.000000000001"),
        (AMOUNT_MAX, 0, "9,007,199,254,740,991"),
        (AMOUNT_MAX, 2, "90,071,992,547,409.91"),
    ],
)
def test_known_texts(amount: int, decimals: int, text: str) -> None:
    assert format_amount(amount, decimals) == text
    assert parse_amount(text, decimals) == amount


@pytest.mark.parametrize(("amount", "text"), [(-5, "-0.05"), (-123_456, "-1,234.56")])
def test_a_difference_may_be_shown_negative(amount: int, text: str) -> None:
    assert format_amount(amount, 2) == text


@pytest.mark.parametrize(
    ("text", "amount"), [("12.5", 1250), ("12", 1200), ("12.500", 1250), ("0.0", 0), ("1.10", 110)]
)
def test_missing_and_needless_zeros_do_not_matter(text: str, amount: int) -> None:
    assert parse_amount(text, 2) == amount


@pytest.mark.parametrize(
    "text",
    ["", " ", ".", "-", "-1", "-0", "+1", "1e3", "1E3", "1.", ".5", "01", "00", "1.2.3", "0x10"]
    + ["1 2", "1. 5", "1\n2", "١", "１", "²", "½", "1.٥", "NaN", "inf", "Infinity", "None", "一"]
    + ["CNY 1", "1%", "$1", "1.5.", "--1", "(1)", "1/2", "\ud800", "1\x00", "1.-5"],
)
def test_what_is_no_plain_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount):
        parse_amount(text, 2)


@pytest.mark.parametrize(
    "text", ["1,5", "12,50", "1,00", ",1", "1,", "1,,000", "1000,000", "0,000", "1.5,0", "1,000,00"]
)
def test_a_comma_that_parts_no_thousands_is_refused(text: str) -> None:
    """In much of the world `1,5` is one and a half: it must not be taken for fifteen."""
    with pytest.raises(InvalidAmount):
        parse_amount(text, 2)


@pytest.mark.parametrize(("text", "decimals"), [("0.001", 2), ("1.5", 0), ("1.0000000000001", 12)])
def test_what_is_too_fine_is_refused(text: str, decimals: int) -> None:
    with pytest.raises(InvalidAmount, match="decimals"):
        parse_amount(text, decimals)


@pytest.mark.parametrize(
    ("text", "decimals"),
    [
        (str(AMOUNT_MAX + 1), 0),
        ("90071992547409.92", 2),
        ("9007.199254740992", 12),
        ("9" * 16, 12),
        ("9" * 17, 0),
        ("9" * 5000, 2),
    ],
)
def test_what_is_too_large_is_refused(text: str, decimals: int) -> None:
    with pytest.raises(InvalidAmount):
        parse_amount(text, decimals)


def test_a_very_long_fraction_is_refused_or_read() -> None:
    assert parse_amount("1." + "0" * 100_000, 2) == 100
    with pytest.raises(InvalidAmount):
        parse_amount("1." + "0" * 100_000 + "1", 2)


@settings(deadline=None, max_examples=300)
@given(st.text(st.sampled_from("0159.,-+eE_ \u0661"), max_size=8), DECIMALS)
def test_nothing_but_our_error_is_raised(text: str, decimals: int) -> None:
    try:
        amount = parse_amount(text, decimals)
    except InvalidAmount:
        return
    assert 0 <= amount <= AMOUNT_MAX
    assert parse_amount(format_amount(amount, decimals), decimals) == amount
