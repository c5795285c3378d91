"""The store of documents: kept, erased, never half; and what the front-end makes of it."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ufmi.crypto import sm3_hex
from ufmi.errors import (
    DocumentErased,
    InvalidField,
    MalformedDocument,
    NotFound,
    StorageFailed,
    StoreCorrupted,
)
from ufmi.frontend.documents import KEPT_BYTES_MAX, REASON_MAX, Documents
from ufmi.protocol import Line
from ufmi.system import ControlledClock

from .town import Town

TEXT = '{"name":"李明"}'
DIGEST = sm3_hex(TEXT.encode())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "documents"


def opened(folder: Path) -> Documents:
    documents = Documents(folder, ControlledClock(1_000))
    documents.recover()
    return documents


def test_what_is_kept_is_there_for_everybody(folder: Path) -> None:
    assert opened(folder).keep(TEXT) == DIGEST
    assert opened(folder).keep(TEXT) == DIGEST
    other = Documents(folder)
    assert other.get(DIGEST) == other.read(DIGEST) == TEXT
    assert other.digests() == {DIGEST}
    assert [(one.digest, one.bytes, one.erased) for one in other.list()] == [
        (DIGEST, len(TEXT.encode()), None)
    ]


def test_what_was_never_given_is_missing(folder: Path) -> None:
    for documents in (Documents(folder), opened(folder)):
        assert documents.get(DIGEST) is None
        assert documents.tombstone(DIGEST) is None
        assert list(documents.list()) == []
        with pytest.raises(NotFound):
            documents.read(DIGEST)
        with pytest.raises(NotFound):
            documents.erase(DIGEST)


def test_what_is_erased_is_named_as_erased(folder: Path) -> None:
    documents = opened(folder)
    documents.keep(TEXT)
    tombstone = documents.erase(DIGEST, "by the wish of the person")
    assert (tombstone.time, tombstone.reason) == (1_000, "by the wish of the person")
    for again in (documents, opened(folder), Documents(folder)):
        assert again.get(DIGEST) is None
        assert again.tombstone(DIGEST) == tombstone
        assert again.digests() == set()
        assert again.erased() == {DIGEST}
        with pytest.raises(DocumentErased, match="by the wish"):
            again.read(DIGEST)
        with pytest.raises(DocumentErased, match="by the wish"):
            again.keep(TEXT)
        assert again.erase(DIGEST, "once more") == tombstone
        assert [(one.bytes, one.erased) for one in again.list()] == [(0, tombstone)]
    for path in folder.rglob("*"):
        assert path.is_dir() or "李明".encode() not in path.read_bytes()


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "erased", "A" * 64, "0" * 63, "0" * 65])
def test_only_a_digest_is_a_name(folder: Path, digest: str) -> None:
    documents = opened(folder)
    calls: list[Callable[[str], Any]] = [
        documents.get,
        documents.read,
        documents.erase,
        documents.tombstone,
    ]
    for call in calls:
        with pytest.raises(InvalidField, match="digest"):
            call(digest)


def test_limits(folder: Path) -> None:
    documents = opened(folder)
    documents.keep("x" * KEPT_BYTES_MAX)
    for wrong in ("x" * (KEPT_BYTES_MAX + 1), "\ud800"):
        with pytest.raises(MalformedDocument):
            documents.keep(wrong)
    documents.keep(TEXT)
    for reason in ("x" * (REASON_MAX + 1), "two\nlines"):
        with pytest.raises(InvalidField, match="reason"):
            documents.erase(DIGEST, reason)
    assert documents.get(DIGEST) == TEXT


def test_what_was_changed_on_the_disk_is_not_given(folder: Path) -> None:
    documents = opened(folder)
    documents.keep(TEXT)
    (folder / DIGEST).write_text("something else")
    with pytest.raises(StoreCorrupted):
        documents.get(DIGEST)
    documents.erase(DIGEST)
    (folder / "erased" / DIGEST).write_text("{")
    with pytest.raises(StoreCorrupted):
        documents.tombstone(DIGEST)


class Crash(BaseException):
    """The process ends here."""


@contextmanager
def ends_at(step: int) -> Iterator[list[str]]:
    """Within, the process ends at its n-th call that changes a disk, or half done with it."""
    done: list[str] = []

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            done.append(name)
            if len(done) == step:
                raise Crash
            return call(*arguments, **options)

        return run

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in (
            (os, "open"),
            (os, "fsync"),
            (Path, "replace"),
            (Path, "unlink"),
            (Path, "mkdir"),
        ):
            patch.setattr(owner, name, counted(name, getattr(owner, name)))
        yield done


def crashes(act: Callable[[], Any]) -> Iterator[int]:
    """Does something again and again, ending it at every step, until it comes to its end."""
    for step in range(1, 100):
        with ends_at(step):
            try:
                act()
            except Crash:
                yield step
                continue
        assert step > 3, "nothing was ended"
        return
    raise AssertionError("it never came to its end")


def test_a_crash_while_keeping_leaves_all_or_nothing(tmp_path: Path) -> None:
    folders = iter(tmp_path / str(number) for number in range(100))
    current: list[Path] = []

    def act() -> None:
        current.append(next(folders))
        Documents(current[-1]).keep(TEXT)

    for _ in crashes(act):
        documents = opened(current[-1])
        assert documents.get(DIGEST) in (None, TEXT)
        assert not list(current[-1].rglob("*.new"))
        documents.keep(TEXT)
        assert documents.get(DIGEST) == TEXT


def test_a_crash_while_erasing_leaves_all_or_nothing(tmp_path: Path) -> None:
    folders = iter(tmp_path / str(number) for number in range(100))
    current: list[Documents] = []

    def act() -> None:
        current.append(Documents(folder := next(folders)))
        (folder / "erased").mkdir(parents=True)
        (folder / DIGEST).write_text(TEXT)
        current[-1].erase(DIGEST, "why")

    for _ in crashes(act):
        folder = current[-1]._folder
        before = Documents(folder).get(DIGEST)
        documents = opened(folder)
        assert documents.get(DIGEST) == before
        assert (folder / DIGEST).exists() == (before is not None)
        if before is None and documents.tombstone(DIGEST) is None:
            continue  # it was not even kept yet
        documents.erase(DIGEST)
        assert documents.erased() == {DIGEST}
        assert not (folder / DIGEST).exists()


def test_a_disk_that_fails_gives_a_clear_error(folder: Path, monkeypatch: Any) -> None:
    documents = opened(folder)
    documents.keep(TEXT)

    def refuses(*_: Any, **__: Any) -> None:
        raise OSError("no more")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuses)
        with pytest.raises(StorageFailed):
            documents.erase(DIGEST)
        patch.setattr(os, "fsync", refuses)
        with pytest.raises(StorageFailed):
            documents.keep("another")
    assert documents.get(DIGEST) is None
    assert opened(folder).erase(DIGEST).digest == DIGEST
    assert not (folder / DIGEST).exists()


def test_an_erasure_by_another_process_at_the_same_moment_wins(
    folder: Path, monkeypatch: Any
) -> None:
    documents, other = opened(folder), Documents(folder)
    from ufmi.frontend import documents as module

    write = module.write_file

    def meanwhile(path: Path, data: bytes) -> None:
        write(path, data)
        if path.parent == folder:
            other.erase(DIGEST, "meanwhile")
            write(path, data)

    monkeypatch.setattr(module, "write_file", meanwhile)
    with pytest.raises(DocumentErased, match="meanwhile"):
        documents.keep(TEXT)
    assert not (folder / DIGEST).exists()


def test_threads_keep_and_erase_together(folder: Path) -> None:
    documents = opened(folder)
    texts = [f"document {number}" for number in range(40)]

    def work(every: int) -> None:
        for at, text in enumerate(texts):
            try:
                digest = documents.keep(text)
            except DocumentErased:
                continue
            if at % 4 == every:
                documents.erase(digest)

    threads = [threading.Thread(target=work, args=(every,)) for every in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(documents.digests()) == len(documents.erased()) == 20
    assert len(list(documents.list())) == 40


# -- the front-end --------------------------------------------------------------------------


def line_with(town: Town, document: str, who: str = "u9") -> Line:
    line = town.line(town.x1(who, document=sm3_hex(document.encode())))
    return Line(line.text, line.signature, (document,))


def test_an_erased_document_is_not_taken_in_again(town: Town) -> None:
    frontend = town.node.frontend
    line = line_with(town, TEXT)
    first = frontend.send(line)
    frontend.documents.erase(DIGEST, "by the wish of the person")
    other = town.line(town.y1(1, 5))
    refused, good = frontend.submit([line, other])
    assert refused.refusal is not None
    assert refused.refusal.code == "FIELD_INVALID"
    assert "by the wish of the person" in refused.refusal.detail
    assert good.outcome(30).result.code == "PENDING"
    # Without the document it is the message that it was.
    again = frontend.send(Line(line.text, line.signature))
    assert (again.result.code, again.result.repeated) == (first.result.code, True)


def test_documents_beyond_what_a_line_carries_are_refused(town: Town) -> None:
    long = line_with(town, "引" * 14_000)
    many = line_with(town, "x")
    many = Line(many.text, many.signature, ("x",) * 9)
    for ticket in town.node.frontend.submit([long, many]):
        assert ticket.refusal is not None
        assert ticket.refusal.code == "TOO_LONG"
    assert list(town.node.frontend.documents.list()) == []


def test_what_a_crash_left_of_an_erasure_goes_when_the_front_end_starts(
    open_town: Callable[..., Town],
) -> None:
    town = open_town()
    town.node.frontend.send(line_with(town, TEXT))
    folder = town.node.folder / "frontend" / "documents"
    (folder / "erased" / DIGEST).write_text(
        f'{{"digest":"{DIGEST}","time":1,"reason":"interrupted"}}'
    )
    assert open_town().node.frontend.documents.erased() == {DIGEST}
    assert not (folder / DIGEST).exists()
