"""Every result code is given on every ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.market.market import Market
from ufmi.protocol import Code, Line

SUITE = (
    "".join(
        path.read_text()
        for name in (
            "accounts",
            "amendments",
            "assets",
            "batch",
            "broadcasts",
            "deposits",
            "governance",
            "keys",
            "orders",
            "questions",
            "removed_addresses",
            "settlement",
            "standing",
            "updates",
            "withdrawals",
        )
        for path in [Path(__file__).parents[1] / "market" / f"test_{name}.py"]
    )
    + Path(__file__).read_text().partition("# -- codes")[2]
)


@pytest.mark.parametrize("code", sorted(Code))
def test_a_test_of_the_suite_expects_the_code(code: Code) -> None:
    """The tests of the market run on every ledger here (`test_market_…`)."""
    assert f"Code.{code.name}" in SUITE or f'"{code}"' in SUITE


# -- codes that no other test of the suite gives --------------------------------------------------


def test_a_text_that_is_too_long(market: Market) -> None:
    market.model = None  # which reads messages only
    (result,) = market.execute([Line("P1(" + "x" * 16_384 + ")", "00")])
    assert result.code == Code.TOO_LONG
