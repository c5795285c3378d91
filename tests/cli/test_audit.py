"""`ufmi audit`, and the reports that the demonstration shows."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from .command import good, ufmi, wrong


@pytest.fixture
def data(played: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(played, tmp_path / "data"))


def document(data: Path, *arguments: str) -> Any:
    return json.loads(good("audit", *arguments, "--json", data=data).out)


def test_the_demonstration_reports_and_audits(played: Path) -> None:
    reports = json.loads((played / "demo.json").read_text())["reports"]
    assert reports["ok"] and reports["faults"] == []
    assert reports["verified"] == reports["recomputed"] == reports["snapshots"] > 50
    assert set(reports["types"]) == {
        "subject", "account", "product", "transactionreport", "registration", "settlement",
        "infodisclosure",
    }  # fmt: skip
    assert reports["tampered_copy_found_out"]


@pytest.mark.parametrize("command", ["verify", "recompute"])
def test_what_was_reported_is_verified_and_recomputed(data: Path, command: str) -> None:
    assert document(data, command)["ok"]
    assert "recomputed" in good("audit", command, data=data).out


def test_a_changed_body_makes_the_exit_status_one(data: Path) -> None:
    one = data / "snapshots" / document(data, "find")[0]["location"]
    one.write_bytes(one.read_bytes() + b" ")
    answer = ufmi("audit", "verify", "--data", str(data))
    assert answer.status == 1 and "another hash" in answer.out


def test_objects_are_found_and_shown_whole(data: Path) -> None:
    found = document(data, "find", "--type", "registration")
    assert len(found) > 5 and {one["type"] for one in found} == {"registration"}
    one = found[0]["id"]
    assert one in good("audit", "find", "--id", one, data=data).out
    (whole,) = document(data, "history", one)
    assert whole["header"]["content"]["object_id"] == one and "registration_information" in str(
        whole["body"]
    )
    assert "no object nothing" in wrong(2, "audit", "history", "nothing", data=data)


def test_exports_hold_every_snapshot(data: Path, tmp_path: Path) -> None:
    total = document(data, "verify")["snapshots"]
    good("audit", "export", "--format", "jsonl", "--out", str(tmp_path / "x"), data=data)
    objects = [json.loads(line) for line in (tmp_path / "x").read_text().splitlines()]
    assert len(objects) == total and all({"header"} <= one.keys() for one in objects)
    good("audit", "export", "--format", "csv", "--out", str(tmp_path / "y"), data=data)
    with (tmp_path / "y").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == total
    wrong(2, "audit", "export", "--format", "xml", "--out", str(tmp_path / "z"), data=data)
    wrong(2, "audit", "export", "--format", "csv", "--out", str(tmp_path / "no/z"), data=data)
