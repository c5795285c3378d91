"""The append-only log: files that follow each other, whole groups, torn ends."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from ufmi.errors import StorageFailed, StoreCorrupted
from ufmi.recordlog import HEAD_BYTES, RecordLog

# Two records of ten bytes fit into a file, a third does not.
SIZE = 2 * (HEAD_BYTES + 10)


def contents(log: RecordLog) -> list[bytes]:
    return [raw for _, raw in log.scan(repair=True)]


def test_records_are_read_where_they_were_written(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, ".log")
    places = log.append([b"a", b"bb"]) + log.append([b"ccc"])
    assert [log.read(place) for place in places] == [b"a", b"bb", b"ccc"]
    assert [place for place, _ in log.scan()] == places
    log.close()


def test_a_full_file_is_followed_by_the_next(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, ".log", bytes_max=SIZE)
    for number in range(6):
        log.append([b"%010d" % number])
    assert log.files == [0, 1, 2]
    log.close()
    log = RecordLog(tmp_path, ".log", bytes_max=SIZE)
    assert contents(log) == [b"%010d" % number for number in range(6)]
    log.close()


def test_a_group_is_never_split_between_files(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, ".log", bytes_max=SIZE)
    log.append([b"x" * 20])
    places = log.append([b"y" * 20, b"z" * 20])
    assert {place[0] for place in places} == {1}
    log.close()


def test_scanning_begins_where_it_is_asked_to(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, ".log", bytes_max=SIZE)
    places = [log.append([b"%010d" % number])[0] for number in range(6)]
    for at, (number, offset, _) in enumerate(places):
        found = [raw for _, raw in log.scan((number, offset))]
        assert found == [b"%010d" % one for one in range(at, 6)]
    log.close()


def test_files_are_dropped_from_the_front_only_and_never_the_last(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, ".log", bytes_max=SIZE)
    for number in range(6):
        log.append([b"%010d" % number])
    log.drop_before(1)
    assert log.files == [1, 2]
    log.drop_before(99)
    assert log.files == [2]
    log.append([b"more"])
    log.close()
    log = RecordLog(tmp_path, ".log", bytes_max=SIZE)
    assert contents(log) == [b"%010d" % 4, b"%010d" % 5, b"more"][-3:]
    log.close()


def test_cutting_back_forgets_across_files(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, ".log", bytes_max=SIZE)
    log.append([b"%010d" % 0])
    place = log.place()
    for number in range(1, 6):
        log.append([b"%010d" % number])
    log.cut_back(place)
    assert contents(log) == [b"%010d" % 0]
    log.append([b"%010d" % 9])
    assert contents(log) == [b"%010d" % 0, b"%010d" % 9]
    log.close()


def test_a_missing_file_is_corrupt(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, ".log", bytes_max=SIZE)
    for number in range(6):
        log.append([b"%010d" % number])
    log.close()
    (tmp_path / "000001.log").unlink()
    with pytest.raises(StoreCorrupted, match="missing"):
        RecordLog(tmp_path, ".log")


def test_a_torn_end_in_a_file_that_is_not_the_last_is_corrupt(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, ".log", bytes_max=SIZE)
    for number in range(4):
        log.append([b"%010d" % number])
    log.close()
    first = tmp_path / "000000.log"
    first.write_bytes(first.read_bytes()[:-3])
    log = RecordLog(tmp_path, ".log")
    with pytest.raises(StoreCorrupted):
        contents(log)
    log.close()


@pytest.mark.parametrize("zeros", [False, True])
def test_a_torn_end_is_cut_off_wherever_it_was_torn(tmp_path: Path, zeros: bool) -> None:
    log = RecordLog(tmp_path, ".log")
    log.append([b"first", b"second"])
    size = log.place()[1]
    log.append([bytes(range(1, 200))])
    log.close()
    path = tmp_path / "000000.log"
    raw = path.read_bytes()
    for cut in range(size, len(raw)):
        path.write_bytes(raw[:cut] + b"\0" * (zeros * (len(raw) - cut)))
        log = RecordLog(tmp_path, ".log")
        assert contents(log) == [b"first", b"second"]
        assert path.stat().st_size == size, cut
        log.append([b"third"])
        assert contents(log) == [b"first", b"second", b"third"]
        log.close()


def test_without_repair_a_torn_end_is_damage_and_stays(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, ".log")
    log.append([b"first", b"second"])
    log.close()
    path = tmp_path / "000000.log"
    raw = path.read_bytes()[:-1]
    path.write_bytes(raw)
    log = RecordLog(tmp_path, ".log")
    with pytest.raises(StoreCorrupted):
        list(log.scan())
    log.close()
    assert path.read_bytes() == raw


def test_every_flipped_byte_is_damage_and_nothing_is_cut(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, ".log")
    log.append([b"first", b"second", b"third"])
    log.close()
    path = tmp_path / "000000.log"
    raw = path.read_bytes()
    for at in range(len(raw)):
        for flip in (1, 0x40, 0xFF):
            changed = bytearray(raw)
            changed[at] ^= flip
            path.write_bytes(bytes(changed))
            log = RecordLog(tmp_path, ".log")
            with pytest.raises(StoreCorrupted):
                contents(log)
            log.close()
            assert path.read_bytes() == changed


def test_of_a_torn_group_whole_records_stay(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, ".log")
    log.append([b"first"])
    log.append([b"second", b"third"])
    log.close()
    path = tmp_path / "000000.log"
    path.write_bytes(path.read_bytes()[:-1])
    log = RecordLog(tmp_path, ".log")
    assert contents(log) == [b"first", b"second"]
    log.append([b"fourth"])
    assert contents(log) == [b"first", b"second", b"fourth"]
    assert path.stat().st_size == 3 * HEAD_BYTES + len(b"firstsecondfourth")
    log.close()


def test_a_record_read_where_none_is_is_corrupt(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, ".log")
    ((number, offset, length),) = log.append([b"record"])
    for wrong in ((number, offset + 1, length), (number, offset, length - 1), (7, 0, 1)):
        with pytest.raises(StoreCorrupted):
            log.read(wrong)
    log.close()


def test_a_closed_log_writes_nothing_to_whatever_has_its_descriptor_now(tmp_path: Path) -> None:
    log = RecordLog(tmp_path, ".log")
    log.append([b"first"])
    log.close()
    with ExitStack() as stack:
        others = [stack.enter_context((tmp_path / f"other-{at}").open("w+b")) for at in range(10)]
        with suppress(StorageFailed, StoreCorrupted):
            log.append([b"second"])
        assert not any(other.read() for other in others)
