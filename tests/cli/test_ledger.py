"""`ufmi show`, `submit`, `reconcile`, `ledger` on the folder that the demonstration left."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lmdb
import pytest

from ufmi.ledger.blocks import data_hash
from ufmi.ledger.protos import common
from ufmi.node import Node

from .command import good, ufmi, wrong


@pytest.fixture(scope="session")
def run(played: Path) -> dict[str, Any]:
    """What the demonstration printed."""
    found: dict[str, Any] = json.loads((played / "demo.json").read_text())
    return found


@pytest.fixture
def copy(played: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(played, tmp_path / "data"))


def texts(run: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [one for one in run["instructions"] if one["text"].startswith(name + "(")]


# -- show -------------------------------------------------------------------------------------


def shows(run: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    li = run["balances"]["li"]["after"]
    order = texts(run, "S1")[0]["text"].split(",")
    asset = next(iter(li["ledger_holdings"]))
    executed = texts(run, "T1")[0]
    yield ("network",)
    yield ("party", "NHARBOCNBXXX")
    yield ("account", "L000000001")
    yield ("account", li["address"])
    yield ("asset", asset)
    yield ("balance", li["address"])
    yield ("order", li["address"], order[1])
    yield ("result", executed["id"])
    yield ("pending",)
    yield ("block", "0")
    yield ("block", str(executed["block"]))
    yield ("txn", executed["transaction"])


def test_everything_can_be_shown(played: Path, run: dict[str, Any]) -> None:
    for what in shows(run):
        assert good("show", *what, "--json", data=played).json is not None


def test_everything_is_shown_to_people_too(played: Path, run: dict[str, Any]) -> None:
    for what in list(shows(run))[3::4]:
        good("show", *what, data=played)


def test_balances_are_those_of_the_run(played: Path, run: dict[str, Any]) -> None:
    for name in ("li", "wang", "chen"):
        after = run["balances"][name]["after"]
        shown = good("show", "balance", after["address"], "--json", data=played).json
        assert shown["cash"] == after["ledger_cash"]
        assert shown["holdings"] == after["ledger_holdings"]


def test_a_block_shows_its_messages(played: Path, run: dict[str, Any]) -> None:
    executed = texts(run, "T1")[0]
    shown = good("show", "block", str(executed["block"]), "--json", data=played).json
    assert executed["text"] in [one["text"] for one in shown["messages"]]
    assert executed["transaction"] in [one["id"] for one in shown["transactions"]]


@pytest.mark.parametrize(
    "what",
    [
        ("party", "NNOBOCNBXXXX"),
        ("account", "L999999999"),
        ("account", "unknown"),
        ("asset", "A"),
        ("balance", "x"),
        ("order", "x", "y"),
        ("result", "x"),
        ("block", "9999"),
        ("txn", "00"),
        ("txn", ""),
        ("party",),
        ("nothing",),
        ("block", "x"),
    ],
)
def test_what_is_not_there_is_wrong_use(played: Path, what: tuple[str, ...]) -> None:
    wrong(2, "show", *what, data=played)


@pytest.mark.parametrize(
    "what",
    [
        ("block", "--", "-1"),
        ("block", "99999999999999999999999"),
        ("account", ""),
        ("balance", "u" * 2_000),
        ("party", "\udcff"),
    ],
)
def test_impossible_names_are_refused_in_words(played: Path, what: tuple[str, ...]) -> None:
    assert ufmi("show", *what, data=played).status in (1, 2)


# -- submit -----------------------------------------------------------------------------------


def admission(data: Path, operator: int = 1) -> str:
    """A signed first approval of a party, as a line."""
    network = good("show", "network", "--json", data=data).json["network"]
    made = good("keys", "show", f"operator-{operator}", "--json", data=data).json
    key = made["public_key"]
    text = f"ADMIT(t{operator},NTESTCNBJXXX,BROKER,,Test,{key},{network},{made['address']},"
    return good("keys", "sign", f"operator-{operator}", text + "9999999999999)", data=data).out


def test_good_lines_are_executed(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_text(admission(data) + "\n" + admission(data, 2))
    answers = good("submit", file, "--json", data=data).json
    assert [answer["code"] for answer in answers] == ["PENDING", "PENDING"]
    assert answers[0]["receipt"]["number"] == 1
    assert answers[0]["block"] == 2
    again = good("submit", "-", "--json", data=data, given=file.read_bytes()).json
    assert [answer["code"] for answer in again] == ["PENDING", "PENDING"]
    assert "PENDING" in good("submit", file, data=data).out


def test_a_refused_line_ends_with_1_and_the_others_are_executed(data: Path, tmp_path: Path) -> None:
    one, other = admission(data), admission(data, 2)
    bad = one.replace("Test", "Tost")
    file = tmp_path / "lines"
    file.write_text(bad + other)
    answer = ufmi("submit", file, "--json", data=data)
    assert answer.status == 1
    assert [one["code"] for one in answer.json] == ["SIGNATURE_INVALID", "PENDING"]


@pytest.mark.parametrize(
    "given",
    [b"nonsense", b"{}", b'{"text":"x"}', b'{"text":1,"signature":""}', b"[1]", b"\xff\xfe", b"\0"],
)
def test_what_is_no_line_is_wrong_use(data: Path, tmp_path: Path, given: bytes) -> None:
    file = tmp_path / "lines"
    file.write_bytes(given)
    assert ufmi("submit", file, data=data).status == 2
    for encoding in ("utf-8", "ascii"):
        answer = ufmi("submit", "-", data=data, given=given, PYTHONIOENCODING=encoding)
        assert answer.status in (1, 2)


def test_a_file_that_is_not_there_is_wrong_use(data: Path, tmp_path: Path) -> None:
    assert "cannot be read" in wrong(2, "submit", tmp_path / "none", data=data)
    wrong(2, "submit", tmp_path, data=data)


@pytest.mark.parametrize("command", [("reconcile",), ("ledger", "verify"), ("show", "network")])
def test_a_folder_without_ledger_is_wrong_use(tmp_path: Path, command: tuple[str, ...]) -> None:
    assert "no ledger" in wrong(2, *command, data=tmp_path)
    wrong(2, *command, data=tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_data_folder_that_is_a_file_is_said_to_be(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for command in (("reconcile",), ("init",), ("keys", "list"), ("keys", "generate", "x")):
        answer = ufmi(*command, data=file)
        assert command == ("keys", "list") or answer.status in (1, 2)


# -- reconcile and verify ----------------------------------------------------------------------


def test_the_demonstration_reconciles(copy: Path) -> None:
    assert "✓" in good("reconcile", data=copy).out
    report = good("reconcile", "--json", data=copy).json
    assert report["ok"]
    assert report["checks"]


def test_a_book_that_differs_is_found(copy: Path) -> None:
    (book,) = (copy / "books").glob("NHARBO*")
    with sqlite3.connect(book / "book.sqlite") as database:
        database.execute("update lock set amount = amount + 1")
    database.close()
    answer = ufmi("reconcile", "--json", data=copy)
    assert answer.status == 1
    assert not answer.json["ok"]


def block_file(data: Path) -> Path:
    return data / "ledger/channels/udl/blocks/000000.blocks"


def test_a_good_ledger_verifies(copy: Path, run: dict[str, Any]) -> None:
    assert "✓" in good("ledger", "verify", data=copy).out
    report = good("ledger", "verify", "--json", data=copy).json
    assert report["ok"]
    assert report["channels"][0]["blocks"] == run["blocks"][-1]["number"] + 1


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_damaged_ledger_does_not_verify(copy: Path, place: float) -> None:
    raw = bytearray(block_file(copy).read_bytes())
    raw[int(len(raw) * place)] ^= 1
    block_file(copy).write_bytes(bytes(raw))
    assert ufmi("ledger", "verify", data=copy).status == 1
    assert ufmi("ledger", "verify", "--json", data=copy).status == 1
    assert block_file(copy).read_bytes() == raw


def test_a_changed_state_does_not_verify(copy: Path) -> None:
    with (
        lmdb.open(str(copy / "ledger/channels/udl/state")) as store,
        store.begin(write=True) as transaction,
    ):
        cursor = transaction.cursor()
        assert cursor.set_range(b"sudl\0cash/")
        key, value = cursor.item()
        transaction.put(key, value.replace(b"1", b"2"))
    answer = ufmi("ledger", "verify", "--json", data=copy)
    assert answer.status == 1
    assert "is not what the blocks say" in answer.json["channels"][0]["problems"][0]


def test_an_exported_block_is_fabrics(copy: Path, tmp_path: Path, run: dict[str, Any]) -> None:
    for shown in (None, run["blocks"][-1]):
        number = shown["number"] if shown else 0
        good("ledger", "export", "--block", str(number), "--out", tmp_path / "block", data=copy)
        block = common.Block.FromString((tmp_path / "block").read_bytes())
        assert block.header.number == number
        assert block.header.data_hash == data_hash(list(block.data.data))
        if shown:
            assert block.header.previous_hash.hex() == shown["previous_hash"]


@pytest.mark.parametrize(
    "options",
    [
        ("--block", "9999", "--out", "{}/b"),
        ("--block", "-1", "--out", "{}/b"),
        ("--block", "1", "--out", "{}/none/b"),
        ("--block", "1", "--out", "{}"),
        ("--block", "1", "--channel", "other", "--out", "{}/b"),
    ],
)
def test_what_cannot_be_exported_is_said_to_be(
    played: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    filled = [option.format(tmp_path) for option in options]
    answer = ufmi("ledger", "export", *filled, data=played)
    assert answer.status in (1, 2)
    assert answer.err


# -- in use ------------------------------------------------------------------------------------


def test_a_ledger_in_use_is_said_to_be(copy: Path) -> None:
    with Node.open(copy):
        for command in (("reconcile",), ("ledger", "verify"), ("show", "network"), ("demo",)):
            said = wrong(1, *command, "--data", copy)
            assert "in use by process" in said


def test_output_into_a_closed_pipe_is_no_error(copy: Path) -> None:
    script = "from ufmi.cli.main import main; main()"
    command = f"{sys.executable} -c '{script}' show network --json --data {copy} | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, timeout=60, check=False)
    assert b"Traceback" not in done.stderr
    assert b"Exception" not in done.stderr
