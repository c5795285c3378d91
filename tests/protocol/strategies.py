"""What every form may hold, for hypothesis, stated by the names of fields.

Nothing here uses the kinds of the source: the two must agree, and the tests show it.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ufmi.protocol import AMOUNT_MAX, FORMS, Form, Message, Side
from ufmi.protocol.codes import asset_code, mark_code
from ufmi.protocol.governance import Possession
from ufmi.protocol.orders import OrderReference
from ufmi.protocol.settlement import Leg
from ufmi.protocol.users import Consented, Proof

from . import builders

CURRENCIES = st.sampled_from(["CNY", "EUR", "HKD", "JPY", "MOP", "USD"])
_CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DIGITS = "0123456789"
_HOSTILE = ",()%;:/\n\r\t\x00\x1f\x7f\x80\x85\x9f\u2028\u2029\ufeff\u202e\U0001f600é甲Y1%2C%25%E2"


def _word(letters: str, least: int, most: int) -> st.SearchStrategy[str]:
    return st.text(letters, min_size=least, max_size=most)


def texts(least: int = 1, most: int = 64) -> st.SearchStrategy[str]:
    """Any text without lone surrogates, often with what could end a field or a line."""
    anything = st.characters(exclude_categories=["Cs"])
    return st.text(st.sampled_from(_HOSTILE) | anything, min_size=least, max_size=most)


def digests() -> st.SearchStrategy[str]:
    return st.binary(min_size=32, max_size=32).map(bytes.hex)


def ids() -> st.SearchStrategy[str]:
    alphabet = _CAPITALS + _CAPITALS.lower() + _DIGITS
    rest = _word(alphabet + "._-", 0, 31)
    return st.builds(str.__add__, st.sampled_from(alphabet), rest)


def institutions() -> st.SearchStrategy[str]:
    return st.builds("N{}{}".format, _word(_CAPITALS, 8, 8), _word(_CAPITALS + _DIGITS, 3, 3))


def markets() -> st.SearchStrategy[str]:
    return _word(_CAPITALS, 3, 3).map("MX{}".format)


def addresses() -> st.SearchStrategy[str]:
    return st.integers(0, 3).map(builders.address)


def users() -> st.SearchStrategy[str]:
    return st.integers(0, 999_999_999).map("L{:09d}".format)


def amounts(least: int = 1) -> st.SearchStrategy[int]:
    return st.sampled_from([least, AMOUNT_MAX]) | st.integers(least, AMOUNT_MAX)


def asset_codes() -> st.SearchStrategy[str]:
    return st.builds(asset_code, institutions(), texts())


def marks() -> st.SearchStrategy[str]:
    return st.builds(mark_code, institutions(), CURRENCIES)


def signatures() -> st.SearchStrategy[str]:
    return st.binary(min_size=8, max_size=72).map(bytes.hex)


def keys() -> st.SearchStrategy[str]:
    return st.integers(0, 3).map(builders.public)


def _or_none(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.just("") | values


def _lists(items: st.SearchStrategy[Any], least: int, most: int) -> st.SearchStrategy[Any]:
    return st.lists(items, min_size=least, max_size=most).map(tuple)


_SENDERS = institutions() | markets() | addresses()
_CLASSES = st.from_regex(r"[A-Z][A-Z0-9_]{0,15}", fullmatch=True)
_SIDES = st.sampled_from(Side)
_REFERENCES = st.builds(OrderReference, ids(), _CLASSES, asset_codes(), _SIDES, addresses())
_INDEX = st.integers(0, 11)
_LEGS = st.builds(Leg, _INDEX, _INDEX, amounts(), amounts())
_ROLES = st.sampled_from(
    ["MARKET", "BROKER", "BANK", "REGISTRY", "MATCHER", "REPORTER", "REGULATOR"]
)
_EXPIRING = st.sampled_from(
    ["ORDER", "DEPOSIT", "ONCHAIN", "LISTING", "UPDATE", "AMENDMENT", "WITHDRAWAL"]
)

_BY_FIELD: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(["tx", "number"], ids()),
    **dict.fromkeys(
        ["ag", "bank", "registry", "manager", "paying", "publisher", "matcher"], institutions()
    ),
    **dict.fromkeys(["broker_user", "bank_user", "registry_user", "user"], texts()),
    **dict.fromkeys(["registry_asset", "name", "code", "message"], texts()),
    **dict.fromkeys(["network", "person", "answered", "payee"], digests()),
    **dict.fromkeys(["valid_until", "trade_time"], amounts(0)),
    **dict.fromkeys(["accepted", "locked", "broadcast", "legal"], st.booleans()),
    **dict.fromkeys(["passed", "burn", "moved", "received", "adopted"], st.booleans()),
    **dict.fromkeys(["allowed", "subscribe"], st.booleans()),
    **dict.fromkeys(["unit", "decimals"], st.integers(0, 12)),
    **dict.fromkeys(["rules", "attempt", "leg"], st.integers(0, 9_999)),
    "sender": institutions(),
    "unified": users(),
    **dict.fromkeys(["address", "source", "target"], addresses()),
    "currency": CURRENCIES,
    "amount": amounts(),
    "quantity": amounts(),
    "price": amounts(),
    **dict.fromkeys(["cash", "paid", "returned"], amounts(0)),
    "asset": asset_codes(),
    "mark": marks(),
    "asset_class": _CLASSES,
    "side": _SIDES,
    "market": markets(),
    "key": keys(),
    "signature": signatures(),
    **dict.fromkeys(["document", "bank_document", "registry_document"], _or_none(digests())),
    "certificate": _or_none(digests()),
    "matchers": _lists(institutions(), 0, 8),
    "adopters": _lists(institutions(), 0, 8),
    "orders": _lists(_REFERENCES, 2, 12),
    "legs": _lists(_LEGS, 1, 12),
    "detail": texts(0),
    "party": institutions() | markets(),
    "role": _ROLES,
    "subject": _SENDERS,
    "owner": _SENDERS,
    "by": _SENDERS,
    "status": texts(),
    "remove": _lists(addresses(), 0, 8),
    "addresses": _lists(addresses(), 0, 16),
    "marks": _lists(marks(), 1, 8),
    # Whatever fits into a text: of this, one character can take nine bytes there.
    **dict.fromkeys(["account", "information"], texts(0, 500)),
}
_EXCEPTIONS: dict[tuple[str, str], st.SearchStrategy[Any]] = {
    ("X1", "document"): digests(),
    ("X1", "unified"): _or_none(users()),
    ("X1.result", "unified"): _or_none(users()),
    **dict.fromkeys([("X3", "unified"), ("X3.result", "unified")], _or_none(users())),
    ("X3", "broker_user"): texts(0),
    ("P1.result", "mark"): _or_none(marks()),
    ("P2.result", "name"): texts(0),
    ("Y1.result", "quantity"): amounts(0),
    ("Y2.received", "cash"): amounts(),
    ("Y2.status", "status"): texts(0),
    ("Y2.status", "bank"): texts(0),
    ("Z1", "sender"): addresses(),
    ("Z1.result", "quantity"): amounts(0),
    ("CANCEL", "sender"): addresses(),
    ("S3", "asset_class"): _or_none(_CLASSES),
    ("S3", "asset"): _or_none(asset_codes()),
    ("S3", "side"): st.sampled_from(["", "BUY", "SELL"]),
    **dict.fromkeys([("T1", "price"), ("T1.settled", "price")], amounts(0)),
    ("T1.result", "quantity"): amounts(0),
    ("ADMIT", "market"): _or_none(markets()),
    **{
        (name, "sender"): _SENDERS
        for name in ("ADMIT", "REVOKE", "EXPIRE", "ROTATE", "STATUS", "ACTIVATE")
    },
    ("STATUS", "kind"): st.sampled_from(["PARTY", "ADDRESS", "ASSET", "NETWORK"]),
    ("STATUS", "subject"): _SENDERS | asset_codes() | digests(),
    ("STATUS", "status"): st.sampled_from(["ACTIVE", "SUSPENDED", "REMOVED", "FROZEN", "HALTED"]),
    **{("CHANGED", field): texts() for field in ("kind", "subject", "status")},
    ("EXPIRE", "kind"): _EXPIRING,
    ("EXPIRE", "side"): st.sampled_from(["", "BUY", "SELL"]),
    ("EXPIRE", "asset"): _or_none(asset_codes()),
    ("ENDED", "kind"): texts(),
    ("CONSENT", "add"): _lists(keys(), 0, 8),
}


def form(name: str) -> st.SearchStrategy[Form]:
    """Valid forms of this name."""
    cls = FORMS[name]
    fields = {field: _field(name, field) for field in cls.__struct_fields__}
    return st.builds(cls, **fields)


def _signed(name: str, item: type[Any], least: int, most: int) -> st.SearchStrategy[Any]:
    """Items that carry a form and its signature."""
    return _lists(st.builds(item, form(name), signatures()), least, most)


def _field(name: str, field: str) -> st.SearchStrategy[Any]:
    carried = {
        ("S1", "order"): lambda: form("ORDER"),
        ("Y2", "order"): lambda: form("WITHDRAW"),
        # Three of the longest still fit into a text.
        ("X1", "proofs"): lambda: _signed("BIND", Proof, 0, 3),
        ("X2", "add"): lambda: _signed("BIND", Proof, 0, 2),
        ("X2", "consent"): lambda: _signed("CONSENT", Consented, 0, 1),
        ("RECEIVE", "proof"): lambda: _signed("BIND", Proof, 1, 1),
        ("ROTATE", "proof"): lambda: _signed("POSSESS", Possession, 1, 1),
    }.get((name, field))
    if carried is not None:
        return carried()
    exception = _EXCEPTIONS.get((name, field))
    return _BY_FIELD[field] if exception is None else exception


def any_form() -> st.SearchStrategy[Form]:
    return st.sampled_from(sorted(own_forms())).flatmap(form)


def any_message() -> st.SearchStrategy[Message]:
    """Messages, those that only ask included."""
    found = [name for name, cls in own_forms().items() if issubclass(cls, Message)]
    return st.sampled_from(sorted(found)).flatmap(form)


def any_submitted() -> st.SearchStrategy[Message]:
    """Messages that are submitted."""
    return any_message().filter(lambda made: not made.QUERY)


def own_forms() -> dict[str, type[Form]]:
    """The forms of the protocol package; other packages register some of their own."""
    return {name: cls for name, cls in FORMS.items() if cls.__module__.startswith("ufmi.protocol.")}
