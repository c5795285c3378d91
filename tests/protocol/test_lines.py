from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.crypto import Signer, sm3_hex
from ufmi.errors import CryptoError, InvalidField, MalformedText, ProtocolError
from ufmi.protocol import Line, Message, decode, read_line, sign
from ufmi.protocol.lines import LINE_BYTES_MAX

from . import builders, examples, strategies, transfers, updates

TEXTS = strategies.texts(0)


def line_of_length(length: int, filler: str = "x") -> str:
    """A line of so many characters."""
    empty = json.dumps({"text": "", "signature": ""}, separators=(",", ":"))
    return empty.replace('""', f'"{filler * (length - len(empty))}"', 1)


@settings(deadline=None, max_examples=200)
@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=3).map(tuple))
def test_a_line_survives_json(text: str, signature: str, documents: tuple[str, ...]) -> None:
    line = Line(text, signature, documents)
    raw = line.encode()
    assert read_line(raw) == read_line(raw.decode()) == line
    assert b"\n" not in raw
    assert line.digest == sm3_hex(text.encode())
    assert read_line(json.dumps(json.loads(raw))) == line


def test_a_line_without_documents_does_not_mention_them() -> None:
    assert json.loads(Line("a", "b").encode()) == {"text": "a", "signature": "b"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"null",
        b"1",
        b"[]",
        b'["a","b"]',
        b"{}",
        b'{"text":"a"}',
        b'{"signature":"a"}',
        b'{"text":1,"signature":"a"}',
        b'{"text":null,"signature":"a"}',
        b'{"text":"a","signature":["a"]}',
        b'{"text":"a","signature":"b","documents":"c"}',
        b'{"text":"a","signature":"b","documents":null}',
        b'{"text":"a","signature":"b","documents":[1]}',
        b'{"text":"a","signature":"b"',
        b'{"text":"a","signature":"b"}}',
        b'{"text":"a","signature":"b"}{"text":"a","signature":"b"}',
        b"{'text':'a','signature':'b'}",
        b'{"text":"a\nb","signature":"b"}',
        b'{"text":"\xff","signature":"b"}',
        b'{"text":"\xed\xa0\x80","signature":"b"}',
        b'{"text":"\\ud800","signature":"b"}',
        b'{"text":"\\udc00\\ud800","signature":"b"}',
        b'\xef\xbb\xbf{"text":"a","signature":"b"}',
        '{"text":"a","signature":"b"}'.encode("utf-16"),
        b"\x00" * 100,
        b"Y1(a,b)",
    ],
)
def test_what_is_not_a_line_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedText):
        read_line(raw)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=100) | st.text(max_size=100))
def test_arbitrary_input_is_refused(raw: bytes | str) -> None:
    with pytest.raises(MalformedText):
        read_line(raw)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)


@settings(deadline=None, max_examples=200)
@given(st.fixed_dictionaries({}, optional={"text": JSON, "signature": JSON, "documents": JSON}))
def test_json_of_other_types_is_refused(fields: dict[str, Any]) -> None:
    try:
        line = read_line(json.dumps(fields))
    except MalformedText:
        return
    documents = tuple(fields.get("documents", ()))
    assert line == Line(fields["text"], fields["signature"], documents)


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_nesting_is_refused(opening: str) -> None:
    """Anybody may send it; it must not end in an error of the interpreter."""
    depth = (LINE_BYTES_MAX - 100) // len(opening)
    for raw in (opening * depth, '{"other":' + opening * depth, '{"text":' + opening * depth):
        with pytest.raises(MalformedText):
            read_line(raw)
        with pytest.raises(MalformedText):
            read_line(raw.encode())


def test_a_lone_surrogate_in_a_line_of_text_is_refused() -> None:
    for raw in ("\ud800", '{"text":"\ud800","signature":"b"}'):
        with pytest.raises(MalformedText):
            read_line(raw)


def test_a_line_has_a_greatest_length() -> None:
    longest = line_of_length(LINE_BYTES_MAX)
    assert len(read_line(longest).text) == len(read_line(longest.encode()).text) > 0
    for raw in (longest + " ", line_of_length(LINE_BYTES_MAX + 1), "x" * 10_000_000):
        with pytest.raises(MalformedText, match="longer"):
            read_line(raw)
        with pytest.raises(MalformedText, match="longer"):
            read_line(raw.encode())


def test_the_greatest_length_is_in_bytes_however_the_line_is_given() -> None:
    raw = line_of_length(LINE_BYTES_MAX // 2, "甲")
    for one in (raw, raw.encode()):
        with pytest.raises(MalformedText, match="longer"):
            read_line(one)


def test_a_line_has_at_most_eight_documents() -> None:
    assert len(read_line(Line("a", "b", ("c",) * 8).encode()).documents) == 8
    with pytest.raises(MalformedText):
        read_line(Line("a", "b", ("c",) * 9).encode())


@pytest.mark.parametrize(
    "made", (*examples.messages(), *examples.queries()), ids=lambda made: made.NAME
)
def test_a_signed_line_verifies(made: Message) -> None:
    line = sign(made, builders.signer(1), ("a document",))
    assert line.documents == ("a document",)
    builders.key(1).public_key.verify(bytes.fromhex(line.signature), line.text.encode())
    assert decode(read_line(line.encode()).text) == made


@pytest.mark.parametrize(
    "broken",
    [
        builders.y1(amount=0),
        builders.y1(amount=-1),
        builders.y1(amount=1.5),
        builders.y1(amount=True),
        builders.y1(broker_user=""),
        builders.y1(broker_user="x" * 65),
        builders.y1(tx="a/b"),
        builders.y1(broker_user="\ud800"),
        builders.t1(legs=()),
        builders.s1(of=builders.order(price=0)),
        transfers.y2(of=transfers.withdraw(amount=0)),
        transfers.y2(marks=()),
        transfers.receive(proof=()),
        transfers.y2_moved(attempt=-1),
        transfers.y2_moved(attempt=10_000),
        updates.x2(add=(builders.proof(builders.bind(tx="")),)),
        updates.x2_bank(addresses=("",)),
        updates.rotate(proof=()),
        updates.status(subject="a/b"),
        updates.activate(rules=True),
    ],
)
def test_a_message_that_breaks_a_rule_is_not_signed(broken: Message) -> None:
    def never(message: bytes) -> bytes:
        raise AssertionError("it was signed")

    with pytest.raises((InvalidField, MalformedText)):
        sign(broken, Signer(builders.key(1).public_key, never))


@pytest.mark.parametrize("value", ["N", "false", "no"])
def test_a_flag_given_as_text_is_not_signed_as_yes(value: str) -> None:
    """Any text but the empty one counts as true: a bank that says no would mint."""
    for broken in (
        builders.y1_locked(locked=value),
        builders.x1_bank(accepted=value),
        updates.x2_bank(accepted=value),
        transfers.y2_burn(burn=value),
        transfers.y2_moved(moved=value),
        transfers.y2_credited(received=value),
        transfers.s4_adopted(adopted=value),
    ):
        with pytest.raises(ProtocolError):
            sign(broken, builders.signer(1))


def test_a_failing_signature_is_told() -> None:
    def fail(message: bytes) -> bytes:
        raise OSError("unplugged")

    with pytest.raises(CryptoError):
        sign(builders.y1(), Signer(builders.key(1).public_key, fail))
    with pytest.raises(CryptoError):
        sign(builders.y1(), Signer(builders.key(1).public_key, builders.key(2).sign))


@settings(deadline=None, max_examples=60)
@given(strategies.any_message())
def test_every_line_of_a_message_fits(made: Message) -> None:
    line = sign(made, builders.signer(1))
    assert decode(read_line(line.encode()).text) == made
