"""What is said at the end of a run."""

from __future__ import annotations

from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """One line where the tests on real Fabric could not run."""
    from tests.networks import NONE_FOUND, VERSIONS

    if not VERSIONS:
        terminalreporter.write_line(f"Tests on real Fabric were skipped: {NONE_FOUND}")
