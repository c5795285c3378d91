"""`ufmi backup`, `restore`, `notifications`, `statement`, `receipt verify`."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ufmi.node import Node

from .command import good, ufmi, wrong
from .test_ledger import admission

ROOT = Path(__file__).parent.parent.parent
BANK, BROKER, REGISTRY = "NHARBOCNBXXX", "NLOTUSCNBXXX", "NNORTHCNBXXX"


@pytest.fixture(scope="module")
def market(played: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demonstration's folder that this module's queries may index."""
    return Path(shutil.copytree(played, tmp_path_factory.mktemp("market") / "data"))


@pytest.fixture(scope="module")
def run(played: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((played / "demo.json").read_text())
    return found


# -- backup and restore ------------------------------------------------------------------------


def test_a_backup_comes_back_and_goes_on(played: Path, tmp_path: Path) -> None:
    file, again = tmp_path / "b.tar", tmp_path / "again"
    made = good("backup", "--out", file, "--keys", "--json", data=played).json
    assert made["keys_left_out"] == []
    put = good("restore", file, "--json", data=again).json
    assert (put["channels"], put["files"]) == (made["channels"], made["files"])
    good("ledger", "verify", data=again)
    report = good("reconcile", "--json", data=again).json
    assert report["ok"]
    before = good("show", "network", "--json", data=played).json
    assert good("show", "network", "--json", data=again).json["blocks"] == before["blocks"]


def test_a_ledger_in_use_is_backed_up(played: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(played, tmp_path / "data")
    with Node.open(folder) as node:
        height = node.channel.height()
        made = good("backup", "--out", tmp_path / "b.tar", "--json", data=folder).json
    assert made["channels"]["udl"]["blocks"] == height


def test_without_keys_it_is_said_which_are_missing(played: Path, tmp_path: Path) -> None:
    said = good("backup", "--out", tmp_path / "b.tar", data=played).out
    assert "not included" in said
    assert "keys/frontend.pem" in said
    said = good("restore", tmp_path / "b.tar", data=tmp_path / "again").out
    assert "keys/frontend.pem" in said
    wrong(1, "reconcile", data=tmp_path / "again")
    for name in ("keys", "ledger/organisations"):
        shutil.copytree(played / name, tmp_path / "again" / name, dirs_exist_ok=True)
    good("reconcile", data=tmp_path / "again")


def test_wrong_use_and_damage_have_their_status(played: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.tar"
    wrong(2, "backup", "--out", file, data=tmp_path / "none")
    wrong(2, "backup", "--out", tmp_path / "none/b.tar", data=played)
    wrong(2, "backup", data=played)
    good("backup", "--out", file, "--keys", data=played)
    assert "exists" in wrong(2, "backup", "--out", file, data=played)
    assert "not an empty folder" in wrong(2, "restore", file, data=played)
    wrong(2, "restore", tmp_path / "none", data=tmp_path / "again")
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    (tmp_path / "bad.tar").write_bytes(bytes(raw))
    assert "UFMI-4007" in wrong(1, "restore", tmp_path / "bad.tar", data=tmp_path / "again")
    assert not (tmp_path / "again").exists()


# -- receipts ----------------------------------------------------------------------------------


def frontend_key(data: Path) -> str:
    key = good("receipt", "key", data=data).out.strip()
    services = good("show", "network", "--json", data=data).json["services"]
    assert [one["role"] for one in services.values() if one["key"]["key"] == key] == ["FRONTEND"]
    return key


def test_receipts_are_kept_and_verified_without_a_ledger(data: Path, tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text(admission(data) + "\n" + admission(data, 2))
    folder = tmp_path / "receipts"
    good("submit", lines, "--receipts", folder, data=data)
    assert sorted(path.name for path in folder.iterdir()) == [
        "1.line.json",
        "1.receipt.json",
        "2.line.json",
        "2.receipt.json",
    ]
    key = frontend_key(data)
    shutil.rmtree(data)

    def check(receipt: int, line: int, key: str = key) -> list[str | Path]:
        return [
            *("receipt", "verify", folder / f"{receipt}.receipt.json"),
            *("--line", folder / f"{line}.line.json", "--key", key),
        ]

    assert "arrival 1" in good(*check(1, 1)).out
    shown = good(*check(2, 2), "--json").json
    assert (shown["ok"], shown["number"], shown["problem"]) == (True, 2, "")
    answer = ufmi(*check(1, 2))
    assert (answer.status, "another text" in answer.out) == (1, True)
    answer = ufmi(*check(1, 2), "--json")
    assert (answer.status, answer.json["ok"]) == (1, False)
    receipt = json.loads((folder / "1.receipt.json").read_text())
    receipt["time"] += 1
    (folder / "1.receipt.json").write_text(json.dumps(receipt))
    assert ufmi(*check(1, 1)).status == 1
    other = "04" + key[2:][::-1]
    assert ufmi(*check(2, 2, other)).status == 2
    assert ufmi(*check(2, 2, "xx")).status == 2


def test_another_key_does_not_verify(data: Path, tmp_path: Path) -> None:
    lines = tmp_path / "lines"
    lines.write_text(admission(data))
    good("submit", lines, "--receipts", tmp_path / "r", data=data)
    key = good("keys", "show", "operator-1", "--json", data=data).json["public_key"]
    answer = ufmi(
        *("receipt", "verify", tmp_path / "r/1.receipt.json"),
        *("--line", tmp_path / "r/1.line.json", "--key", key),
    )
    assert (answer.status, "front-end" in answer.out) == (1, True)


@pytest.mark.parametrize(
    ("receipt", "line"),
    [
        (b"{}", b""),
        (b"nonsense", b"{}"),
        (b"\xff", b"\xff"),
        (b"[]", b'{"text":"x","signature":"00"}'),
        (b"x" * 2_000_000, b""),
        (None, b""),
    ],
)
def test_what_is_no_receipt_or_line_is_wrong_use(
    founded: Path, tmp_path: Path, receipt: bytes | None, line: bytes
) -> None:
    if receipt is not None:
        (tmp_path / "receipt").write_bytes(receipt)
    (tmp_path / "line").write_bytes(line)
    key = frontend_key(Path(shutil.copytree(founded, tmp_path / "data")))
    arguments = ("receipt", "verify", tmp_path / "receipt", "--line", tmp_path / "line")
    wrong(2, *arguments, "--key", key)


# -- notifications -----------------------------------------------------------------------------


def test_notifications_are_those_that_the_run_sent(market: Path, run: dict[str, Any]) -> None:
    sent = [one["text"] for one in run["sent"] if one["to"] == BANK]
    found = good("notifications", BANK, "--json", data=market).json
    deliveries = [one for each in found for one in each["bundle"]["deliveries"]]
    assert [one["number"] for one in deliveries] == list(range(1, len(sent) + 1))
    assert sorted(one["text"] for one in deliveries) == sorted(sent)
    shown = good("notifications", BANK, "--from", "3", "--limit", "1", data=market).out
    (line,) = [one for one in shown.splitlines() if one.split()[0] == "3"]
    assert deliveries[2]["text"] in line
    assert good("notifications", BANK, "--from", "9999", data=market).out == ""
    for options in (("--from", "0"), ("--limit", "0"), ("--limit", "100000")):
        wrong(2, "notifications", BANK, *options, data=market)


def test_notifications_are_verified_without_a_ledger(market: Path, tmp_path: Path) -> None:
    file, key = tmp_path / "sent.json", frontend_key(market)
    file.write_text(good("notifications", BANK, "--json", data=market).out)
    found = json.loads(file.read_text())
    last = found[-1]["bundle"]["deliveries"][-1]["number"]
    shown = good("receipt", "notifications", file, "--key", key, "--json").json
    assert shown == {"ok": True, "last": {BANK: last}, "problem": ""}
    assert f"up to number {last}" in good("receipt", "notifications", file, "--key", key).out
    file.write_text(json.dumps(found[:1] + found[2:]))
    answer = ufmi("receipt", "notifications", file, "--key", key)
    assert (answer.status, "lacks numbers" in answer.out) == (1, True)
    found[0]["bundle"]["deliveries"][0]["text"] = "X1()"
    file.write_text(json.dumps(found))
    answer = ufmi("receipt", "notifications", file, "--key", key, "--json")
    assert (answer.status, answer.json["ok"]) == (1, False)
    file.write_text("{}")
    wrong(2, "receipt", "notifications", file, "--key", key)


# -- statements --------------------------------------------------------------------------------


def test_statements_close_with_the_balances_of_the_run(market: Path, run: dict[str, Any]) -> None:
    for name in ("li", "wang", "chen"):
        after = run["balances"][name]["after"]
        found = good("statement", after["address"], "--json", data=market).json
        free = {one["item"]: one["free"] for one in found["closing"] if one["free"]}
        assert free == {
            item: amount
            for item, amount in (after["ledger_cash"] | after["ledger_holdings"]).items()
            if amount
        }


def test_statements_are_for_people_and_for_tables(market: Path, tmp_path: Path) -> None:
    text = good("statement", "L000000001", data=market).out
    assert "Opening" in text
    assert "settlement" in text
    assert "+5,120.00" in text
    raw = good("statement", "L000000001", "--format", "csv", data=market).out
    rows = list(csv.DictReader(io.StringIO(raw)))
    assert {row["row"] for row in rows} == {"movement", "closing"}
    assert any(row["free"] == "5120.00" for row in rows)
    out = tmp_path / "s.csv"
    good("statement", "L000000001", "--format", "csv", "--out", out, data=market)
    assert out.read_text() == raw
    for institution in (BANK, BROKER, REGISTRY):
        assert "Closing" in good("statement", institution, data=market).out


def test_a_period_is_given_as_dates_or_milliseconds(market: Path) -> None:
    before = good("statement", BANK, "--to", "2026-03-02", "--json", data=market).json
    assert (before["movements"], before["closing"]) == ([], [])
    after = good("statement", BANK, "--from", "2026-03-03T00:00:00+08:00", "--json", data=market)
    assert after.json["movements"] == []
    assert after.json["opening"] == after.json["closing"] != []
    same = good("statement", BANK, "--from", "1772467200000", "--json", data=market).json
    assert same["start"] == 1772467200000
    assert same["closing"] == after.json["closing"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("nobody",),
        ("L999999999",),
        ("",),
        (BANK, "--from", "yesterday"),
        (BANK, "--from", "2026-03-03", "--to", "2026-03-02"),
        (BANK, "--format", "pdf"),
        (BANK, "--out", "/nonexistent/x"),
        ("NMATCHCNBXXX",),
    ],
)
def test_what_cannot_be_stated_is_wrong_use(market: Path, arguments: tuple[str, ...]) -> None:
    wrong(2, "statement", *arguments, data=market)


# -- the page ----------------------------------------------------------------------------------


def test_the_commands_of_the_page_run(tmp_path: Path) -> None:
    """docs/operations.md, in its order, in one folder."""
    page = (ROOT / "docs/operations.md").read_text()
    blocks = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    assert len(blocks) >= 5
    (tmp_path / "scripts").mkdir()
    shim = tmp_path / "scripts/ufmi"
    code = "from ufmi.cli.main import main; main()"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} -c "{code}" "$@"\n')
    shim.chmod(0o755)
    shutil.copytree(ROOT / "ufmi/scenario", tmp_path / "ufmi/scenario")
    for block in blocks:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
