"""Notifications: numbered for each party, signed by the block, asked for again by number."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from ufmi.crypto import Sm2PublicKey
from ufmi.errors import BadReceipt, StoreCorrupted, UsageError
from ufmi.frontend import Delivery, SignedBundle, deliveries_of
from ufmi.frontend.noticeindex import ASKED_MAX, newer
from ufmi.node import Node
from ufmi.protocol import Line
from ufmi.sdk.party import Client

from .town import BANK, BROKER, REGISTRY, Town, signer

Open = Callable[..., Town]


def expected(node: Node, party: str) -> list[Delivery]:
    """What the blocks give the party, in order."""
    return [
        one
        for block in node.channel.past_blocks()
        for one in deliveries_of(block)
        if one.to == party
    ]


def parties(node: Node) -> set[str]:
    return {one.to for block in node.channel.past_blocks() for one in deliveries_of(block)}


def plain(delivery: Delivery) -> tuple[object, ...]:
    line = delivery.line.signature if delivery.line else ""
    return delivery.to, delivery.text, delivery.block, line, delivery.unified


def work(town: Town, rounds: int = 3) -> None:
    for _ in range(rounds):
        y1s = [town.y1(user, 5) for user in (1, 2)]
        town.node.frontend.submit([town.line(one) for one in y1s])
        town.node.frontend.submit([town.line(town.locked(one)) for one in y1s])


def test_numbers_are_without_gaps_and_every_bundle_verifies(town: Town) -> None:
    work(town)
    key = town.node.frontend_key
    assert {BROKER, BANK, REGISTRY} < parties(town.node)
    for party in parties(town.node):
        found = town.node.frontend.notifications(party)
        for one in found:
            one.verify(key)
        sent = newer(found, 1)
        assert [one.number for one in sent] == list(range(1, len(sent) + 1))
        assert list(map(plain, sent)) == list(map(plain, expected(town.node, party)))


def test_a_block_has_one_signature_and_one_bundle_a_party(town: Town) -> None:
    work(town)
    lists: dict[int, set[tuple[str, str]]] = {}
    for party in parties(town.node):
        for one in town.node.frontend.notifications(party):
            lists.setdefault(one.notices.block, set()).add((one.notices.text(), one.signature))
            names = [entry.party for entry in one.notices.bundles]
            assert names == sorted(set(names))
    assert all(len(signed) == 1 for signed in lists.values())


def test_a_party_asks_for_what_came_after_its_last_number(town: Town) -> None:
    work(town)
    everything = newer(town.node.frontend.notifications(BANK), 1)
    for start in range(1, len(everything) + 2):
        found = newer(town.node.frontend.notifications(BANK, start), start)
        assert found == everything[start - 1 :]
    assert town.node.frontend.notifications("NNOBODYNOBDX") == []
    assert town.node.frontend.notifications(BANK, 10**9) == []


def test_pages_of_any_size_give_everything_once(town: Town) -> None:
    work(town)
    everything = newer(town.node.frontend.notifications(BROKER), 1)
    for limit in (1, 2, 7):
        got: list[Delivery] = []
        while found := town.node.frontend.notifications(BROKER, len(got) + 1, limit):
            got += newer(found, len(got) + 1)
        assert got == everything


@pytest.mark.parametrize(
    ("start", "limit"), [(0, 1), (-1, 1), (2**63, 1), (1, 0), (1, ASKED_MAX + 1)]
)
def test_what_is_out_of_range_is_refused(town: Town, start: int, limit: int) -> None:
    with pytest.raises(UsageError):
        town.node.frontend.notifications(BANK, start, limit)


def test_numbers_and_signatures_survive_a_restart(open_town: Open) -> None:
    town = open_town()
    work(town, 1)
    before = town.node.frontend.notifications(BANK)
    town = open_town()
    assert town.node.frontend.notifications(BANK) == before
    work(town, 1)
    assert town.node.frontend.notifications(BANK)[: len(before)] == before


def test_an_index_that_is_gone_is_built_anew_with_the_same_numbers(
    open_town: Open, data: Path
) -> None:
    town = open_town()
    work(town)
    before = town.node.frontend.notifications(BANK)
    town.node.close()
    (data / "frontend/notices.sqlite").unlink()
    town = open_town()
    after = town.node.frontend.notifications(BANK)
    assert [one.bundle for one in after] == [one.bundle for one in before]
    assert [one.notices for one in after] == [one.notices for one in before]
    for one in (*before, *after):
        one.verify(town.node.frontend_key)


def test_whoever_derives_them_in_pieces_gets_the_same_numbers(open_town: Open, data: Path) -> None:
    town = open_town()
    for _ in range(3):
        work(town, 1)
        town.node.frontend.notifications(BROKER, limit=1)
    pieces = [one.bundle for one in town.node.frontend.notifications(BROKER)]
    town.node.close()
    (data / "frontend/notices.sqlite").unlink()
    at_once = [one.bundle for one in open_town().node.frontend.notifications(BROKER)]
    assert pieces == at_once


def test_a_damaged_index_is_named_and_stops_nothing_else(open_town: Open, data: Path) -> None:
    (data / "frontend/notices.sqlite").write_bytes(b"no index" * 1_000)
    town = open_town()
    work(town, 1)
    with pytest.raises(StoreCorrupted, match=r"notices\.sqlite"):
        town.node.frontend.notifications(BANK)


def test_an_index_that_contradicts_the_blocks_is_named(open_town: Open, data: Path) -> None:
    town = open_town()
    work(town, 1)
    town.node.frontend.notifications(BANK)
    town.node.close()
    with sqlite3.connect(data / "frontend/notices.sqlite") as index:
        index.execute("update bundle set digest = 'x' where party = ?", (BANK,))
    index.close()
    with pytest.raises(StoreCorrupted, match="does not agree with block"):
        open_town().node.frontend.notifications(BANK)


def test_an_index_that_is_ahead_of_the_ledger_goes_back(
    open_town: Open, data: Path, tmp_path: Path
) -> None:
    # So it is after a restore: the same index, fewer blocks, then other ones.
    town = open_town()
    work(town, 1)
    before = town.node.frontend.notifications(BANK)
    town.node.close()
    shutil.copytree(data, tmp_path / "older")
    town = open_town()
    work(town, 2)
    assert len(town.node.frontend.notifications(BANK)) > len(before)
    town.node.close()
    ahead = tmp_path / "older/frontend/notices.sqlite"
    shutil.copy(data / "frontend/notices.sqlite", ahead)
    with Node.open(tmp_path / "older") as node:
        assert node.frontend.notifications(BANK) == before
    shutil.copy(data / "frontend/notices.sqlite", ahead)
    with Node.open(tmp_path / "older") as node:
        other = Town(node)
        work(other, 3)
        found = node.frontend.notifications(BANK)
        assert found[: len(before)] == before
        sent = newer(found, 1)
        assert list(map(plain, sent)) == list(map(plain, expected(node, BANK)))
        assert [one.number for one in sent] == list(range(1, len(sent) + 1))


def test_nothing_is_indexed_before_somebody_asks(town: Town, data: Path) -> None:
    work(town, 1)
    assert not (data / "frontend/notices.sqlite").exists()
    town.node.frontend.notifications(BANK)
    assert (data / "frontend/notices.sqlite").stat().st_mode & 0o077 == 0


def test_parties_ask_while_others_submit(open_town: Open) -> None:
    town = open_town(in_flight=2)
    failures: list[BaseException] = []
    done = threading.Event()

    def ask(party: str) -> None:
        try:
            got: list[int] = []
            while not done.is_set():
                for one in town.node.frontend.notifications(party, len(got) + 1, 5):
                    one.verify(town.node.frontend_key)
                    got += [each.number for each in one.bundle.deliveries if each.number > len(got)]
            assert got == list(range(1, len(got) + 1))
        except BaseException as problem:
            failures.append(problem)

    threads = [threading.Thread(target=ask, args=(party,)) for party in (BANK, BROKER)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        y1 = town.y1(1, 5)
        town.node.frontend.send(town.line(y1))
        town.node.frontend.send(town.line(town.locked(y1)))
    done.set()
    for thread in threads:
        thread.join()
    assert not failures
    for party in (BANK, BROKER):
        sent = newer(town.node.frontend.notifications(party), 1)
        assert list(map(plain, sent)) == list(map(plain, expected(town.node, party)))


# -- verification ------------------------------------------------------------------------------


@pytest.fixture
def bundle(town: Town) -> SignedBundle:
    """The newest bundle of the bank, of two deliveries."""
    work(town, 1)
    found = town.node.frontend.notifications(BANK)
    assert len(found[-1].bundle.deliveries) == 2
    return found[-1]


def test_a_bundle_survives_json(town: Town, bundle: SignedBundle) -> None:
    read = msgspec.json.decode(msgspec.json.encode(bundle), type=SignedBundle)
    assert read == bundle
    read.verify(town.node.frontend_key)


def forgeries(one: SignedBundle) -> dict[str, SignedBundle]:
    bundle, notices = one.bundle, one.notices
    first, second = bundle.deliveries

    def holding(*deliveries: Delivery) -> SignedBundle:
        return replace(one, bundle=replace(bundle, deliveries=deliveries))

    def changed(**changes: object) -> Delivery:
        return Delivery(**{**vars(first), **changes})  # type: ignore[arg-type]

    return {
        "one left out": holding(first),
        "none": holding(),
        "another order": holding(second, first),
        "twice": holding(first, first),
        "another text": holding(changed(text=second.text), second),
        "another number": holding(changed(number=first.number + 1), second),
        "another party": holding(changed(to=BROKER), second),
        "another block": holding(changed(block=first.block + 1), second),
        "another signature": holding(changed(line=Line(first.text, "00" * 70)), second),
        "another line": holding(changed(line=Line("x", "00" * 70)), second),
        "another user": holding(changed(unified="L000000009"), second),
        "another network": replace(one, bundle=replace(bundle, network="00" * 32)),
        "another block's list": replace(one, notices=replace(notices, block=notices.block - 1)),
        "another hash": replace(one, notices=replace(notices, hash="00" * 32)),
        "a list without it": replace(
            one,
            notices=replace(
                notices, bundles=tuple([e for e in notices.bundles if e.party != BANK])
            ),
        ),
        "no signature": replace(one, signature=""),
        "no hex": replace(one, signature="xx"),
    }


def test_nothing_can_be_changed(town: Town, bundle: SignedBundle) -> None:
    bundle.verify(town.node.frontend_key)
    for what, forged in forgeries(bundle).items():
        with pytest.raises(BadReceipt):
            forged.verify(town.node.frontend_key)
            raise AssertionError(what)


def test_another_key_proves_nothing(bundle: SignedBundle) -> None:
    other: Sm2PublicKey = signer(BANK).public_key
    with pytest.raises(BadReceipt, match="front-end"):
        bundle.verify(other)


def test_a_client_gets_what_is_verified(town: Town) -> None:
    work(town)
    bank = Client(town.node, BANK, signer(BANK))
    sent = bank.notifications()
    assert sent == newer(town.node.frontend.notifications(BANK), 1)
    assert bank.notifications(len(sent)) == sent[-1:]
    town.node.frontend_key = signer(BANK).public_key
    with pytest.raises(BadReceipt):
        bank.notifications()
