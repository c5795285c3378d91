"""资产登记: assets and banks' money as products (8.5.1.5.3, 8.5.2.5.4)."""

from __future__ import annotations

from ufmi.protocol import Role
from ufmi.protocol.assets import P1, P1Registry, P2Update
from ufmi.regulatory.builders.documents import compose, content
from ufmi.regulatory.builders.state import Asset, Mark
from ufmi.regulatory.builders.step import Step, builds
from ufmi.regulatory.builders.values import asset_kind, day, optional_currency
from ufmi.regulatory.text import Object

TRADING, HALTED = 1, 2
_UNIT_MONEY, _OTHER = 1, 255


@builds(P1)
def asked(step: Step, p1: P1) -> None:
    """The bank's money gets its code at once, if it has none yet."""
    if p1.mark in step.state.marks:
        return
    step.state.marks[p1.mark] = Mark(p1.bank, p1.currency, p1.ag)
    bank = step.party(p1.bank)
    currency = optional_currency(p1.currency)
    basics: Object = {
        **_venue(step, p1.bank, p1.ag),
        "product_issuer_subject_ref": step.subject(p1.bank),
        "product_issuer_name": bank.name,
        "product_code": p1.mark,
        "product_name": f"{bank.name} {p1.currency}",
        "product_type": _OTHER,
        "product_scale_unit": _UNIT_MONEY,
        "product_create_time": step.moment,
    }
    if currency:
        basics["product_scale_currency"] = currency
    essential = {"basic_product_information": basics}
    body: Object = {"product_information": {"essential_information": essential}}
    metadata = {"bank": p1.bank, "currency": p1.currency}
    step.keep(("PR", p1.mark), {"code": p1.mark}, lambda: body, metadata)


@builds(P1Registry)
def listed(step: Step, answer: P1Registry) -> None:
    """The asset comes into UAR."""
    if not answer.accepted:
        return
    step.state.assets[answer.asset] = Asset(
        registry=answer.sender,
        name=answer.name,
        asset_class=answer.asset_class,
        decimals=answer.decimals,
        currency=answer.currency,
        document=answer.document,
        broker=answer.ag,
        listed=step.time,
    )
    product(step, answer.asset)


@builds(P2Update)
def updated(step: Step, message: P2Update) -> None:
    """UAR has the registry's latest information."""
    asset = step.state.assets[message.asset]
    asset.name, asset.document = message.name, message.document
    product(step, message.asset)


def product(step: Step, code: str) -> None:
    """The product of an asset, if it is new or has changed."""
    asset = step.state.assets[code]
    facts = {
        "name": asset.name,
        "halted": asset.halted,
        "frozen": asset.frozen,
        "standing": asset.standing,
    }
    metadata = {
        "registry": asset.registry,
        "class": asset.asset_class,
        "decimals": asset.decimals,
        "currency": asset.currency,
    }
    step.keep(
        ("PR", code), facts, lambda: _product(step, code), metadata, documents=(asset.document,)
    )


def _product(step: Step, code: str) -> Object:
    asset = step.state.assets[code]
    registry = step.party(asset.registry)
    kind = asset_kind(asset.asset_class)
    said = content(step.documents, asset.document, "product")
    basics: Object = {
        **_venue(step, asset.registry, asset.broker),
        "product_code": code,
        "product_name": asset.name,
        "product_type": kind.product_type,
        "product_create_time": step.moment,
    }
    # A document may say more exactly than the ledger who issued it and how it is counted.
    own: Object = {
        "product_issuer_subject_ref": step.subject(asset.registry),
        "product_issuer_name": registry.name,
        "product_scale_unit": kind.unit,
    }
    currency = optional_currency(asset.currency)
    if currency:
        own["product_scale_currency"] = currency
    provider = {
        "service_provider_type": 1,
        "service_provider_subject_ref": step.subject(asset.registry),
        "service_provider_name": registry.name,
    }
    trading: Object = {
        "transaction_status": {
            "product_transaction_status": HALTED if asset.halted or asset.frozen else TRADING
        },
        "listing_information": {"product_listing_date": day(asset.listed)},
    }
    if asset.standing:
        trading["listing_information"]["product_listing_remarks"] = asset.standing
    facts: Object = {
        "essential_information": {"basic_product_information": basics},
        "transaction_information": trading,
    }
    defaults: Object = {
        "essential_information": {
            "basic_product_information": own,
            "service_provider_information": [provider],
        }
    }
    if asset.document:
        files = [{"product_issue_doc": [said.named(asset.document)]}]
        defaults["essential_information"]["product_file_information"] = files
    return compose("product", said.structure, defaults, facts, step.resolves)


def _venue(step: Step, *parties: str) -> Object:
    market = market_of(step, *parties)
    return {
        "product_trading_market_category": 1,
        "product_market_subject_ref": step.subject(market),
        "product_market_subject_name": step.party(market).name,
    }


def market_of(step: Step, *parties: str) -> str:
    """The market to which the first of some parties belongs.

    Parties that belong to all markets give the first market by its id, and while there is none,
    themselves.
    """
    known = step.state.parties
    for id in parties:
        if known[id].market in known:
            return known[id].market
    markets = [id for id, party in known.items() if party.role == Role.MARKET]
    return min(markets) if markets else parties[0]
