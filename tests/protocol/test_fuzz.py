"""Whatever arrives as a text is a form or one of our errors, and never a second text of a form.

UFMI_FUZZ says how many texts and lines are tried altogether (100,000 if it is not set, which takes
some seconds); UFMI_FUZZ_SEED repeats a run.
"""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.errors import InvalidField, MalformedText
from ufmi.protocol import (
    UNRECORDED,
    Entry,
    Form,
    Line,
    Message,
    Result,
    SignedMessage,
    decode,
    message_of,
    read_signed,
)

from . import builders, examples, transfers, updates

INPUTS = int(os.environ.get("UFMI_FUZZ", "100000"))
PARTS = 10
SEED = int(os.environ.get("UFMI_FUZZ_SEED", str(random.randrange(10**6) * 1000)))
# Signatures differ from run to run; here a fixed one stands for them.
SIGNATURE = "3044" + "ab" * 68
SIGNED = (
    builders.s1(signature=SIGNATURE),
    builders.x1(proofs=(builders.Proof(builders.bind(), SIGNATURE),) * 2),
    transfers.y2(signature=SIGNATURE),
    transfers.receive(proof=(builders.Proof(builders.bind(ag=builders.BANK), SIGNATURE),)),
    updates.x2(
        add=(builders.Proof(builders.bind(), SIGNATURE),) * 2,
        consent=(updates.Consented(updates.consent(), SIGNATURE),),
    ),
    updates.rotate(proof=(updates.Possession(updates.possess(), SIGNATURE),)),
)
_SIGNED_NAMES = {one.NAME for one in SIGNED}
TEXTS = [one.text() for one in examples.forms() if one.NAME not in _SIGNED_NAMES]
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
    if text and chance.random() < 0.2:
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


def answered(read: Message | SignedMessage | Result) -> bool:
    """Checks one outcome. Whether it is a message; all that is asked of one before anybody is known
    to have signed it has an answer too."""
    if isinstance(read, Result):
        assert read.code in UNRECORDED
        assert read.id == ""
        assert not read.accepted
        return False
    made = read.message if isinstance(read, SignedMessage) else read
    assert made.ROLES
    assert not made.QUERY
    reads, writes = made.keys(Entry(1, 1))
    assert f"result/{made.identity}" in writes
    assert reads
    for claim in made.claims():
        bytes.fromhex(claim.public_key)
        bytes.fromhex(claim.signature)
    assert len(made.receivers()) <= 2
    return True


def some_text(chance: random.Random) -> str:
    """A text that somebody might send, most with something wrong about it."""
    if chance.random() < 0.05:
        return "".join(chance.choices(SPLICES, k=chance.randrange(30)))
    text = chance.choice(TEXTS)
    if chance.random() < 0.3:
        # A field of another form, in one of its own places.
        other = chance.choice(TEXTS)[:-1].split("(", 1)[1].split(",")
        fields = text[:-1].split(",")
        fields[chance.randrange(len(fields))] = chance.choice(other)
        return f"{','.join(fields)})"
    for _ in range(chance.choice([0, 1, 1, 2, 4])):
        text = _mutated(chance, text)
    return text


def some_line(chance: random.Random) -> bytes:
    """A line with such a text, or one with some of its bytes changed."""
    text = some_text(chance).encode(errors="replace").decode()
    signature = chance.choice([SIGNATURE, SIGNATURE, "", "0x", "zz", "3"])
    raw = bytearray(Line(text, signature).encode())
    for _ in range(chance.choice([0, 0, 1, 3])):
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    return bytes(raw[: chance.randrange(len(raw))] if chance.random() < 0.05 else raw)


@pytest.mark.parametrize("part", range(PARTS))
def test_every_answer_is_a_code(part: int) -> None:
    """Whatever arrives, no exception escapes: it is a message or it has a code."""
    print(f"UFMI_FUZZ_SEED={SEED}")
    chance = random.Random(SEED + part)
    messages = 0
    count = INPUTS // PARTS
    for at in range(count):
        read = message_of(some_text(chance)) if at % 2 else read_signed(some_line(chance))
        messages += answered(read)
    # Neither side of the border is left out.
    assert count < 100 or 0 < messages < count
