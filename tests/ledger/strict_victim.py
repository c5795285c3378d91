"""The process that `test_strict` kills while its second process computes without end."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.ledger.chancy import found_strict
from tests.ledger.kv import network


def main() -> None:
    """Says the second process's id, then waits for it."""
    with found_strict(Path(sys.argv[1])) as ledger:
        assert ledger.second is not None
        print(ledger.second.pid, flush=True)
        network(ledger).contract("chancy").submit("hang", str(os.getpid()).encode())


if __name__ == "__main__":
    main()
