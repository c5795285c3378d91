"""The memory of verified signatures: it may save work, and must never vouch for anything else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.crypto import Provider, SignatureCache, _verify, cache, verify_many
from ufmi.crypto._verify import _size

from .helpers import key_of

KEY = key_of("remembered")
PUBLIC = KEY.public_key.to_bytes()
TRIPLES = st.tuples(
    st.binary(min_size=65, max_size=65), st.binary(max_size=20), st.binary(max_size=72)
)


@pytest.fixture
def no_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Provider:
        raise AssertionError("the provider was asked")

    monkeypatch.setattr(_verify, "provider", refuse)


def test_only_successes_are_kept(each_provider: Provider) -> None:
    good = (PUBLIC, b"kept", KEY.sign(b"kept"))
    bad = (PUBLIC, b"other", good[2])
    assert verify_many([bad, good, bad]) == [False, True, False]
    assert len(cache) == 1
    assert good in cache
    assert bad not in cache


def test_a_known_signature_is_not_computed_again(request: pytest.FixtureRequest) -> None:
    item = (PUBLIC, b"once", KEY.sign(b"once"))
    assert verify_many([item]) == [True]
    request.getfixturevalue("no_provider")
    assert verify_many([item, item]) == [True, True]


def test_a_known_signature_vouches_for_nothing_else(each_provider: Provider) -> None:
    message, signature = b"pay 100", KEY.sign(b"pay 100")
    assert verify_many([(PUBLIC, message, signature)]) == [True]
    other = key_of("not remembered").public_key.to_bytes()
    again = KEY.sign(b"pay 999")
    others = [
        (other, message, signature),
        (PUBLIC, b"pay 999", signature),
        (PUBLIC, message, again),
        (PUBLIC, message, signature[:-1] + bytes([signature[-1] ^ 1])),
    ]
    assert verify_many(others) == [False] * 4


def test_bytes_cannot_move_between_key_signature_and_message(each_provider: Provider) -> None:
    """Three fields of varying length: their borders count."""
    message, signature = b"\x30\x44 a message", KEY.sign(b"\x30\x44 a message")
    assert verify_many([(PUBLIC, message, signature)]) == [True]
    moved = [(PUBLIC, signature[-at:] + message, signature[:-at]) for at in range(1, 70)]
    moved += [(PUBLIC, message[at:], signature + message[:at]) for at in range(1, len(message))]
    moved += [(PUBLIC[:-1], message, PUBLIC[-1:] + signature)]
    moved += [(PUBLIC + signature[:1], message, signature[1:])]
    assert not any(verify_many(moved))
    assert len(cache) == 1


@settings(deadline=None, max_examples=300)
@given(TRIPLES, TRIPLES)
def test_a_triple_vouches_for_itself_alone(
    one: tuple[bytes, bytes, bytes], other: tuple[bytes, bytes, bytes]
) -> None:
    kept = SignatureCache()
    kept.add(one)
    assert one in kept
    assert (other in kept) == (one == other)


def test_the_cache_is_bounded_and_the_oldest_leave_first() -> None:
    triples = [(PUBLIC, str(at).encode(), b"s") for at in range(100, 200)]
    room = SignatureCache()
    room.add(triples[0])
    kept = SignatureCache(bytes_max=10 * room.bytes)
    for triple in triples:
        kept.add(triple)
        assert len(kept) <= 10
    assert [triple for triple in triples if triple in kept] == triples[-10:]
    kept.clear()
    assert len(kept) == kept.bytes == 0


def test_long_messages_take_more_of_the_room() -> None:
    kept = SignatureCache(bytes_max=100_000)
    for at in range(50):
        kept.add((PUBLIC, b"%04d" % at, b"s"))
    assert len(kept) == 50
    kept.add((PUBLIC, b"m" * 95_000, b"s"))
    assert 0 < len(kept) < 20
    kept.add((PUBLIC, b"m" * 100_000, b"s"))
    assert len(kept) == kept.bytes == 0


def test_an_entry_that_comes_again_takes_no_more_room() -> None:
    kept = SignatureCache()
    kept.add((PUBLIC, b"again", b"s"))
    before = kept.bytes
    kept.add((PUBLIC, b"again", b"s"))
    assert (len(kept), kept.bytes) == (1, before)


def test_the_cache_is_bounded_whoever_adds() -> None:
    kept = SignatureCache(bytes_max=20_000)

    def add(thread: int) -> None:
        for at in range(2000):
            kept.add((PUBLIC, b"%d" % (at % 500), b"%d" % thread))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    assert 0 < kept.bytes <= 20_000
    assert sum(map(_size, list(kept._known))) == kept.bytes
