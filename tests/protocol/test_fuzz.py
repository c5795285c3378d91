"""Whatever arrives as a text is a form or one of our errors, and never a second text of a form."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.errors import InvalidField, MalformedText
from ufmi.protocol import Form, decode

from . import builders

# Signatures differ from run to run; here a fixed one stands for them.
SIGNATURE = "3044" + "ab" * 68
SIGNED = (
    builders.s1(signature=SIGNATURE),
    builders.x1(proofs=(builders.Proof(builders.bind(), SIGNATURE),) * 2),
)
TEXTS = [one.text() for one in builders.forms() if one.NAME not in ("S1", "X1")]
TEXTS += [one.text() for one in SIGNED]
SPLICES = [
    *"(),%;:\n\r\t\x00 .-+0129AZaz",
    *("%2C", "%2c", "%252C", "%00", "%C3%A9", "%E2%80%A8", "%3B", "%3A"),
    *("\u2028", "\u0661", "é", "\U0001f600", "\ud800", "\u017f", "\ufeff"),
    *("ORDER(", "%28", "%29", "Y1(", "N", "M", "u", "null", "1e3", "-1", "9" * 20),
]


def decoded(text: str) -> Form | None:
    """The form; None if it is refused in an orderly way. A form is always the text's own."""
    try:
        form = decode(text)
    except (MalformedText, InvalidField):
        return None
    assert form.text() == text
    return form


def _mutated(chance: random.Random, text: str) -> str:
    at, length = chance.randrange(len(text) + 1), chance.choice([0, 1, 1, 1, 2, 5, 40])
    put = chance.choice(SPLICES) if chance.random() < 0.7 else ""
    if chance.random() < 0.2:
        start = chance.randrange(len(text))
        put += text[start : start + chance.randrange(60)]
    return text[:at] + put + text[at + length :]


@pytest.mark.parametrize("seed", range(6))
def test_mutated_texts_are_refused_or_mean_themselves(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(500):
        text = chance.choice(TEXTS)
        for _ in range(chance.choice([1, 1, 2, 4])):
            text = _mutated(chance, text)
        decoded(text)


@pytest.mark.parametrize("seed", range(2))
def test_fields_of_other_messages_are_refused_or_mean_themselves(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(500):
        one, other = chance.choice(TEXTS), chance.choice(TEXTS)
        name, fields = one[:-1].split("(", 1)
        parts, others = fields.split(","), other[:-1].split("(", 1)[1].split(",")
        parts[chance.randrange(len(parts))] = chance.choice(others)
        decoded(f"{name}({','.join(parts)})")


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: text.split("(")[0])
def test_every_beginning_of_a_text_is_refused(text: str) -> None:
    assert [at for at in range(len(text)) if decoded(text[:at])] == []


@settings(deadline=None, max_examples=500)
@given(st.text(max_size=80))
def test_arbitrary_text_is_refused(text: str) -> None:
    assert decoded(text) is None
    decoded(f"Y1({text})")
    decoded(f"OUTCOME(tx,{text},OK)")


@settings(deadline=None, max_examples=500)
@given(st.binary(max_size=80))
def test_arbitrary_bytes_read_as_text_are_refused(raw: bytes) -> None:
    assert decoded(raw.decode("latin-1")) is None
    assert decoded(raw.decode("utf-8", "surrogateescape")) is None
    decoded(f"OUTCOME(tx,{raw.decode('utf-8', 'surrogateescape')},OK)")


@settings(deadline=None, max_examples=300)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8))
def test_a_text_given_bare_is_kept_or_refused_but_never_changed(value: str) -> None:
    form = decoded(f"OUTCOME(tx,{value},OK)")
    if form is not None and "%" not in value:
        assert form == builders.outcome(tx="tx", message=value, code="OK")
