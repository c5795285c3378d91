"""The file: rebuilt it says the same, erased words are gone from it, processes share it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.documents.samples import person
from ufmi.errors import LedgerInUse, StorageFailed, StoreCorrupted
from ufmi.protocol.codes import user_id
from ufmi.search import store as module
from ufmi.search.store import IndexStore

from .world import World, account, address, asset, contents, party, user

ROOT = Path(__file__).parent.parent.parent
SECRET = "zhangsanfeng"


class Life(RuleBasedStateMachine):
    """Records and documents come and go in any order; the index is always that of a rebuild."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self._folder.name))
        self.papers = [person(f"人{number}", salt=bytes([number] * 16)) for number in range(4)]

    numbers = st.integers(1, 4)

    @rule(number=numbers, paper=st.integers(0, 3), addresses=st.lists(numbers, max_size=2))
    def register(self, number: int, paper: int, addresses: list[int]) -> None:
        digest = self.papers[paper].digest
        held = tuple(f"u{one}" for one in addresses)
        self.world.write(user(number, account(document=digest, addresses=held)))

    @rule(number=numbers, owner=numbers, frozen=st.booleans())
    def give(self, number: int, owner: int, frozen: bool) -> None:
        self.world.write(address(f"u{number}", user_id(owner), frozen=frozen))

    @rule(number=numbers, name=st.sampled_from(["茶舍", "咖啡 bar", "x"]))
    def list_asset(self, number: int, name: str) -> None:
        self.world.write(asset(name, number), party(name=name))

    @rule(number=numbers)
    def remove(self, number: int) -> None:
        self.world.write(removed=(f"user/{user_id(number)}", f"address/u{number}"))

    @rule(paper=st.integers(0, 3))
    def keep(self, paper: int) -> None:
        if self.papers[paper].digest not in self.world.documents.erased():
            self.world.documents.keep(self.papers[paper].encode())

    @precondition(lambda self: self.world.documents.digests())
    @rule()
    def erase(self) -> None:
        self.world.documents.erase(min(self.world.documents.digests()))

    @invariant()
    def the_same_as_anew(self) -> None:
        self.world.find()
        before = contents(self.world.folder / "search")
        if self.world.blocks:
            self.world.rebuild()
        assert contents(self.world.folder / "search") == before

    def teardown(self) -> None:
        self.world.close()
        self._folder.cleanup()


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=15, stateful_step_count=12, deadline=None)


def in_files(folder: Path, word: str) -> bool:
    return any(word.encode() in path.read_bytes() for path in folder.iterdir())


def test_nothing_of_an_erased_document_stays_in_the_file(world: World) -> None:
    world.find()
    folder = world.folder / "search"
    paper = person(SECRET, text=f"{SECRET} " * 300)
    digest = world.documents.keep(paper.encode())
    for number in range(1, 40):
        world.write(user(number, account(document=digest if number == 7 else "")))
    assert world.ids(SECRET) == [user_id(7)]
    assert in_files(folder, SECRET)
    world.documents.erase(digest)
    assert world.ids(SECRET) == world.ids("", f"subject_investor_name={SECRET}") == []
    assert not in_files(folder, SECRET)
    (hit,) = world.find("", f"document={digest}").hits
    assert hit.documents == {digest: "ERASED"}


def test_nothing_stays_of_a_document_that_no_record_names_any_more(world: World) -> None:
    folder = world.folder / "search"
    digest = world.documents.keep(person(SECRET).encode())
    world.write(user(1, account(document=digest)))
    assert world.ids(SECRET) == [user_id(1)]
    world.write(user(1))
    assert world.ids(SECRET) == []
    world.documents.erase(digest)
    world.find()
    assert not in_files(folder, SECRET)


def test_the_file_is_for_its_owner_only(world: World) -> None:
    folder = world.folder / "search"
    assert folder.stat().st_mode & 0o077 == 0
    assert (folder / "index.sqlite").stat().st_mode & 0o077 == 0


def test_a_change_is_made_whole_or_not_at_all(world: World) -> None:
    world.write(asset("茶舍", 1))
    before = contents(world.folder / "search")
    with pytest.raises(KeyboardInterrupt), world.index.change():
        world.index.take({f"user/{user_id(1)}": b'{"id":"x","person":"y","accounts":[]}'},
                         world.index.place())  # fmt: skip
        raise KeyboardInterrupt
    assert contents(world.folder / "search") == before
    with pytest.raises(StoreCorrupted, match="user/x"), world.index.change():
        world.index.take({"user/x": b"{"}, world.index.place())
    assert contents(world.folder / "search") == before


def test_a_damaged_document_does_not_hide_the_others(world: World) -> None:
    digest = world.documents.keep(person("李明").encode())
    (world.documents._folder / digest).write_text("something else")
    world.write(user(1, account(document=digest)), user(2))
    assert world.ids() == [user_id(1), user_id(2)]
    assert world.ids("李明") == []


@pytest.mark.parametrize(
    "damage", [b"no database at all" * 500, b"SQLite format 3\0" + b"\xff" * 9000]
)
def test_a_damaged_file_is_named_and_can_be_made_anew(world: World, damage: bytes) -> None:
    world.write(asset("茶舍", 1))
    world.close()
    (world.folder / "search" / "index.sqlite").write_bytes(damage)
    other = World(world.folder)
    with pytest.raises(StoreCorrupted, match="--rebuild"):
        other.find()
    other.index.remove()
    assert other.ids() == []
    other.write(asset("茶舍", 1))
    assert len(other.ids("茶舍")) == 1
    other.close()


def test_tables_of_another_form_are_made_anew(world: World, monkeypatch: Any) -> None:
    world.write(asset("茶舍", 1))
    monkeypatch.setattr(module, "FORM", module.FORM + 1)
    assert world.ids() == []
    with world.index.change():
        assert world.index.place().block == 0


def test_a_full_disk_is_a_clear_error(world: World) -> None:
    world.find()
    world.index._db.execute("pragma max_page_count = 1")
    with pytest.raises(StorageFailed, match="full"):
        for number in range(1, 200):
            world.write(asset("茶舍" * 100, number))
    world.index._db.execute("pragma max_page_count = 1000000")
    world.write(asset("茶舍", 300))
    assert asset("茶舍", 300).code in world.ids()


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path, world: World) -> None:
    (tmp_path / "file").mkdir()
    (tmp_path / "file" / "index.sqlite").mkdir()
    with pytest.raises(StorageFailed):
        IndexStore(tmp_path / "file", world.documents)


def test_another_process_that_does_not_let_go_is_a_clear_error(
    world: World, monkeypatch: Any
) -> None:
    world.find()
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.0)
    other = World(world.folder)
    with world.index.change(), pytest.raises(LedgerInUse, match="search index"):
        other.find()
    other.close()


CHILD = """
import sys
from pathlib import Path
from tests.search.world import World, key_of, asset, encode_record
from ufmi.search.store import Place
world = World(Path(sys.argv[1]))
while True:
    with world.index.change():
        place = world.index.place()
        if place.block >= 60:
            break
        one = asset(f"茶舍 {place.block}", place.block % 20)
        world.index.take({key_of(one): encode_record(one)}, Place("net", place.block + 1, b""))
        world.index.refresh()
    world.index.find(__import__("ufmi.search.query").search.query.read_query("茶"), "", 10)
"""


def test_processes_share_it(world: World) -> None:
    world.find()
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, world.folder],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
        for _ in range(3)
    ]
    assert [child.wait(120) for child in children] == [0, 0, 0]
    assert sqlite3.connect(world.folder / "search" / "index.sqlite").execute(
        "pragma integrity_check"
    ).fetchone() == ("ok",)
    found = contents(world.folder / "search")
    alone = World(world.folder / "alone")
    for number in range(60):
        alone.write(asset(f"茶舍 {number}", number % 20))
    with alone.index.change():
        alone.index.refresh()
    expected = contents(alone.folder / "search")
    assert found.pop("place")[0][1] == expected.pop("place")[0][1] == 60
    assert found == expected
    alone.close()
