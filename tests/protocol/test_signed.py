"""Reading a signed line, and remembering what it holds until it is executed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings

from ufmi.crypto import sm3_hex
from ufmi.protocol import (
    Code,
    Form,
    Line,
    Message,
    Result,
    SignedMessage,
    lines,
    message_of,
    read_signed,
    remember,
    sign,
)
from ufmi.protocol.text import TEXT_BYTES_MAX

from . import builders, examples, strategies


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> Iterator[None]:
    lines._memo.clear()
    yield
    lines._memo.clear()


def signed_of(line: Line, message: Message) -> SignedMessage:
    return SignedMessage.of(message, line.text.encode(), bytes.fromhex(line.signature))


@pytest.mark.parametrize("made", examples.messages(), ids=lambda made: made.NAME)
def test_a_line_is_read_whole(made: Message) -> None:
    line = sign(made, builders.signer(1))
    read = read_signed(line.encode())
    assert isinstance(read, SignedMessage)
    assert read.message == made
    assert read.identity == made.identity
    assert (read.text, read.signature) == (line.text.encode(), bytes.fromhex(line.signature))
    assert read.digest == sm3_hex(line.text.encode())


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"nonsense", Code.MALFORMED),
        (Line("Y1(a)", "00").encode(), Code.MALFORMED),
        (Line("NOBODY(a)", "00").encode(), Code.UNKNOWN_MESSAGE),
        (Line(builders.t1().text(), "0x").encode(), Code.MALFORMED),
        (Line(builders.t1().text(), "").encode()[:-1], Code.MALFORMED),
        (Line(builders.y1(amount=0).text(), "00").encode(), Code.FIELD_INVALID),
        (Line(f"Y1({'x' * TEXT_BYTES_MAX})", "00").encode(), Code.TOO_LONG),
    ],
)
def test_what_is_no_message_is_refused(raw: bytes, code: Code) -> None:
    read = read_signed(raw)
    assert isinstance(read, Result)
    assert read.code == code


@pytest.mark.parametrize("made", examples.messages(), ids=lambda made: made.NAME)
def test_a_text_states_its_message(made: Message) -> None:
    assert message_of(made.text()) == made


@pytest.mark.parametrize("made", examples.others(), ids=lambda made: made.NAME)
def test_what_ufmi_answers_and_wallets_sign_is_not_submitted(made: Form) -> None:
    for read in (message_of(made.text()), read_signed(Line(made.text(), "00").encode())):
        assert read == Result("", Code.UNKNOWN_MESSAGE, f"{made.NAME} is not sent to UFMI")


@pytest.mark.parametrize("made", examples.queries(), ids=lambda made: made.NAME)
def test_a_question_is_asked_and_not_submitted(made: Message) -> None:
    for read in (message_of(made.text()), read_signed(Line(made.text(), "00").encode())):
        assert read == Result("", Code.UNKNOWN_MESSAGE, f"{made.NAME} is asked, not submitted")


@settings(deadline=None, max_examples=60)
@given(strategies.any_submitted())
def test_what_is_remembered_is_what_would_be_read(made: Message) -> None:
    line = sign(made, builders.signer(1))
    raw = remember(line, signed_of(line, made))
    remembered, fresh = read_signed(raw), read_signed(raw)
    assert raw == line.encode()
    assert remembered == fresh


def test_a_line_is_remembered_once_and_for_its_own_bytes_only() -> None:
    line = sign(builders.t1(), builders.signer(1))
    other = sign(builders.t1(tx="other"), builders.signer(1))
    kept = signed_of(line, builders.t1())
    raw = remember(line, kept)
    for different in (other.encode(), raw + b" ", b" " + raw):
        assert read_signed(different) is not kept
    assert read_signed(raw) is kept
    assert read_signed(raw) is not kept


def test_a_line_given_as_a_copy_of_the_bytes_is_known() -> None:
    line = sign(builders.t1(), builders.signer(1))
    kept = signed_of(line, builders.t1())
    raw = remember(line, kept)
    assert read_signed(bytes(bytearray(raw))) is kept


def test_memory_is_bounded_and_the_oldest_leave_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "_MEMO_MAX", 3)
    made = [sign(builders.t1(tx=f"t{at}"), builders.signer(1)) for at in range(8)]
    for at, line in enumerate(made):
        remember(line, signed_of(line, builders.t1(tx=f"t{at}")))
        assert len(lines._memo) <= 3
    assert list(lines._memo) == [line.encode() for line in made[-3:]]


def test_a_long_line_is_not_remembered() -> None:
    message = builders.t1()
    line = Line(message.text(), "00" * 2_000)
    assert remember(line, signed_of(line, message)) == line.encode()
    assert not lines._memo
