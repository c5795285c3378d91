"""`ufmi search` and `ufmi documents`, and the commands of docs/documents.md."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ufmi import Node

from .command import Answer, good, wrong

DOCS = (Path(__file__).parent.parent.parent / "docs" / "documents.md").read_text()
COMMANDS = re.findall(r"^    scripts/ufmi (.*)$", DOCS, re.MULTILINE)
LI = "L000000001"


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The market of the example in the documentation; do not write to it."""
    folder = tmp_path_factory.mktemp("documents")
    (example,) = re.findall(r"```python\n(.*?)```", DOCS, re.DOTALL)
    (folder / "documents.py").write_text(example)
    command = [sys.executable, folder / "documents.py", folder / "data"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    assert f"李明 [('{LI}', ['李明'])]" in done.stdout.decode()
    assert "茶 [('A" in done.stdout.decode()
    assert f"['{LI}']" in done.stdout.decode()
    return folder / "data"


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """The same, to write to."""
    return Path(shutil.copytree(made, tmp_path / "data"))


def hits(*arguments: str, data: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = good("search", *arguments, "--json", data=data).json["hits"]
    return found


def digest_of(name: str, data: Path) -> str:
    (hit,) = hits("--field", f"name={name}", data=data)
    return next(iter(hit["documents"]))


def test_every_command_of_the_documentation_works(data: Path) -> None:
    digest = digest_of("李明", data)
    answers: dict[str, Answer] = {}
    for line in COMMANDS:
        words = [
            str(data) if word == "data/documents" else word.replace("DIGEST", digest)
            for word in shlex.split(line)
        ]
        answers[line] = good(*words)
        assert answers[line].out.strip(), line
    assert len(answers) >= 10
    assert "ERASED" in good("search", "--field", f"document={digest}", "--json", data=data).out


def test_words_and_fields(data: Path) -> None:
    assert [hit["id"] for hit in hits("李", data=data)] == [LI]
    assert [hit["type"] for hit in hits("--field", "role=BROKER", data=data)] == ["party"]
    assert [hit["names"] for hit in hits("精品", "--kind", "asset", data=data)] == [
        ["Tea House Co.", "青穗茶业股份"]
    ]
    assert hits("精品", "--field", "currency=USD", data=data) == []
    shown = good("search", "李明", data=data).out
    assert LI in shown
    assert "kept" in shown
    assert good("search", "nothing of the kind", data=data).out == ""


def test_more_than_the_limit_is_said(data: Path) -> None:
    answer = good("search", "--kind", "user", "--limit", "1", data=data)
    assert "more than 1" in answer.err
    found = good("search", "--kind", "user", "--limit", "1", "--json", data=data).json
    assert (len(found["hits"]), found["more"]) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "what to look for"),
        (["x", "--kind", "party"], "kind"),
        (["x", "--field", "colour=red"], "colour"),
        (["x", "--field", "red"], "condition"),
        (["x", "--limit", "0"], "limit"),
        (["x" * 1_001], "1000"),
        (["x", "--field", "[red]=x"], "condition"),
    ],
)
def test_wrong_use(made: Path, arguments: list[str], reason: str) -> None:
    assert reason in wrong(2, "search", *arguments, data=made)


def test_hostile_words_are_words(data: Path) -> None:
    for word in ('"', "AND", "' or 1=1 --", "(", "*", "[red]", "李\x01", "NEAR(李 明)"):
        good("search", word, data=data)


def test_the_index_can_be_deleted_or_damaged(data: Path) -> None:
    before = hits("李明", data=data)
    shutil.rmtree(data / "search")
    assert hits("李明", data=data) == before
    (data / "search" / "index.sqlite").write_bytes(b"nonsense" * 1_000)
    assert "--rebuild" in wrong(1, "search", "李明", data=data)
    assert good("search", "--rebuild", "--json", data=data).json["blocks"] > 5
    assert hits("李明", data=data) == before
    assert hits("李明", "--rebuild", data=data) == before


def test_another_process_may_have_the_ledger(data: Path) -> None:
    digest = digest_of("李明", data)
    with Node.open(data):
        answer = good("search", "李明", data=data)
        assert LI in answer.out
        assert "as of block" in answer.err
        wrong(1, "search", "--rebuild", data=data)
        good("documents", "show", digest, data=data)
        good("documents", "erase", digest, data=data)
        assert good("search", "李明", data=data).out == ""


def test_documents_are_listed_shown_and_erased(data: Path) -> None:
    digest = digest_of("李明", data)
    listed = good("documents", "list", "--json", data=data).json
    assert len(listed) == 3
    assert digest in good("documents", "list", data=data).out
    shown = good("documents", "show", digest, data=data).out
    assert re.search(r"subject_investor_name +李明", shown)
    assert "个人姓名：李明" in shown
    raw = good("documents", "show", digest, "--json", data=data)
    assert raw.json["structure"]["subject_information"]
    erased = good("documents", "erase", digest, "--reason", "[a wish]", "--json", data=data).json
    assert (erased["digest"], erased["reason"]) == (digest, "[a wish]")
    assert "[a wish]" in good("documents", "erase", digest, "--reason", "again", data=data).out
    assert "[a wish]" in good("documents", "list", data=data).out
    assert "UFMI-5005" in wrong(1, "documents", "show", digest, data=data)
    assert hits("李明", data=data) == []


def test_documents_that_are_not_there(made: Path, tmp_path: Path) -> None:
    for command in ("show", "erase"):
        assert "UFMI-4004" in wrong(2, "documents", command, "00" * 32, data=made)
        assert "digest" in wrong(2, "documents", command, "../journal", data=made)
    for arguments in (["documents", "list"], ["search", "x"], ["search", "--rebuild"]):
        wrong(2, *arguments, data=tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_a_document_in_a_form_of_its_own_is_shown_as_it_is(data: Path) -> None:
    with Node.open(data) as node:
        digest = node.frontend.documents.keep("关于[red]李明")
    assert good("documents", "show", digest, data=data).out == "关于[red]李明\n"
