from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.protocol import codes

from . import builders, strategies

PAIRS = st.tuples(strategies.institutions(), strategies.texts())


def remainder(code: str) -> int:
    """ISO 7064 MOD 97-10 as IBANs use it: letters are 10 … 35; a code's remainder is 1."""
    return int("".join(str(int(letter, 36)) for letter in code)) % 97


def test_known_check_digits() -> None:
    """ISO 7064's own example, an IBAN (its country moved to the end), and an LEI."""
    assert codes.check_digits("794") == "44"
    assert codes.check_digits("WEST12345698765432GB") == "82"
    assert codes.check_digits("5493001KJTIIGC8Y1R") == "12"


def test_an_asset_code_is_what_it_always_was() -> None:
    """A change of the derivation would give every asset a second code."""
    assert codes.asset_code("NREGISTRY001", "600001") == "ALFRCH4TOKOA4F3SY51"


def test_a_mark_is_readable() -> None:
    mark = codes.mark_code("NBANKSACN001", "CNY")
    assert mark == f"CBANKSACN001CNY{codes.check_digits('CBANKSACN001CNY')}"
    assert len(mark) == 17


@settings(deadline=None, max_examples=200)
@given(PAIRS)
def test_an_asset_code_has_its_form_and_its_check(pair: tuple[str, str]) -> None:
    code = codes.asset_code(*pair)
    assert codes.is_asset_code(code)
    assert not codes.is_mark(code)
    assert remainder(code) == 1
    assert code == codes.asset_code.__wrapped__(*pair)


@settings(deadline=None, max_examples=200)
@given(PAIRS, PAIRS)
def test_each_asset_has_its_own_code(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (codes.asset_code(*one) == codes.asset_code(*other)) == (one == other)


@settings(deadline=None, max_examples=200)
@given(strategies.institutions(), strategies.CURRENCIES)
def test_a_mark_names_its_bank_and_currency(bank: str, currency: str) -> None:
    mark = codes.mark_code(bank, currency)
    assert codes.is_mark(mark)
    assert not codes.is_asset_code(mark)
    assert remainder(mark) == 1
    assert codes.mark_bank(mark) == bank
    assert codes.mark_currency(mark) == currency


def test_codes_follow_from_the_text_alone() -> None:
    p1 = builders.p1()
    assert (p1.asset, p1.mark) == (builders.ASSET, builders.MARK)
    others = {"tx": "P1-2", "ag": builders.OTHER_BROKER, "valid_until": 1}
    again = builders.p1(**others)
    assert (again.asset, again.mark) == (p1.asset, p1.mark)
    assert builders.p1_registry().asset == builders.z1().asset == p1.asset
    assert builders.y1().mark == p1.mark
    assert builders.p1(bank="NBANKSBCN001").asset == p1.asset
    assert builders.p1(registry="NREGISTRY002").asset != p1.asset


def same_kind(letter: str) -> str:
    return string.digits if letter in string.digits else string.ascii_uppercase


def codes_to_mistype() -> list[str]:
    registered = [codes.asset_code("NREGISTRY001", str(at)) for at in range(20)]
    banks = ["NBANKSACN001", "NBANKSBCN002", "NAAAAAAAAAAA", "NZZZZZZZZ999"]
    return registered + [codes.mark_code(bank, "HKD") for bank in banks]


@pytest.mark.parametrize("code", codes_to_mistype())
def test_every_mistyped_letter_or_digit_is_noticed(code: str) -> None:
    """MOD 97-10 promises it for a letter in a letter's place and a digit in a digit's."""
    for at, letter in enumerate(code):
        for other in same_kind(letter):
            wrong = code[:at] + other + code[at + 1 :]
            is_code = codes.is_asset_code(wrong) or codes.is_mark(wrong)
            assert is_code == (wrong == code), wrong


@pytest.mark.parametrize("code", codes_to_mistype())
def test_every_swap_of_neighbours_of_a_kind_is_noticed(code: str) -> None:
    for at in range(len(code) - 1):
        first, second = code[at], code[at + 1]
        if first != second and same_kind(first) == same_kind(second):
            wrong = code[:at] + second + first + code[at + 2 :]
            assert not codes.is_asset_code(wrong), wrong
            assert not codes.is_mark(wrong), wrong


@settings(deadline=None, max_examples=300)
@given(st.text(string.ascii_uppercase + string.digits, min_size=1, max_size=20))
def test_a_body_has_exactly_one_pair_of_check_digits(body: str) -> None:
    digits = codes.check_digits(body)
    assert len(digits) == 2
    assert 2 <= int(digits) <= 98
    assert remainder(body + digits) == 1


def test_a_code_whose_digits_are_97_off_is_refused() -> None:
    """00, 01 and 99 leave the same remainders as 97, 98 and 02: each code has one writing."""
    for at in range(3000):
        code = codes.asset_code("NREGISTRY001", str(at))
        for wrong in (int(code[-2:]) + 97, int(code[-2:]) - 97):
            if 0 <= wrong <= 99:
                assert remainder(f"{code[:-2]}{wrong:02d}") == 1
                assert not codes.is_asset_code(f"{code[:-2]}{wrong:02d}")


@pytest.mark.parametrize(("number", "text"), [(1, "L000000001"), (999_999_999, "L999999999")])
def test_a_users_id_is_l_and_nine_digits(number: int, text: str) -> None:
    assert codes.user_id(number) == text
    assert codes.USER.fullmatch(text)


def test_the_decimals_of_currencies_are_those_of_iso_4217() -> None:
    assert codes.CURRENCIES == {"CNY": 2, "EUR": 2, "HKD": 2, "JPY": 0, "MOP": 2, "USD": 2}
