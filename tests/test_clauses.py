"""docs/clauses.md answers every demand of the guide, with modules and tests that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "clauses.md"
TO_COME = "to come"
# The demands of chapters 5 to 12, as the page cites them: dashes and points are counted.
_CLAUSES = """
5.1 5.2/1 5.2/2 5.2/3 5.2/4 5.2/5 5.2/6 5.3/1 5.3/2 5.4.1/1 5.4.1/2 5.4.1/3 5.4.1/4 5.4.1/5
5.4.2/1 5.4.2/2 5.4.2/3 5.5/1 5.5/2 5.5/3 5.5/4 5.5/5 5.5/6 5.6/1 5.6/2 5.6/3 5.6/4 5.6/5
5.6/6 5.6/7 5.7
6.1/1 6.1/2 6.1/3 6.1/4 6.1/5 6.1/6 6.1/7 6.2 6.3.1 6.3.2/1 6.3.2/2 6.3.2/3 6.3.2/4 6.3.2/5
6.4/1 6.4/2
7.1/1 7.1/2 7.2 7.3.1/1 7.3.1/2 7.3.1/3 7.3.2/1 7.3.2/2 7.3.3/1 7.3.3/2 7.3.3/3 7.3.4/1
7.3.4/2.1 7.3.4/2.2 7.3.4/2.3 7.3.4/2.4 7.3.4/2.5 7.3.4/2.6 7.4.1.1/1 7.4.1.1/2 7.4.1.2
7.4.2.1 7.4.2.2/1 7.4.2.2/2 7.4.3.1 7.4.3.2 7.5.1.1 7.5.1.2 7.5.1.3 7.5.1.4 7.5.1.5.1/1
7.5.1.5.2/1 7.5.1.5.3/1 7.5.1.5.3/2 7.5.1.5.3/3 7.5.1.5.3/4 7.5.1.5.3/5 7.5.1.5.4 7.5.2.1
7.5.2.2 7.5.2.3 7.5.2.4 7.5.2.5.1 7.5.2.5.2 7.5.2.5.3/a 7.5.2.5.3/b 7.5.2.5.4/a 7.5.2.5.4/b
7.5.2.5.4/c 7.5.2.5.5 7.5.3.1 7.5.3.2 7.5.3.3 7.5.3.4 7.5.3.5
8.1/1 8.1/2 8.2 8.3.1/1 8.3.1/2 8.3.2 8.4.1.1 8.4.1.2/1 8.4.1.2/2 8.4.1.2/3.1 8.4.1.2/3.2
8.4.2.1 8.4.2.2 8.4.3.1 8.4.3.2 8.5.1.1 8.5.1.2 8.5.1.3 8.5.1.4 8.5.1.5.1/a 8.5.1.5.1/b
8.5.1.5.2/a 8.5.1.5.2/b 8.5.1.5.2/c 8.5.1.5.2/d 8.5.1.5.3 8.5.2.1 8.5.2.2 8.5.2.3 8.5.2.4
8.5.2.5.1 8.5.2.5.2/a 8.5.2.5.2/b 8.5.2.5.3/a 8.5.2.5.3/b 8.5.2.5.4 8.5.3.1 8.5.3.2 8.5.3.3
8.5.3.4 8.5.3.5 8.5.3.6
9.1/1 9.1/2 9.2 9.3.1.1 9.3.1.2/1 9.3.1.2/2 9.3.1.2/3 9.3.2.1 9.3.2.2/1 9.3.2.2/2 9.3.2.2/3
9.3.2.2/4 9.4.1.1/a 9.4.1.1/b 9.4.1.2 9.4.1.3 9.4.1.4 9.4.1.5 9.4.1.6.1/a 9.4.1.6.1/b
9.4.1.6.1/c 9.4.1.6.1/d 9.4.1.6.2/a 9.4.1.6.2/b 9.4.1.6.2/c 9.4.1.6.3 9.4.2.1/a 9.4.2.1/b
9.4.2.2 9.4.2.3 9.4.2.4 9.4.2.5 9.4.2.6.1/a 9.4.2.6.1/b 9.4.2.6.1/c 9.4.2.6.1/d 9.4.2.6.2/a
9.4.2.6.2/b 9.4.2.6.2/c 9.4.2.6.2/d 9.4.2.6.3/a 9.4.2.6.3/b 9.4.2.6.3/c 9.4.2.6.3/d
9.4.2.6.4/a 9.4.2.6.4/b 9.4.2.6.5
10.1 10.2 10.3.1 10.3.2.1 10.3.2.2/1 10.3.2.2/2 10.3.2.2/3 10.3.3.1 10.3.3.2/1 10.3.3.2/2
10.3.4.1 10.3.4.2/1 10.3.4.2/2 10.4.1.1 10.4.1.2 10.4.1.3 10.4.1.4 10.4.1.5.1/a 10.4.1.5.1/b
10.4.1.5.1/c 10.4.1.5.1/d 10.4.1.5.2/a 10.4.1.5.2/b 10.4.1.5.2/c 10.4.1.5.3 10.4.2.1
10.4.2.2 10.4.2.3 10.4.2.4 10.4.2.5 10.4.3.1 10.4.3.2 10.4.3.3 10.4.3.4 10.4.3.5
11.1/1 11.1/2 11.2 11.3/1 11.3/2.1 11.3/2.2 11.3/2.3 11.3/2.4 11.4.1.1 11.4.1.2/1 11.4.1.2/2
11.4.1.2/3 11.4.1.2/4 11.4.1.2/5 11.4.1.2/6 11.4.2.1 11.4.2.2/1 11.4.2.2/2 11.4.2.2/3
11.4.2.2/4 11.4.3.1 11.4.3.2/1 11.4.3.2/2 11.4.4.1 11.4.3.2*/1 11.4.3.2*/2 11.5.1.1 11.5.1.2
11.5.1.3 11.5.1.4 11.5.1.5.1/1 11.5.1.5.1/2 11.5.1.5.1/3 11.5.1.5.1/4.1 11.5.1.5.1/4.2
11.5.1.5.1/4.3 11.5.1.5.2 11.5.2.1 11.5.2.2 11.5.2.3 11.5.2.4 11.5.2.5.1/1 11.5.2.5.1/2
11.5.2.5.1/3 11.5.2.5.2/1 11.5.2.5.2/2 11.5.2.5.2/3 11.5.2.5.3 11.5.3.1 11.5.3.2 11.5.3.3
11.5.3.4 11.5.3.5 11.5.4.1 11.5.4.2 11.5.4.3 11.5.4.4 11.5.4.5/1.1 11.5.4.5/1.2
12.1/1 12.1/2 12.2 12.3/1 12.3/2.1 12.3/2.2 12.3/2.3 12.3/2.4 12.4.1 12.4.2 12.4.3 12.4.4
12.4.5/1 12.4.5/2 12.4.5/3 12.4.6/1.1 12.4.6/1.2 12.4.6/1.3 12.4.6/1.4
"""
CLAUSES = frozenset(_CLAUSES.split())


class Row(NamedTuple):
    """One demand: where it is met, and what shows it."""

    clause: str
    asks: str
    modules: str
    tests: str
    note: str


def rows() -> Iterator[Row]:
    for line in PAGE.read_text().splitlines():
        if line.startswith("| ") and not line.startswith("| clause "):
            cells = [cell.strip() for cell in line.removeprefix("|").removesuffix("|").split("|")]
            assert len(cells) == len(Row._fields), line
            yield Row(*cells)


ROWS = list(rows())


@cache
def functions(path: Path) -> frozenset[str]:
    """The functions of a module, read without importing it."""
    tree = ast.parse(path.read_text())
    return frozenset([node.name for node in tree.body if isinstance(node, ast.FunctionDef)])


def quoted(cell: str) -> list[str]:
    """The names in backticks of a cell that holds nothing else but commas."""
    names = re.findall(r"`([^`]+)`", cell)
    assert cell == ", ".join([f"`{name}`" for name in names]), cell
    return names


def test_every_clause_has_its_row_and_every_row_its_clause() -> None:
    found = [row.clause for row in ROWS]
    assert sorted(found) == sorted(set(found)), "a clause is cited twice"
    assert not CLAUSES - set(found), "clauses without a row"
    assert not set(found) - CLAUSES, "rows without a clause"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.clause)
def test_a_clause_is_met_and_shown_or_said_to_be_to_come(row: Row) -> None:
    assert row.asks
    if row.modules == TO_COME:
        assert (row.tests, bool(row.note)) == (TO_COME, True), "say what it waits for"
        return
    modules, tests = quoted(row.modules), quoted(row.tests)
    assert modules and tests
    for module in modules:
        assert (ROOT / module).is_file(), f"there is no {module}"
    for test in tests:
        path, _, function = test.partition("::")
        assert function.startswith("test_")
        assert (ROOT / path).is_file(), f"there is no {path}"
        assert function in functions(ROOT / path), f"there is no {test}"
