"""The contract's state beside the model's, and the invariants of the state by itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from ufmi.protocol.codes import mark_bank, mark_currency

from .model import Model

State = dict[str, bytes]
_STATES = {"": "open", "OK": "done", "EXPIRED": "expired"}


def records(state: State, prefix: str) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """The rest of the key in parts, and the record, of all keys with a prefix."""
    for key, raw in state.items():
        head, _, rest = key.partition("/")
        if head == prefix:
            yield rest.split("/"), json.loads(raw)


def contract_view(state: State) -> dict[str, Any]:
    """What the contract keeps, in the shape of `model_view`."""
    network = json.loads(state["network"])
    return {
        "services": {
            one: (service["role"], service["key"]["key"], service["key"]["until"] != 0)
            for one, service in network["services"].items()
        },
        "parties": {
            id: (
                record["role"],
                record["market"],
                record["name"],
                [(key["key"], key["until"] != 0) for key in record["keys"]],
            )
            for [id], record in records(state, "party")
        },
        "people": {person: record["user"] for [person], record in records(state, "person")},
        "users": {id: _contract_user(record) for [id], record in records(state, "user")},
        "addresses": {
            id: (record["user"], record["key"]["key"], record["key"]["until"] != 0)
            for [id], record in records(state, "address")
        },
        "assets": {
            code: tuple(
                record[name]
                for name in ("registry", "registry_asset", "name", "asset_class", "decimals")
            )
            + (record["currency"],)
            for [code], record in records(state, "asset")
        },
        "marks": {(one["bank"], one["currency"]) for _, one in records(state, "mark")},
        "pending": {
            (kind, owner, tx): _STATES.get(record["outcome"], "refused")
            for kind in ("listing", "deposit", "onchain")
            for [owner, tx], record in records(state, kind)
        },
        "cash": {
            (address, mark_bank(mark), mark_currency(mark)): amount
            for [address], record in records(state, "cash")
            for mark, amount in record["marks"].items()
        },
        "holding": {
            (address, asset): record["quantity"]
            for [address, asset], record in records(state, "holding")
            if record["quantity"]
        },
        "orders": {
            (address, number): _contract_order(record)
            for [address, number], record in records(state, "order")
        },
        "proposals": {
            (name, tx): (record["approvals"], record["done"])
            for [name, tx], record in records(state, "proposal")
        },
        "results": {
            tuple(parts): (record["text"], record["code"])
            for parts, record in records(state, "result")
        },
    }


def _contract_user(record: dict[str, Any]) -> Any:
    accounts = {}
    for one in record["accounts"]:
        says = (one["bank_confirmed"], one["registry_confirmed"])
        ids = (one["broker_user"], one["bank"], one["bank_user"], one["registry_user"])
        accounts[one["broker"]] = (one["tx"], list(one["addresses"]), says, ids)
    return (record["person"], accounts)


def _contract_order(record: dict[str, Any]) -> Any:
    names = ("side", "asset", "price", "quantity", "rest", "currency", "publisher", "held", "text")
    held = {mark_bank(mark): amount for mark, amount in record["held_cash"].items()}
    return (record["status"], [record[name] for name in names], record["valid_until"], held)


def model_view(model: Model) -> dict[str, Any]:
    return {
        "services": {
            id: (one["role"], one["key"], one["revoked"]) for id, one in model.services.items()
        },
        "parties": {
            id: (one["role"], one["market"], one["name"], list(one["keys"]))
            for id, one in model.parties.items()
        },
        "people": model.people,
        "users": {
            id: (
                user["person"],
                {broker: _model_account(one) for broker, one in user["accounts"].items()},
            )
            for id, user in model.users.items()
        },
        "addresses": {
            id: (one["user"], one["key"], one["revoked"]) for id, one in model.addresses.items()
        },
        "assets": {code: tuple(one.values()) for code, one in model.assets.items()},
        "marks": model.marks,
        "pending": {key: one["state"] for key, one in model.pending.items()},
        "cash": {key: amount for key, amount in model.cash.items() if amount},
        "holding": {key: amount for key, amount in model.holding.items() if amount},
        "orders": {key: _model_order(one) for key, one in model.orders.items()},
        "proposals": {key: (one["by"], one["done"]) for key, one in model.proposals.items()},
        "results": model.results,
    }


def _model_account(one: dict[str, Any]) -> Any:
    ids = (one["broker_user"], one["bank"], one["bank_user"], one["registry_user"])
    return (one["tx"], one["addresses"], (one["bank_says"], one["registry_says"]), ids)


def _model_order(one: dict[str, Any]) -> Any:
    names = ("side", "asset", "price", "quantity", "rest", "currency", "publisher", "held", "text")
    return (one["state"], [one[name] for name in names], one["until"], one["cash"])


def assert_same(state: State, model: Model) -> None:
    """The contract's whole state is the model's."""
    ours, theirs = contract_view(state), model_view(model)
    for name, expected in theirs.items():
        assert ours[name] == expected, name


def assert_invariants(state: State) -> None:
    """Supply is what was confirmed; nothing is negative; orders hold what their rest needs."""
    supply: Counter[str] = Counter()
    decimals = {code: record["decimals"] for [code], record in records(state, "asset")}
    for _, record in records(state, "cash"):
        supply.update(record["marks"])
        assert all(amount > 0 for amount in record["marks"].values())
    for [_, asset], record in records(state, "holding"):
        supply[asset] += record["quantity"]
        assert record["quantity"] >= 0
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
    confirmed: Counter[str] = Counter()
    for _, deposit in records(state, "deposit"):
        confirmed[deposit["mark"]] += deposit["amount"] if deposit["outcome"] == "OK" else 0
    for _, onchain in records(state, "onchain"):
        confirmed[onchain["asset"]] += onchain["quantity"] if onchain["outcome"] == "OK" else 0
    assert +supply == +confirmed
