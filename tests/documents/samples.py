"""Documents for the tests."""

from __future__ import annotations

from typing import Any

from ufmi.documents import Document, make

MOMENT = "2026-07-16T09:00:00+08:00"
SALT = bytes(range(16))


def person(name: str = "李明", **more: Any) -> Document:
    """A document about a person."""
    values = {
        "subject_investor_name": name,
        "subject_id_type": 1,
        "subject_id_number": "EXAMPLE-ID-004",
        "subject_main_administrative_region": 1,
        "subject_create_time": MOMENT,
    }
    return make("person", values | more.pop("values", {}), **more)


def account(number: str = "ZQ0001", **more: Any) -> Document:
    """A document about an account."""
    values = {
        "account_subject_ref": "L000000001/0",
        "account_depository_ref": "NHARBOCNBXXX/0",
        "account_number": number,
        "account_type": 2,
        "account_purpose": [1],
        "account_status": 1,
        "account_create_time": MOMENT,
    }
    return make("account", values | more.pop("values", {}), **more)


def product(name: str = "青穗精密仪器股份", **more: Any) -> Document:
    """A document about a product."""
    values = {
        "product_trading_market_category": 1,
        "product_market_subject_ref": "MXBJE/0",
        "product_market_subject_name": "云岫股权交易中心",
        "product_issuer_subject_ref": "EXSUBJ0000000002/0",
        "product_issuer_name": "青穗精密仪器股份有限公司",
        "product_code": "600001",
        "product_name": name,
        "product_type": 2,
        "product_create_time": MOMENT,
    }
    return make("product", values | more.pop("values", {}), **more)
