"""What moves value, as objects: registrations of rights and settlements of money.

Balances are those of the address, with what its orders and withdrawals hold: that is still its
owner's. So one object's balance after is the next one's balance before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ufmi.protocol.codes import mark_bank, mark_currency
from ufmi.regulatory.builders.documents import is_organisation
from ufmi.regulatory.builders.state import add
from ufmi.regulatory.builders.step import Step
from ufmi.regulatory.builders.values import asset_kind, currency_code, money
from ufmi.regulatory.numbers import exact
from ufmi.regulatory.text import Object

RIGHTS = 1
NOT_A_TRADE, TRADE = 1, 2
_UNSET = 0


@dataclass(frozen=True)
class Side:
    """Payer or payee: an address of a user, or money outside the ledger, at a bank."""

    bank: str
    address: str = ""


def balance(step: Step, address: str, currency: str) -> int:
    """All money of a currency on an address, in its smallest unit."""
    marks = step.state.money.get(address, {})
    return sum([amount for mark, amount in marks.items() if mark_currency(mark) == currency])


def register(
    step: Step,
    parts: tuple[str | int, ...],
    address: str,
    code: str,
    change: int,
    *,
    report: str = "",
    description: str = "",
) -> str:
    """Changes what an address has of an asset, and registers the right (权利登记).

    `report` is the reference to the transaction report, where a trade brought it about.
    """
    before = step.state.holdings.get(address, {}).get(code, 0)
    add(step.state.holdings, address, code, change)
    unified, broker, _ = step.state.account(address)
    asset = step.state.assets[code]
    kind = asset_kind(asset.asset_class)
    document = step.state.users[unified].document
    basics: Object = {
        "register_serial_number": f"{_tx(step)}",
        "register_time": step.moment,
        "register_subject_ref": step.subject(unified),
        "register_subject_type": 1 if is_organisation(step.documents, document) else 2,
        "register_subject_account_ref": step.account(unified, broker, "S"),
        "register_asset_type": kind.right,
        "register_asset_unit": kind.unit,
        "register_asset_currency": currency_code(asset.currency),
        "register_product_ref": step.product(code),
        "register_description": description,
        "register_create_time": step.moment,
    }
    if report:
        basics["register_transaction_ref"] = report
    right: Object = {
        "basic_information_description": basics,
        "available_registration": {
            "register_asset_balance_change": exact(change, asset.decimals),
            "register_asset_balance_before": exact(before, asset.decimals),
            "register_asset_balance_after": exact(before + change, asset.decimals),
        },
        "description_status_information": {"register_source_type": _UNSET},
    }
    body: Object = {
        "registration_information": {
            "register_basic_information": {
                "register_object_type": RIGHTS,
                "register_event_type": TRADE if report else NOT_A_TRADE,
            },
            "registration_rights": {"basic_information_rights": right},
        }
    }
    return step.once(parts, body, {"address": address, "asset": code})


def settle(
    step: Step,
    parts: tuple[str | int, ...],
    payer: Side,
    payee: Side,
    mark: str,
    amount: int,
    *,
    institution: str,
    product: str,
    note: str,
    report: str = "",
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Moves money of a mark between addresses or over the ledger's edge, and reports it (资金结算).

    Args:
        institution: who settles it.
        product: the code of the asset paid for, or of the money itself.
        report: the reference to the transaction report, where a trade brought it about.
    """
    currency = mark_currency(mark)
    basics: Object = {
        "settlement_subject_ref": step.subject(institution),
        "settlement_type": _UNSET,
        "settlement_serial_number": f"{_tx(step)}",
        "settlement_time": step.moment,
        "settlement_product_ref": step.product(product),
        "settlement_currency": currency_code(currency),
        "settlement_value": money(amount, currency),
        "settlement_note": note,
        "settlement_information_maintenance_time": step.moment,
    }
    if report:
        basics["settlement_transaction_ref"] = report
    body: Object = {
        "capital_settlement_information": {
            "basic_information_capital_settlement": basics,
            "transferor_information": _side(step, "out", payer, mark, -amount),
            "transferee_information": _side(step, "in", payee, mark, amount),
        }
    }
    addresses = {"payer": payer.address, "payee": payee.address, "mark": mark}
    step.once(parts, body, {**addresses, **(metadata or {})})


def _side(step: Step, name: str, side: Side, mark: str, change: int) -> Object:
    prefix = f"settlement_{name}"
    found: Object = {
        f"{prefix}_bank_code": side.bank,
        f"{prefix}_bank_name": step.party(side.bank).name,
    }
    if side.address:
        currency = mark_currency(mark)
        before = balance(step, side.address, currency)
        add(step.state.money, side.address, mark, change)
        unified, broker, _ = step.state.account(side.address)
        amounts: dict[str, int | Decimal] = {
            f"{prefix}_account_balance_before_transfer": money(before, currency),
            f"{prefix}_account_balance_after_transfer": money(before + change, currency),
        }
        found |= {
            f"{prefix}_account_object_ref": step.account(unified, broker, "C"),
            # His name is in the subject alone, which only the regulator can read.
            f"{prefix}_account_name": unified,
            **amounts,
        }
    return found


def of_mark(mark: str, address: str) -> Side:
    """An address with money of one bank."""
    return Side(mark_bank(mark), address)


def _tx(step: Step) -> str:
    """The serial number of the business: the transaction id of the message."""
    return step.message.tx
