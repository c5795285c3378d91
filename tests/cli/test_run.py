"""`ufmi demo` and `ufmi run`."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ufmi.crypto import Sm2PublicKey
from ufmi.protocol import read_line
from ufmi.scenario import model

from .command import good, ufmi, wrong

DEMO = Path(model.__file__).with_name("demo.toml").read_text()
CAST = DEMO[: DEMO.index("[[steps]]")]
DEPOSIT = """
[[steps]]
do = "deposit"
user = "wang"
amount = "10.00"
"""


@pytest.fixture(scope="session")
def document(played: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((played / "demo.json").read_text())
    return found


def scenario(folder: Path, text: str) -> Path:
    path = folder / "scenario.toml"
    path.write_text(text)
    return path


def test_the_demo_shows_that_all_is_as_it_should_be() -> None:
    answer = good("demo")
    assert "everything is as it should be" in answer.out
    assert "✗" not in answer.out


def test_the_demo_prints_one_document(document: dict[str, Any]) -> None:
    assert document.keys() >= {
        "ledger",
        "instructions",
        "sent",
        "balances",
        "reconciliation",
        "blocks",
    }
    assert document["ledger"] == "embedded"
    assert document["reconciliation"]["ok"]
    assert document["reconciliation"]["checks"]
    assert all(one["to"] and one["text"] for one in document["sent"])
    numbers = [block["number"] for block in document["blocks"]]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def test_every_instruction_is_whole(document: dict[str, Any]) -> None:
    keys = {"id", "text", "signer", "public_key", "signature", "line", "code", "block"}
    transactions = {
        one["id"]: block["number"] for block in document["blocks"] for one in block["transactions"]
    }
    for one in document["instructions"]:
        assert one.keys() >= keys | {"transaction"}
        line = read_line(one["line"])
        assert (line.text, line.signature) == (one["text"], one["signature"])
        if one["block"] is not None:
            assert transactions[one["transaction"]] == one["block"]
    ids = [one["id"] for one in document["instructions"]]
    assert len(set(ids)) == len(ids)


def test_every_recorded_signature_verifies(document: dict[str, Any]) -> None:
    recorded = [one for one in document["instructions"] if one["block"] is not None]
    assert len(recorded) > 20
    for one in recorded:
        key = Sm2PublicKey.from_hex(one["public_key"])
        key.verify(bytes.fromhex(one["signature"]), one["text"].encode())


def test_a_forged_signature_does_not_verify(document: dict[str, Any]) -> None:
    codes = {one["code"] for one in document["instructions"]}
    assert codes >= {"OK", "PENDING", "SIGNATURE_INVALID", "INSUFFICIENT", "ID_REUSED"}


def test_lines_of_the_demo_can_be_submitted_again(played: Path, tmp_path: Path) -> None:
    data = Path(shutil.copytree(played, tmp_path / "data"))
    document = json.loads((played / "demo.json").read_text())
    first = next(one for one in document["instructions"] if one["text"].startswith("Y1("))
    answer = good("submit", "-", "--json", data=data, given=first["line"].encode())
    assert answer.json[0]["code"] == first["code"]


def test_a_wrong_expectation_ends_with_1(tmp_path: Path) -> None:
    path = scenario(tmp_path, CAST + DEPOSIT + 'expect = "INSUFFICIENT"\n')
    answer = ufmi("run", path)
    assert answer.status == 1
    assert "expected INSUFFICIENT, got PENDING" in answer.out
    shown = ufmi("run", path, "--json")
    assert shown.status == 1
    assert not shown.json["ok"]
    assert shown.json["faults"]


def test_a_wrong_final_balance_ends_with_1(tmp_path: Path) -> None:
    path = scenario(tmp_path, CAST + DEPOSIT + '[final.wang]\nCNY = "11.00"\n')
    answer = ufmi("run", path)
    assert answer.status == 1
    assert "wang ends with 10.00 CNY, expected 11.00" in answer.out


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "title"),
        ("title = ", "scenario.toml"),
        ('title = "x"\nparties = 1', "parties"),
        (CAST + '[[steps]]\ndo = "fly"', "fly"),
        (CAST + '[[steps]]\nwho = "x"', "who"),
        (CAST + '[[steps]]\ndo = "deposit"\nuser = "nobody"\namount = "1.00"', "nobody"),
        (CAST + '[[steps]]\ndo = "deposit"\nuser = "wang"\namount = "1.001"', "deposit"),
        (CAST + '[[steps]]\ndo = "deposit"\nuser = "wang"\namount = "many"', "deposit"),
        (CAST + '[[steps]]\ndo = "deposit"\nuser = "wang"\namount = "1"\ncurrency = "XXX"', "XXX"),
        (CAST + '[[steps]]\ndo = "wait"\ntime = "soon"', "soon"),
        (CAST + '[[steps]]\ndo = "again"\nstep = "x"', "'x'"),
        (CAST + '[[steps]]\ndo = "send"\nparty = "lotus"\nsigned_by = "nobody"', "nobody"),
        (CAST + '[[steps]]\ndo = "trade"\nbuy = "x"\nsell = "y"', "'x'"),
        (CAST.replace('broker = "lotus"', 'broker = "nobody"'), "nobody"),
        (CAST.replace('role = "BANK"', 'role = "KING"'), "KING"),
        (CAST.replace("NHARBOCNBXXX", "harbour bank"), "harbour bank"),
        (CAST.replace('start = "2026', 'start = "soon 2026'), "soon"),
        (CAST.replace('"500.00"', '"-500.00"'), "-500.00"),
    ],
)
def test_a_malformed_scenario_is_wrong_use_and_says_why(
    tmp_path: Path, text: str, reason: str
) -> None:
    assert reason in wrong(2, "run", scenario(tmp_path, text)).replace("\n", "")


def test_a_scenario_that_is_not_there_is_wrong_use(tmp_path: Path) -> None:
    assert "none.toml" in wrong(2, "run", tmp_path / "none.toml").replace("\n", "")
    wrong(2, "run", tmp_path)
    (tmp_path / "bytes.toml").write_bytes(b"\xff")
    wrong(2, "run", tmp_path / "bytes.toml")
    wrong(2, "run")
    wrong(2, "demo", "--ledger", "paper")


def test_a_ledger_goes_on_over_several_runs(tmp_path: Path) -> None:
    path, data = scenario(tmp_path, CAST + DEPOSIT), tmp_path / "data"
    heights = []
    for count in range(1, 4):
        shown = good("run", path, "--data", data, "--json").json
        (amount,) = shown["balances"]["wang"]["after"]["ledger_cash"].values()
        assert amount == 1_000 * count
        heights.append(shown["blocks"][-1]["number"])
    assert heights == sorted(set(heights))
    good("reconcile", data=data)
    good("ledger", "verify", data=data)


def test_a_passing_folder_is_thrown_away(tmp_path: Path) -> None:
    good("run", scenario(tmp_path, CAST), TMPDIR=str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["scenario.toml"]
