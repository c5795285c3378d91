"""The contract's state beside the model's, and the invariants of the state by itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ufmi.crypto import sm3_hex
from ufmi.protocol.codes import mark_bank, mark_currency

from .model import Model

State = dict[str, bytes]
_STATES = {"": "open", "OK": "done", "EXPIRED": "expired"}
# What stands in the model's set of flags, and the field of the record.
_FLAGS = {
    "SUSPENDED": "active", "FROZEN": "frozen", "REMOVED": "removed", "HALTED": "halted"
}  # fmt: skip
# What records of an older form do not have, and what that means.
_ADDED: dict[str, dict[str, Any]] = {
    "party": {"removed": False, "halted": False, "receiving": ""},
    "address": {"removed": False},
    "asset": {"tracked": False},
}
_DOCUMENTS = ("document", "bank_document", "registry_document")
_ANSWERS = {
    "update": ("applied", "bank_confirmed", "registry_confirmed", *_DOCUMENTS[1:]),
    "amendment": ("confirmed", "name", "document"),
}


def records(state: State, prefix: str) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """The rest of the key in parts, and the record, of all keys with a prefix."""
    for key, raw in state.items():
        head, _, rest = key.partition("/")
        if head == prefix:
            yield rest.split("/"), _ADDED.get(head, {}) | json.loads(raw)


def contract_view(state: State) -> dict[str, Any]:
    """What the contract keeps, in the shape of `model_view`."""
    return _contract_standing(state) | _contract_business(state)


def _contract_standing(state: State) -> dict[str, Any]:
    """Who and what there is."""
    network = json.loads(state["network"])
    parameters = network["parameters"]
    return {
        "network": (network["digest"], network["halted"], network.get("rules", 1)),
        "front-end": parameters["frontend_certificate"],
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
                {name for name, flag in _FLAGS.items() if record[flag] != (flag == "active")},
                record["receiving"],
            )
            for [id], record in records(state, "party")
        },
        "people": {person: record["user"] for [person], record in records(state, "person")},
        "users": {id: _contract_user(record) for [id], record in records(state, "user")},
        "addresses": {
            id: (
                record["user"],
                record["key"]["key"],
                record["key"]["until"] != 0,
                record["frozen"],
                record["removed"],
            )
            for [id], record in records(state, "address")
        },
        "known_as": {
            (broker, name): record["user"] for [broker, name], record in records(state, "account")
        },
        "assets": {
            code: tuple(
                record[name]
                for name in (
                    "registry",
                    "registry_asset",
                    "name",
                    "asset_class",
                    "decimals",
                    "currency",
                    "document",
                    "tracked",
                )
            )  # fmt: skip
            + ({name for name in ("FROZEN", "HALTED") if record[name.lower()]},)
            for [code], record in records(state, "asset")
        },
        "marks": {(one["bank"], one["currency"]) for _, one in records(state, "mark")},
    }


def _contract_business(state: State) -> dict[str, Any]:
    """What is under way and who owns what."""
    return {
        "pending": {
            (kind, owner, tx): _STATES.get(record["outcome"], "refused")
            for kind in ("listing", "deposit", "onchain", "update", "amendment")
            for [owner, tx], record in records(state, kind)
        },
        "answers": {
            (kind, owner, tx): [record[name] for name in names if name in record]
            for kind, names in _ANSWERS.items()
            for [owner, tx], record in records(state, kind)
        },
        "withdrawals": {
            (address, tx): _contract_withdrawal(record)
            for [address, tx], record in records(state, "withdrawal")
        },
        "follows": _contract_follows(state),
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


def _contract_withdrawal(record: dict[str, Any]) -> Any:
    names = ("answered", "ag", "bank", "currency", "amount", "payee", "outcome", "open")
    parts = {
        one["bank"]: (one["amount"], one["status"], one["receiving"]) for one in record["parts"]
    }
    return ([record[name] for name in names], record["valid_until"], parts)


def _contract_follows(state: State) -> Any:
    raw = state.get("subscriptions")
    followed = json.loads(raw)["matchers"] if raw else {}
    return {
        matcher: {(one["asset_class"], one["asset"], one["side"]) for one in filters}
        for matcher, filters in followed.items()
        if filters
    }


def _contract_user(record: dict[str, Any]) -> Any:
    accounts = {}
    for one in record["accounts"]:
        says = (one["bank_confirmed"], one["registry_confirmed"])
        ids = (one["broker_user"], one["bank"], one["bank_user"], one["registry_user"])
        documents = [one[name] for name in _DOCUMENTS]
        accounts[one["broker"]] = (one["tx"], list(one["addresses"]), says, ids, documents)
    return (record["person"], accounts)


def _contract_order(record: dict[str, Any]) -> Any:
    names = ("side", "asset", "price", "quantity", "rest", "currency", "publisher", "held", "text")
    held = {mark_bank(mark): amount for mark, amount in record["held_cash"].items()}
    adopters = sorted(record["adopters"])
    more = (record["valid_until"], held, adopters, record["broadcast"])
    return (record["status"], [record[name] for name in names], *more)


def model_view(model: Model) -> dict[str, Any]:
    return {
        "network": (model.network, model.halted, model.rules),
        "services": {
            id: (one["role"], one["key"], one["revoked"]) for id, one in model.services.items()
        },
        "parties": {
            id: (
                one["role"],
                one["market"],
                one["name"],
                list(one["keys"]),
                one["flags"],
                one["receiving"],
            )  # fmt: skip
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
            id: (one["user"], one["key"], one["revoked"], one["frozen"], one["removed"])
            for id, one in model.addresses.items()
        },
        "known_as": {
            (broker, sm3_hex(name.encode())[:32]): user
            for (broker, name), user in model.known_as.items()
        },
        "assets": {
            code: tuple(one[name] for name in one if name != "flags") + (one["flags"],)
            for code, one in model.assets.items()
        },
        "marks": model.marks,
        "pending": {key: one["state"] for key, one in model.pending.items()},
        "answers": {
            key: _model_answers(key[0], one)
            for key, one in model.pending.items()
            if key[0] in _ANSWERS
        },
        "withdrawals": {
            key: _model_withdrawal(model.end_of(one), one) for key, one in model.withdrawals.items()
        },
        "follows": model.follows,
        "cash": {key: amount for key, amount in model.cash.items() if amount},
        "holding": {key: amount for key, amount in model.holding.items() if amount},
        "orders": {key: _model_order(one) for key, one in model.orders.items()},
        "proposals": {key: (one["by"], one["done"]) for key, one in model.proposals.items()},
        "results": model.results,
    }


def _model_account(one: dict[str, Any]) -> Any:
    ids = (one["broker_user"], one["bank"], one["bank_user"], one["registry_user"])
    documents = [one[name] for name in _DOCUMENTS]
    return (one["tx"], one["addresses"], (one["bank_says"], one["registry_says"]), ids, documents)


def _model_answers(kind: str, one: dict[str, Any]) -> Any:
    if kind == "amendment":
        return [one["says"], one["name"], one["document"]]
    return [one[name] for name in ("applied", "bank_says", "registry_says", *_DOCUMENTS[1:])]


def _model_withdrawal(end: str, one: dict[str, Any]) -> Any:
    names = ("answered", "ag", "bank", "currency", "amount", "payee")
    parts = {
        bank: (part["amount"], part["status"], part["receiving"])
        for bank, part in one["parts"].items()
    }
    return ([*[one[name] for name in names], end, not end], one["until"], parts)


def _model_order(one: dict[str, Any]) -> Any:
    names = ("side", "asset", "price", "quantity", "rest", "currency", "publisher", "held", "text")
    more = (one["until"], one["cash"], sorted(one["adopters"]), one["broadcast"])
    return (one["state"], [one[name] for name in names], *more)


def assert_same(state: State, model: Model) -> None:
    """The contract's whole state is the model's."""
    ours, theirs = contract_view(state), model_view(model)
    for name, expected in theirs.items():
        assert ours[name] == expected, name
    if model.certificate:
        assert ours["front-end"] == model.certificate
