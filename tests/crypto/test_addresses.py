from __future__ import annotations

import string
import sys
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.crypto import address_of, is_address
from ufmi.protocol.codes import is_asset_code, is_mark

from .helpers import key_of

ADDRESS = key_of("address").public_key.address
# Letters outside ASCII that become S, I and K in upper or lower case.
LOOKALIKES = "\u017f\u0131\u0130\u212a"


@settings(deadline=None, max_examples=200)
@given(st.binary(min_size=65, max_size=65))
def test_every_key_has_an_address_with_a_checksum(key: bytes) -> None:
    address = address_of(key)
    assert is_address(address)
    assert len(address) == 41
    assert set(address) <= set(string.ascii_lowercase + "234567")


def test_an_address_follows_from_the_key_alone() -> None:
    key = key_of("address").public_key
    assert key.address == address_of(key.to_bytes()) == ADDRESS
    assert key_of("other address").public_key.address != ADDRESS


@pytest.mark.parametrize("at", range(41))
def test_every_changed_character_is_noticed(at: int) -> None:
    others = string.printable + LOOKALIKES + "é中\x00"
    changed = [ADDRESS[:at] + other + ADDRESS[at + 1 :] for other in others]
    assert [text for text in changed if is_address(text)] == [ADDRESS]


@pytest.mark.parametrize(("letter", "lookalike"), [("s", "\u017f"), ("i", "\u0131")])
def test_an_address_has_no_second_writing(letter: str, lookalike: str) -> None:
    """`ſ` and `ı` are S and I in upper case; one address must have one text."""
    keys = (key_of(f"address {at}") for at in range(100))
    address = next(key.public_key.address for key in keys if letter in key.public_key.address)
    assert not is_address(address.replace(letter, lookalike))


@pytest.mark.parametrize("at", range(40))
def test_every_swap_of_neighbours_is_noticed(at: int) -> None:
    swapped = ADDRESS[:at] + ADDRESS[at + 1] + ADDRESS[at] + ADDRESS[at + 2 :]
    assert is_address(swapped) == (swapped == ADDRESS)


def test_upper_case_is_refused() -> None:
    assert not is_address(ADDRESS.upper())
    assert not is_address("u" + ADDRESS[1:].upper())
    assert not is_address("U" + ADDRESS[1:])


@pytest.mark.parametrize(
    "text",
    ["", "u", ADDRESS[:-1], ADDRESS + "a", ADDRESS[1:], f" {ADDRESS}", f"{ADDRESS}\n"]
    + ["u" + "a" * 40, "u" + "=" * 40, "u" + "1" * 40, "u" + "\ud800" * 40, ADDRESS[:33] + "=" * 8],
)
def test_other_texts_are_refused(text: str) -> None:
    assert not is_address(text)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=50))
def test_arbitrary_text_is_refused(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize("check", [is_address, is_asset_code, is_mark])
def test_nothing_overlong_is_kept_in_memory(check: Callable[[str], bool]) -> None:
    """Anybody may send such texts, each a new one, before any signature is looked at."""
    text = "u" * 50_000
    before = sys.getrefcount(text)
    verdict = check(text)
    after = sys.getrefcount(text)
    assert (verdict, after) == (False, before)
