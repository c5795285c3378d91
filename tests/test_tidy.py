"""The style of the project, executed: which way imports point, how large things may be."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOPS = ("chaincode", "ufmi", "network", "scripts")
SOURCES = sorted(path for top in TOPS for path in (ROOT / top).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70
LINE_MAX = 100

# Which packages each layer may import. What is not named here stands on top and may import all.
LAYERS = {
    "ufmi.errors": set(),
    "ufmi.system": {"ufmi.errors"},
    "ufmi.recordlog": {"ufmi.errors", "ufmi.system"},
    "ufmi.crypto": {"ufmi.errors"},
    "ufmi.protocol": {"ufmi.errors", "ufmi.crypto"},
    "ufmi.documents": {"ufmi.errors", "ufmi.crypto"},
    "ufmi.regulatory": {"ufmi.errors", "ufmi.crypto", "ufmi.system"},
    "ufmi.regulatory.builders": {
        "ufmi.errors",
        "ufmi.crypto",
        "ufmi.protocol",
        "ufmi.amounts",
        "chaincode",
        "ufmi.ledger",
        "ufmi.frontend",
        "ufmi.regulatory",
    },
    "ufmi.contract": {"ufmi.errors"},
    "ufmi.amounts": {"ufmi.errors", "ufmi.protocol"},
    "chaincode": {"ufmi.errors", "ufmi.crypto", "ufmi.protocol", "ufmi.contract"},
    "ufmi.ledger": {"ufmi.errors", "ufmi.system", "ufmi.recordlog", "ufmi.contract"},
    "network": {"ufmi.errors", "ufmi.system", "ufmi.contract", "ufmi.ledger"},
    "ufmi.frontend": {
        "ufmi.errors",
        "ufmi.system",
        "ufmi.recordlog",
        "ufmi.crypto",
        "ufmi.protocol",
        "ufmi.contract",
        "ufmi.ledger",
    },
}
# What would make a contract depend on where and when it runs.
BARRED_IN_CONTRACTS = {"time", "datetime", "random", "os", "secrets", "uuid", "threading", "socket"}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def layer_of(module: str) -> str | None:
    parts = module.split(".")
    for size in (3, 2, 1):
        if ".".join(parts[:size]) in LAYERS:
            return ".".join(parts[:size])
    return None


def imports_of(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from ufmi import crypto` imports ufmi.crypto.
            own = node.module in ("ufmi", "chaincode")
            found |= {f"{node.module}.{a.name}" for a in node.names} if own else {node.module}
    return found


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_imports_point_one_way(path: Path) -> None:
    module = module_name(path)
    layer = layer_of(module)
    if layer is None:
        return
    for name in imports_of(ast.parse(path.read_text())):
        other = layer_of(name)
        if other is None:
            assert not name.startswith(("ufmi", "chaincode", "network")), f"{module} imports {name}"
        else:
            assert other == layer or other in LAYERS[layer], f"{module} imports {name}"


def test_a_wrong_import_would_be_found() -> None:
    assert layer_of("ufmi.ledger.embedded.peer") == "ufmi.ledger"
    assert "ufmi.frontend" not in LAYERS["ufmi.ledger"]
    assert imports_of(ast.parse("from ufmi import crypto")) == {"ufmi.crypto"}


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=module_name)
def test_modules_functions_and_lines_are_short(path: Path) -> None:
    text = path.read_text()
    lines = text.splitlines()
    assert len(lines) <= MODULE_LINES_MAX, f"{path.name} has {len(lines)} lines"
    for number, line in enumerate(lines, 1):
        assert len(line) <= LINE_MAX, f"{path.name}:{number} has {len(line)} columns"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            size = node.end_lineno - node.lineno + 1
            assert size <= FUNCTION_LINES_MAX, f"{path.name}: {node.name} has {size} lines"


@pytest.mark.parametrize("path", SOURCES, ids=module_name)
def test_modules_and_public_names_say_what_they_are(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), f"{path.name} has no docstring"
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            documented = ast.get_docstring(node) or module_name(path).startswith("ufmi.errors")
            assert documented, f"{path.name}: {node.name} has no docstring"


@pytest.mark.parametrize(
    "path",
    [path for path in SOURCES if module_name(path).startswith(("chaincode", "ufmi.protocol"))],
    ids=module_name,
)
def test_contracts_and_messages_are_deterministic_and_know_no_float(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not imports_of(tree) & BARRED_IN_CONTRACTS
    for node in ast.walk(tree):
        constant = isinstance(node, ast.Constant) and isinstance(node.value, float)
        name = isinstance(node, ast.Name) and node.id == "float"
        division = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        assert not (constant or name or division), f"{path.name}:{getattr(node, 'lineno', 0)}"


def test_nothing_of_a_machine_is_committed() -> None:
    try:
        tracked = subprocess.run(
            ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    for name in tracked:
        assert not name.endswith((".pem", ".so", ".pyc", ".mdb", ".blocks", ".journal")), name
