"""The document on objects names every code, rule and limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from ufmi.regulatory import TYPES, Code, Rule, object_type

TEXT = (Path(__file__).parents[2] / "docs" / "objects.md").read_text()


@pytest.mark.parametrize("code", [*Code, *Rule], ids=str)
def test_every_code_is_documented(code: str) -> None:
    assert f"| `{code}` |" in TEXT


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_is_documented(kind: str) -> None:
    assert f"| `{kind}` | `{object_type(kind).body}` |" in TEXT
