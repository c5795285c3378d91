"""The memory of verified signatures: it may save work, and must never vouch for anything else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.crypto import Provider, SignatureCache, _verify, cache, verify_many

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
    assert cache.name(good) in cache
    assert cache.name(bad) not in cache


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
    """The name of a triple covers three fields of varying length: their borders count."""
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
def test_different_triples_have_different_names(
    one: tuple[bytes, bytes, bytes], other: tuple[bytes, bytes, bytes]
) -> None:
    kept = SignatureCache()
    assert (kept.name(one) == kept.name(other)) == (one == other)


@settings(deadline=None, max_examples=100)
@given(st.binary(min_size=1, max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_a_name_depends_on_where_the_signature_ends(data: bytes, one: int, other: int) -> None:
    kept = SignatureCache()
    first, second = min(one, len(data)), min(other, len(data))
    names = [kept.name((PUBLIC, data[cut:], data[:cut])) for cut in (first, second)]
    assert (names[0] == names[1]) == (first == second)


def test_names_are_salted() -> None:
    item = (PUBLIC, b"m", b"s")
    assert SignatureCache().name(item) != SignatureCache().name(item)


def test_the_cache_is_bounded_and_the_oldest_leave_first() -> None:
    kept = SignatureCache(entries_max=10)
    names = [str(at).encode() for at in range(100)]
    for name in names:
        kept.add(name)
        assert len(kept) <= 10
    assert [name for name in names if name in kept] == names[-10:]
    kept.clear()
    assert len(kept) == 0


def test_the_cache_is_bounded_whoever_adds() -> None:
    kept = SignatureCache(entries_max=50)

    def add(thread: int) -> None:
        for at in range(2000):
            kept.add(f"{thread}/{at}".encode())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(add, range(4)))
    # Each thread may add one between another's look and its own.
    assert len(kept) <= 50 + 4
