"""Figures with baselines and ratios, as a table and as data."""

from __future__ import annotations

import os
import platform
import sys
from typing import Any

from ufmi import crypto

Figures = dict[str, dict[str, Any]]


class Report:
    """What a benchmark measures, and what it says meanwhile."""

    def __init__(self) -> None:
        self.figures: Figures = {}

    def say(self, text: str) -> None:
        """Tells how far it has come."""
        print(text, file=sys.stderr, flush=True)

    def put(
        self, name: str, value: float, unit: str, baseline: str = "", ratio: float | None = None
    ) -> None:
        """Takes a figure in."""
        self.figures[name] = {
            "value": round(value, 2),
            "unit": unit,
            "baseline": baseline,
            "ratio": None if ratio is None else round(ratio, 3),
        }


def machine() -> dict[str, Any]:
    """What the figures are of."""
    return {
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "sm2": [f"{one.name} {one.version}" for one in crypto.found()],
    }


def show(figures: Figures, prefix: str = "") -> None:
    """Prints a table."""
    width = max(map(len, figures), default=0) + len(prefix)
    for name, figure in figures.items():
        ratio = "" if figure["ratio"] is None else f"{figure['ratio']:.2f}"
        print(
            f"{prefix + name:<{width}}  {figure['value']:>12,.2f}  {ratio:>6}  {figure['unit']}"
            + (f"  (÷ {figure['baseline']})" if figure["baseline"] else "")
        )
    latency = figures.get("latency", {})
    if latency:
        print(f"{'':<{width}}  p50 {latency['p50']} ms, p99 {latency['p99']} ms")
