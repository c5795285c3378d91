"""`ufmi show`: what is on the ledger."""

from __future__ import annotations

from typing import Any

import msgspec
import typer
from rich.markup import escape

from ufmi.amounts import format_amount
from ufmi.cli.common import DATA_DEFAULT, AsJson, Data, guarded, open_node
from ufmi.cli.output import moment, out, print_json, show_code
from ufmi.errors import NotFound
from ufmi.frontend import executed_lines, lines_of
from ufmi.ledger import Block
from ufmi.node import Node
from ufmi.protocol.codes import CURRENCIES, mark_currency
from ufmi.protocol.records import (
    Amendment,
    Deposit,
    Listing,
    Onchain,
    Record,
    Update,
    Withdrawal,
)

app = typer.Typer(help="Show what is on the ledger.", no_args_is_help=True)


def _print_record(record: Record | None, what: str, as_json: bool) -> None:
    if record is None:
        raise NotFound(f"there is no {what} on the ledger")
    data = msgspec.to_builtins(record)
    if as_json:
        print_json(data)
        return
    for name, value in data.items():
        out.print(f"{name:<16} {escape(str(value))}")


@app.command()
@guarded
def network(data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """The network: its digest, operators, and how far the ledger is."""
    with open_node(data) as node:
        record = node.frontend.view.network
        shown = {
            "network": node.network,
            "blocks": node.channel.height(),
            "time": node.clock.now_ms(),
            "services": record.services if record else {},
        }
    if as_json:
        print_json(shown)
        return
    for name, value in msgspec.to_builtins(shown).items():
        out.print(f"{name:<16} {escape(str(value))}")


@app.command()
@guarded
def party(id: str, data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """A market (M…) or institution (N…)."""
    with open_node(data) as node:
        _print_record(node.party(id), f"party {id}", as_json)


@app.command()
@guarded
def account(user: str, data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """A user's unified account (L…), or the account behind an address (u…)."""
    with open_node(data) as node:
        found = node.address(user) if user.startswith("u") else None
        _print_record(node.user(found.user if found else user), f"account {user}", as_json)


@app.command()
@guarded
def asset(code: str, data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """An asset by its unified code (A…)."""
    with open_node(data) as node:
        _print_record(node.asset(code), f"asset {code}", as_json)


@app.command()
@guarded
def balance(address: str, data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """What is free on an address: money by bank, assets by code."""
    with open_node(data) as node:
        if node.address(address) is None:
            raise NotFound(f"there is no address {address} on the ledger")
        cash, holdings = node.cash(address), node.holdings(address)
        decimals = {code: _decimals(node, code) for code in holdings}
    if as_json:
        print_json({"address": address, "cash": cash, "holdings": holdings})
        return
    for mark, amount in cash.items():
        currency = mark_currency(mark)
        out.print(f"{mark}  {format_amount(amount, CURRENCIES[currency])} {currency}")
    for code, quantity in holdings.items():
        out.print(f"{code}  {format_amount(quantity, decimals[code])}")


def _decimals(node: Node, code: str) -> int:
    record = node.asset(code)
    return record.decimals if record else 0


@app.command()
@guarded
def order(address: str, number: str, data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """An order by its owner's address and its number."""
    with open_node(data) as node:
        _print_record(node.order(address, number), f"order {address}/{number}", as_json)


@app.command()
@guarded
def withdrawal(address: str, tx: str, data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """A withdrawal by its address and number: what of each mark became."""
    with open_node(data) as node:
        _print_record(node.withdrawal(address, tx), f"withdrawal {address}/{tx}", as_json)


@app.command()
@guarded
def result(identity: str, data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """The recorded result of a message by its identity, NAME/SENDER/ID."""
    with open_node(data) as node:
        _print_record(node.result(identity), f"result {identity}", as_json)


@app.command()
@guarded
def pending(data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """Instructions that wait for an answer of a bank, a registry or a broker."""
    kinds: list[tuple[str, type[Any]]] = [
        ("deposit/", Deposit),
        ("withdrawal/", Withdrawal),
        ("onchain/", Onchain),
        ("listing/", Listing),
        ("update/", Update),
        ("amendment/", Amendment),
    ]
    with open_node(data) as node:
        found = [
            (key, record)
            for prefix, kind in kinds
            for key, record in node.records(prefix, kind)
            if record.open
        ]
    if as_json:
        print_json(dict(found))
        return
    for key, record in found:
        states = " ".join(f"{one.mark} {one.status}" for one in getattr(record, "parts", ()))
        out.print(f"{key}  until {moment(record.valid_until)}  {states}".rstrip())


@app.command("set-aside")
@guarded
def set_aside(data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """Messages that the front-end took out because executing them failed as a whole."""
    with open_node(data) as node:
        found = node.frontend.set_aside()
    if as_json:
        print_json(found)
        return
    for entry in found:
        out.print(f"{entry['number']}  {escape(str(entry['reason']))}")


def _block_data(block: Block) -> dict[str, Any]:
    return {
        "number": block.number,
        "hash": block.hash.hex(),
        "previous_hash": block.message.header.previous_hash.hex(),
        "data_hash": block.message.header.data_hash.hex(),
        "transactions": [{"id": one.tx_id, "status": one.status} for one in block.transactions()],
    }


@app.command()
@guarded
def block(number: int, data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """A block and the messages in it."""
    with open_node(data) as node:
        found = node.channel.block(number)
    lines = list(executed_lines(found))
    shown = _block_data(found)
    if as_json:
        shown["messages"] = [
            {"number": one.entry.number, "text": one.line.text, "code": one.result.code}
            for one in lines
        ]
        print_json(shown)
        return
    for name in ("number", "hash", "previous_hash", "data_hash"):
        out.print(f"{name:<14} {shown[name]}")
    for one in shown["transactions"]:
        out.print(f"{'transaction':<14} {one['id']} {one['status']}")
    for line in lines:
        out.print(
            f"  {line.entry.number} {moment(line.entry.time)} {show_code(str(line.result.code))}"
            f" {escape(line.line.text)}"
        )


@app.command()
@guarded
def txn(id: str, data: Data = DATA_DEFAULT, as_json: AsJson = False) -> None:
    """A ledger transaction by its id: its block, its status and its messages."""
    with open_node(data) as node:
        one = node.channel.transaction(id)
    lines = list(lines_of(one))
    shown = {
        "id": id,
        "block": one.block,
        "status": one.status,
        "time": one.endorsed.time_ms if one.endorsed else None,
        "messages": [
            {"number": line.entry.number, "text": line.line.text, "code": line.result.code}
            for line in lines
        ],
    }
    if as_json:
        print_json(shown)
        return
    for name in ("id", "block", "status"):
        out.print(f"{name:<10} {shown[name]}")
    for line in lines:
        out.print(f"  {show_code(str(line.result.code))} {escape(line.line.text)}")
