"""How long the generated tests search."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# More examples, and other ones in every run: UFMI_EXAMPLES=1000.
EXAMPLES = int(os.environ.get("UFMI_EXAMPLES") or 0)


def generated(default: int, steps: int = 50) -> settings:
    """Settings of a generated test: the same examples every time unless more are asked for."""
    return settings(
        max_examples=EXAMPLES or default,
        stateful_step_count=steps,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
