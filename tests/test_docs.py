"""The documents are true: field lists, codes, errors, and every example in Python runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import ufmi.frontend.receipts  # noqa: F401  (registers its form)
from ufmi import errors
from ufmi.protocol import FORMS, Code
from ufmi.scenario import runner  # noqa: F401  (registers all steps)
from ufmi.scenario.model import Step
from ufmi.scenario.steps import ACTIONS

ROOT = Path(__file__).parent.parent
DOCS = {
    str(path.relative_to(ROOT / "docs")): path.read_text() for path in (ROOT / "docs").rglob("*.md")
}
DOCS["README.md"] = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("name", sorted(FORMS))
def test_every_form_is_documented_with_its_fields(name: str) -> None:
    fields = ", ".join(FORMS[name].__struct_fields__)
    assert f"{name}({fields})" in DOCS["messages.md"]


@pytest.mark.parametrize("code", sorted(Code))
def test_every_result_code_is_documented(code: Code) -> None:
    assert f"| `{code}` |" in DOCS["codes.md"]


def all_errors(kind: type[errors.UfmiError] = errors.UfmiError) -> list[type[errors.UfmiError]]:
    own = [kind] if kind.__module__.startswith(errors.__name__) else []
    return own + [one for below in kind.__subclasses__() for one in all_errors(below)]


def test_every_error_has_its_own_code_and_is_documented() -> None:
    found = all_errors()
    codes = [kind.code for kind in found]
    assert len(set(codes)) == len(codes)
    for kind in found:
        assert f"| `{kind.code}` | {kind.__name__} |" in DOCS["codes.md"]
        assert kind.__name__ in (errors.__doc__ or "")


def test_every_step_of_a_scenario_is_documented() -> None:
    for name in ACTIONS:
        assert f"| `{name}` |" in DOCS["scenarios.md"]
    for field in Step.__struct_fields__:
        assert re.search(rf"\b{field}\b", DOCS["scenarios.md"]), field


def python_examples() -> list[tuple[str, str]]:
    return [
        (name, code)
        for name, text in sorted(DOCS.items())
        for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    ]


@pytest.mark.parametrize(("name", "code"), python_examples(), ids=lambda value: value[:20])
def test_every_python_example_runs(name: str, code: str, tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(code)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("name", sorted(DOCS))
def test_links_between_documents_lead_somewhere(name: str) -> None:
    folder = ROOT if name == "README.md" else (ROOT / "docs" / name).parent
    for target in re.findall(r"\]\(([^)#]+)\)", DOCS[name]):
        assert (folder / target).exists(), f"{name} links to {target}"
