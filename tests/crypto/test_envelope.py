"""Digital envelopes: whoever has a key of a recipient opens them, and nothing else does."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ufmi.crypto import Provider, _sm4, envelope, found, open_envelope, seal_envelope, sm3, use
from ufmi.errors import EnvelopeError

from .helpers import key_of

READERS = [key_of(f"reader {number}") for number in range(3)]
PUBLIC = [key.public_key for key in READERS]
DATA = "区域性股权市场".encode()
SEALED = seal_envelope(DATA, PUBLIC, b"report 7")


def test_every_recipient_opens_it(each_provider: Provider) -> None:
    sealed = seal_envelope(DATA, PUBLIC, b"report 7")
    for key in READERS:
        assert open_envelope(sealed, key, b"report 7") == DATA


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=400), st.binary(max_size=40), st.integers(1, 3), st.data())
def test_what_was_sealed_comes_back(
    data: bytes, aad: bytes, count: int, draw: st.DataObject
) -> None:
    names = [one.name for one in found()]
    use(draw.draw(st.sampled_from(names)))
    sealed = seal_envelope(data, PUBLIC[:count], aad)
    use(draw.draw(st.sampled_from(names)))
    for key in READERS[:count]:
        assert open_envelope(sealed, key, aad) == data
    if aad:
        with pytest.raises(EnvelopeError):
            open_envelope(sealed, READERS[0], aad[1:])
    with pytest.raises(EnvelopeError):
        open_envelope(sealed, READERS[0], aad + b"\0")


def test_nothing_of_the_data_shows_and_two_envelopes_of_it_differ() -> None:
    others = json.loads(seal_envelope(DATA, PUBLIC, b"report 7"))
    these = json.loads(SEALED)
    assert DATA not in SEALED
    assert base64.b64decode(these["content"])[: len(DATA)] != DATA
    assert these["content"] != others["content"]
    assert these["header"]["nonce"] != others["header"]["nonce"]


def test_who_is_no_recipient_is_told() -> None:
    with pytest.raises(EnvelopeError, match="UFMI-1006.*not sealed for"):
        open_envelope(SEALED, key_of("stranger"), b"report 7")


@pytest.mark.parametrize("xor", [1, 0x20, 0x80])
def test_every_changed_byte_is_found_by_every_recipient(xor: int) -> None:
    for at in range(len(SEALED)):
        changed = bytearray(SEALED)
        changed[at] ^= xor
        with pytest.raises(EnvelopeError):
            open_envelope(bytes(changed), READERS[at % 3], b"report 7")


def test_every_cut_and_every_byte_more_is_found() -> None:
    for at in range(len(SEALED)):
        with pytest.raises(EnvelopeError):
            open_envelope(SEALED[:at], READERS[0], b"report 7")
    for more in (b" ", b"\n", b"\0", b"{}"):
        with pytest.raises(EnvelopeError):
            open_envelope(SEALED + more, READERS[0], b"report 7")


def changed(change: Callable[[dict[str, Any]], object]) -> bytes:
    """The envelope with one change, in its canonical form otherwise."""
    tree = json.loads(SEALED)
    change(tree)
    return json.dumps(tree, separators=(",", ":")).encode()


CHANGES: dict[str, Callable[[dict[str, Any]], object]] = {
    "another form": lambda tree: tree["header"].update(form="ufmi-envelope-2"),
    "a recipient less": lambda tree: tree["header"]["recipients"].pop(),
    "a recipient twice": lambda tree: tree["header"]["recipients"].append(
        tree["header"]["recipients"][0]
    ),
    "recipients in another order": lambda tree: tree["header"]["recipients"].reverse(),
    "no recipients": lambda tree: tree["header"].update(recipients=[]),
    "too many recipients": lambda tree: tree["header"].update(
        recipients=tree["header"]["recipients"] * 40
    ),
    "the key of another recipient": lambda tree: tree["header"]["recipients"][0].update(
        key=tree["header"]["recipients"][1]["key"]
    ),
    "another nonce": lambda tree: tree["header"].update(nonce="A" * 16),
    "a short nonce": lambda tree: tree["header"].update(nonce="AAAA"),
    "no nonce": lambda tree: tree["header"].update(nonce=""),
    "no commitment": lambda tree: tree["header"].update(commitment=""),
    "no content": lambda tree: tree.update(content=""),
    "content without its tag": lambda tree: tree.update(content="AAAA"),
    "a number for text": lambda tree: tree.update(content=7),
    "something more": lambda tree: tree.update(more=1),
    "something less": lambda tree: tree.pop("content"),
    "no object": lambda tree: tree.update(header=[]),
}


@pytest.mark.parametrize("name", CHANGES)
def test_every_other_change_is_found(name: str) -> None:
    assert changed(lambda tree: None) == SEALED
    with pytest.raises(EnvelopeError):
        open_envelope(changed(CHANGES[name]), READERS[0], b"report 7")


def test_recipients_cannot_be_given_different_contents() -> None:
    """A sealer who wraps another key for the second recipient is found out by him."""
    other = b"k" * _sm4.KEY_BYTES
    wrapped = base64.b64encode(PUBLIC[1].encrypt(other)).decode()
    forged = changed(lambda tree: tree["header"]["recipients"][1].update(key=wrapped))
    with pytest.raises(EnvelopeError, match="another content key"):
        open_envelope(forged, READERS[1], b"report 7")


@pytest.mark.parametrize("content_key", [b"k" * 17, b"k" * 32])
def test_a_content_key_of_another_length_is_refused(content_key: bytes) -> None:
    commitment = base64.b64encode(sm3(b"ufmi envelope key" + content_key)).decode()
    wrapped = base64.b64encode(PUBLIC[0].encrypt(content_key)).decode()

    def change(tree: dict[str, Any]) -> None:
        tree["header"]["commitment"] = commitment
        tree["header"]["recipients"][0]["key"] = wrapped

    with pytest.raises(EnvelopeError):
        open_envelope(changed(change), READERS[0], b"report 7")


@settings(deadline=None, max_examples=300)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["header", "content", "form"]), inner, max_size=3)
            ),
        ).map(lambda tree: json.dumps(tree).encode()),
    )
)
@example(b"[" * 100_000)
@example(b'{"header":' * 100_000)
@example(b'{"header":{"form":"\\ud800","recipients":[],"commitment":"","nonce":""},"content":""}')
@example(b"\xff\xfe")
@example(b"1" * 10_000)
def test_hostile_input_is_refused_and_nothing_else(raw: bytes) -> None:
    with pytest.raises(EnvelopeError):
        open_envelope(raw, READERS[0])


def test_too_large_an_envelope_is_refused_unread() -> None:
    with pytest.raises(EnvelopeError, match="at most"):
        open_envelope(bytes(envelope.ENVELOPE_BYTES_MAX + 1), READERS[0])


def test_the_largest_envelope_opens() -> None:
    data = bytes(envelope.DATA_BYTES_MAX)
    many = [key_of(f"one of many {number}") for number in range(envelope.RECIPIENTS_MAX)]
    sealed = seal_envelope(data, [key.public_key for key in many])
    assert len(sealed) <= envelope.ENVELOPE_BYTES_MAX
    assert open_envelope(sealed, many[-1]) == data


@pytest.mark.parametrize(
    ("data", "recipients", "aad"),
    [
        (bytes(envelope.DATA_BYTES_MAX + 1), PUBLIC, b""),
        (b"", PUBLIC, bytes(envelope.ASSOCIATED_BYTES_MAX + 1)),
        (b"", [], b""),
        (b"", [PUBLIC[0], PUBLIC[1], PUBLIC[0]], b""),
        (b"", PUBLIC * 34, b""),
    ],
)
def test_what_cannot_be_sealed_is_told(data: bytes, recipients: list[Any], aad: bytes) -> None:
    with pytest.raises(EnvelopeError):
        seal_envelope(data, recipients, aad)


def test_given_random_bytes_make_key_and_nonce() -> None:
    asked: list[int] = []

    def count(size: int) -> bytes:
        asked.append(size)
        return bytes(size)

    sealed = json.loads(seal_envelope(b"data", PUBLIC[:1], random_bytes=count))
    assert asked == [16, 12]
    assert sealed["header"]["nonce"] == "A" * 16
    header = json.dumps(sealed["header"], separators=(",", ":")).encode()
    associated = len(header).to_bytes(8, "big") + header
    content = _sm4.encrypt(bytes(16), bytes(12), b"data", associated)
    assert base64.b64decode(sealed["content"]) == content
