"""What holds for the state by itself, whatever messages came."""

from __future__ import annotations

from collections import Counter
from typing import Any

from .compare import State, records

# Where a part's tokens still exist: on the bank's receiving address, waiting or agreed to burn.
ON_THE_WAY = {"SENT", "BURNING"}
PAID_OUT = {"MOVED", "DESTROYED"}
ENDS = {
    frozenset({"DESTROYED"}): "OK",
    frozenset({"RETURNED"}): "RETURNED",
    frozenset({"DESTROYED", "RETURNED"}): "PARTLY",
}


def assert_invariants(state: State) -> None:
    """Supply is what was confirmed less what was paid out; nothing is negative."""
    supply: Counter[str] = Counter()
    for _, record in records(state, "cash"):
        supply.update(record["marks"])
        assert all(amount > 0 for amount in record["marks"].values())
    for [_, asset], record in records(state, "holding"):
        supply[asset] += record["quantity"]
        assert record["quantity"] >= 0
    _orders(state, supply)
    paid = _withdrawals(state, supply)
    assert +supply == confirmed(state) - paid
    assert all(count >= 0 for count in supply.values())


def confirmed(state: State) -> Counter[str]:
    """What banks and registries have locked: all that ever came into being."""
    found: Counter[str] = Counter()
    for _, deposit in records(state, "deposit"):
        found[deposit["mark"]] += deposit["amount"] if deposit["outcome"] == "OK" else 0
    for _, onchain in records(state, "onchain"):
        found[onchain["asset"]] += onchain["quantity"] if onchain["outcome"] == "OK" else 0
    return +found


def _orders(state: State, supply: Counter[str]) -> None:
    """An order holds exactly what its rest needs."""
    decimals = {code: record["decimals"] for [code], record in records(state, "asset")}
    for _, order in records(state, "order"):
        supply.update(order["held_cash"])
        supply[order["asset"]] += order["held"]
        assert 0 <= order["rest"] <= order["quantity"]
        assert all(amount > 0 for amount in order["held_cash"].values())
        assert (order["status"] == "FILLED") == (order["rest"] == 0)
        cost, part = divmod(order["price"] * order["rest"], 10 ** decimals[order["asset"]])
        assert part == 0
        buying = order["side"] == "BUY"
        needed = (cost, 0) if buying else (0, order["rest"])
        held = (sum(order["held_cash"].values()), order["held"])
        assert held == (needed if order["status"] == "OPEN" else (0, 0))
        assert len(set(order["adopters"])) == len(order["adopters"]) <= 8


def _withdrawals(state: State, supply: Counter[str]) -> Counter[str]:
    """The parts sum to the amount; gives what has left the ledger."""
    paid: Counter[str] = Counter()
    for _, withdrawal in records(state, "withdrawal"):
        parts: list[dict[str, Any]] = withdrawal["parts"]
        assert sum(part["amount"] for part in parts) == withdrawal["amount"]
        assert all(part["amount"] > 0 and part["receiving"] for part in parts)
        assert len({part["mark"] for part in parts}) == len(parts)
        for part in parts:
            supply[part["mark"]] += part["amount"] if part["status"] in ON_THE_WAY else 0
            paid[part["mark"]] += part["amount"] if part["status"] in PAID_OUT else 0
        end = ENDS.get(frozenset(part["status"] for part in parts), "")
        assert (withdrawal["outcome"], withdrawal["open"]) == (end, not end)
    return paid
