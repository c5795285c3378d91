"""The rule of every kind of field, at its borders, through the texts of messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.errors import InvalidField
from ufmi.protocol import AMOUNT_MAX, FORMS, Form, TooLong, decode
from ufmi.protocol.kinds import LONG_BYTES_MAX
from ufmi.protocol.text import join, split

from . import builders, transfers, updates

ADDRESS, KEY, ASSET, MARK = builders.address(1), builders.public(1), builders.ASSET, builders.MARK
DIGEST = "0123456789abcdef" * 4
WIDE, ARABIC = "\uff11", "\u0661"  # digits for Unicode, not for us

NO_NUMBERS = ["", "-1", "-0", "1.5", "1.0", "01", "00", "+1", " 1", "1 ", "1e3", "1_0", "0x1"]
NO_NUMBERS += [WIDE, ARABIC, "1" * 17, "9" * 500, "NaN", "None", "²", str(AMOUNT_MAX + 1)]
NO_INSTITUTIONS = ["", "N", "BANKSACN001", "nBANKSACN001", "NbANKSACN001", "NBANKSACN00", "MXDEM"]
NO_INSTITUTIONS += ["NBANKSACN0011", "NBANKSAC1001", "NBANKSACN00a", "NBANKSACN00-", "NBANKSACNÄ01"]
NO_INSTITUTIONS += ["MBANKSACN001", " NBANKSACN001", "NBANKSACN001\n", f"NBANKSACN00{WIDE}"]
NO_PARTIES = [text for text in NO_INSTITUTIONS if text != "MXDEM"]
NO_MARKETS = ["M", "MX", "MXDE", "MXDEMO", "MYDEM", "mXDEM", "MXDE1", "XDEM", "MXDÉM", "MXDEM\n"]
NO_USERS = ["L", "L00000001", "L0000000001", "l000000001", "000000001", "L00000000A", "L-00000001"]
NO_USERS += [f"L00000000{ARABIC}", "L000000001\n", "N000000001"]
NO_IDS = ["", "-a", ".a", "_a", "a" * 33, "a b", "a/b", "a\n", "é", "a:b", "a;b", "a,b", "a%", WIDE]
NO_DIGESTS = ["0" * 63, "0" * 65, "0" * 63 + "g", "A" * 64, WIDE * 64, "0" * 64 + "\n", "0x" * 32]
NO_ADDRESSES = ["", ADDRESS[:-1], ADDRESS + "a", ADDRESS.upper(), "u" + "a" * 40, KEY, "u" * 41]
NO_KEYS = ["", KEY[2:], KEY.upper(), "04" + "0" * 128, "02" + KEY[2:66], KEY + "00", KEY[:-2]]
NO_KEYS += ["04" + "f" * 128, KEY[:-1] + f"{int(KEY[-1], 16) ^ 1:x}", " " + KEY]
NO_SIGNATURES = ["", "30" * 7, "30" * 73, "3" * 17, "AB" * 8, "zz" * 8, "30 " * 8, WIDE * 16]
NO_CODES = ["A", ASSET[:-1], ASSET + "0", ASSET.lower(), "B" + ASSET[1:], MARK, ASSET[:-1] + WIDE]
NO_MARKS = ["C", MARK[:-1], MARK + "0", MARK.lower(), "D" + MARK[1:], ASSET, MARK[:-1] + WIDE]
NO_CURRENCIES = ["", "cny", "CN", "CNYY", "XXX", "GBP", "CNY ", "人民币"]
NO_CLASSES = ["", "equity", "1A", "_A", "A" * 17, "A B", "A-B", "Ä", "A\n"]
NO_SUBJECTS = ["", "a/b", "NBANKSACN001/x", "/", "x\n", "甲", MARK, DIGEST[:-1], DIGEST + "/"]
NO_SUBJECTS += [f"{ASSET}/", ADDRESS[:-1], KEY, "L000000001"]
NO_FLAGS = ["", "y", "n", "YES", "1", "0", "true", "YN", " Y"]

# Of each kind: a form, a field of this kind, what it accepts, what it refuses.
CASES: dict[str, tuple[Callable[..., Form], str, list[str], list[str]]] = {
    "amount": (builders.y1, "amount", ["1", "10", str(AMOUNT_MAX)], ["0", *NO_NUMBERS]),
    "amount or zero": (builders.t1, "price", ["0", "1", str(AMOUNT_MAX)], NO_NUMBERS),
    "time": (builders.y1, "valid_until", ["0", "1", str(AMOUNT_MAX)], NO_NUMBERS),
    "decimals": (builders.y1, "unit", ["0", "2", "12"], ["13", "99", *NO_NUMBERS]),
    "institution": (
        builders.y1,
        "bank",
        ["NBANKSACN001", "NAAAAAAAA000", "NZZZZZZZZZZZ"],
        NO_INSTITUTIONS,
    ),
    "market": (builders.t1, "market", ["MXDEM", "MXAAA"], ["", "NBANKSACN001", *NO_MARKETS]),
    "market or none": (builders.admit, "market", ["", "MXDEM"], ["NBANKSACN001", *NO_MARKETS]),
    "party": (
        builders.admit,
        "party",
        ["NBANKSACN001", "MXDEM"],
        [ADDRESS, *NO_MARKETS, *NO_PARTIES],
    ),
    "user": (builders.y1, "unified", ["L000000000", "L999999999"], ["", *NO_USERS]),
    "user or none": (builders.x1, "unified", ["", "L000000001"], NO_USERS),
    "id": (builders.y1, "tx", ["a", "0", "a" * 32, "A.b-c_9", "0."], NO_IDS),
    "digest": (builders.y1, "network", [DIGEST, "0" * 64], ["", *NO_DIGESTS]),
    "digest or none": (builders.x1_bank, "document", ["", DIGEST], NO_DIGESTS),
    "address": (builders.y1, "address", [ADDRESS, builders.address(2)], NO_ADDRESSES),
    "sender": (
        builders.revoke,
        "sender",
        [ADDRESS, "MXDEM", "NBANKSACN001"],
        [*NO_ADDRESSES, *NO_MARKETS, *NO_PARTIES],
    ),
    "key": (builders.admit, "key", [KEY, builders.public(2)], NO_KEYS),
    "signature": (builders.s1, "signature", ["30" * 8, "ff" * 72], NO_SIGNATURES),
    "opaque": (builders.y1, "broker_user", ["x", "x" * 64, "\U0001f600" * 64], ["", "x" * 65]),
    "opaque or none": (builders.t1_result, "detail", ["", "x" * 64], ["x" * 65, "x" * 9000]),
    "asset code": (builders.p1_result, "asset", [ASSET], ["", *NO_CODES]),
    "asset code or none": (builders.expire, "asset", ["", ASSET], NO_CODES),
    "mark": (builders.y1_locked, "mark", [MARK], ["", *NO_MARKS]),
    "mark or none": (builders.p1_result, "mark", ["", MARK], NO_MARKS),
    "currency": (
        builders.y1,
        "currency",
        ["CNY", "EUR", "HKD", "JPY", "MOP", "USD"],
        NO_CURRENCIES,
    ),
    "asset class": (builders.s1, "asset_class", ["A", "EQUITY_2", "A" * 16], NO_CLASSES),
    "flag": (builders.y1_locked, "locked", ["Y", "N"], NO_FLAGS),
    "side": (builders.s1, "side", ["BUY", "SELL"], ["", "buy", "B", "BOTH", "1"]),
    "role": (
        builders.admit,
        "role",
        ["MARKET", "BROKER", "BANK", "REGISTRY", "MATCHER", "REPORTER", "REGULATOR"],
        ["", "bank", "OPERATOR", "FRONTEND", "WALLET"],
    ),
    "kind of what expires": (
        builders.expire,
        "kind",
        ["ORDER", "DEPOSIT", "ONCHAIN", "LISTING", "UPDATE", "AMENDMENT", "WITHDRAWAL"],
        ["", "order", "USER"],
    ),
    "side or none": (builders.expire, "side", ["", "BUY", "SELL"], ["buy", "N"]),
    "side of a subscription": (transfers.s3, "side", ["", "BUY", "SELL"], ["buy", "N"]),
    "asset class or none": (
        transfers.s3,
        "asset_class",
        ["", "A", "EQUITY_2", "A" * 16],
        [value for value in NO_CLASSES if value],
    ),
    "small number": (
        transfers.y2_moved,
        "attempt",
        ["0", "1", "9999"],
        ["10000", *NO_NUMBERS],
    ),
    "kind of what has a status": (
        updates.status,
        "kind",
        ["PARTY", "ADDRESS", "ASSET", "NETWORK"],
        ["", "party", "USER", "MARKET"],
    ),
    "status": (
        updates.status,
        "status",
        ["ACTIVE", "SUSPENDED", "REMOVED", "FROZEN", "HALTED"],
        ["", "active", "REVOKED", "OPEN"],
    ),
    "subject of a status": (
        updates.status,
        "subject",
        ["NBANKSACN001", "MXDEM", ADDRESS, ASSET, DIGEST],
        [*NO_SUBJECTS, *[value for value in NO_INSTITUTIONS if value != "MXDEM"]],
    ),
    "long text": (
        updates.x3_result,
        "account",
        ["", "x" * 8_192, "甲" * 2_730, '{"a":[1,2]}'],
        [],
    ),
    "list of addresses": (
        updates.x2,
        "remove",
        ["", ADDRESS, ";".join([ADDRESS] * 8)],
        [";", f"{ADDRESS};", f";{ADDRESS}", ";".join([ADDRESS] * 9), "x", KEY],
    ),
    "list of keys": (
        updates.consent,
        "add",
        ["", KEY, ";".join([KEY] * 8)],
        [";", f"{KEY};", ";".join([KEY] * 9), ADDRESS, KEY[:-2]],
    ),
    "list of marks": (
        transfers.y2,
        "marks",
        [MARK, ";".join([MARK] * 8)],
        ["", ";", f"{MARK};", ";".join([MARK] * 9), ASSET, "CNY"],
    ),
    "addresses of an update": (
        updates.x2_bank,
        "addresses",
        ["", ADDRESS, ";".join([ADDRESS] * 16)],
        [";", ";".join([ADDRESS] * 17), "x"],
    ),
}
ACCEPTED = [(kind, value) for kind, case in CASES.items() for value in case[2]]
REFUSED = [(kind, value) for kind, case in CASES.items() for value in case[3]]


def text_with(form: Form, field: str, value: str) -> str:
    """The form's text with any value in the place of one field."""
    name, fields = split(form.text())
    fields[FORMS[name].__struct_fields__.index(field)] = value
    return join(name, fields)


@pytest.mark.parametrize(("kind", "value"), ACCEPTED, ids=lambda one: repr(one)[:24])
def test_accepts(kind: str, value: str) -> None:
    make, field, *_ = CASES[kind]
    text = text_with(make(), field, value)
    assert decode(text).text() == text


@pytest.mark.parametrize(("kind", "value"), REFUSED, ids=lambda one: repr(one)[:24])
def test_refuses(kind: str, value: str) -> None:
    make, field, *_ = CASES[kind]
    with pytest.raises(InvalidField) as caught:
        decode(text_with(make(), field, value))
    assert caught.value.field == field
    assert str(caught.value).startswith(f"UFMI-2002: field {field}: ")


@settings(deadline=None, max_examples=300)
@given(st.integers(-10, AMOUNT_MAX + 10) | st.integers())
def test_an_amount_is_read_exactly_or_refused(number: int) -> None:
    text = text_with(builders.y1(), "amount", str(number))
    if 1 <= number <= AMOUNT_MAX:
        made = decode(text)
        assert isinstance(made, builders.Y1)
        assert made.amount == number
        assert type(made.amount) is int
    else:
        with pytest.raises(InvalidField):
            decode(text)


def test_the_greatest_amount_is_exact_in_every_json_tool() -> None:
    assert AMOUNT_MAX == 2**53 - 1
    assert int(float(AMOUNT_MAX)) == AMOUNT_MAX


def test_flags_and_sides_are_values_of_their_own() -> None:
    def read(form: Form) -> Any:
        return decode(form.text())

    assert read(builders.y1_locked(locked=False)).locked is False
    assert read(builders.y1_locked(locked=True)).locked is True
    assert read(builders.s1()).side is builders.Side.BUY


@pytest.mark.parametrize(
    ("part", "wrong"),
    [("O-1:", ":"), (":EQUITY:", ":equity:"), (":BUY:", ":BOTH:"), (builders.ASSET, MARK)],
)
def test_a_rule_holds_inside_a_structure_too(part: str, wrong: str) -> None:
    with pytest.raises(InvalidField) as caught:
        decode(builders.t1().text().replace(part, wrong, 1))
    assert caught.value.field.startswith("orders.")


def test_an_answer_may_be_longer_than_a_message_and_has_its_own_limit() -> None:
    most = 2 * LONG_BYTES_MAX
    longest = updates.x3_result(account="x" * LONG_BYTES_MAX)
    assert decode(longest.text(), most) == longest
    with pytest.raises(TooLong):
        decode(longest.text())
    for account in ("x" * (LONG_BYTES_MAX + 1), "甲" * (LONG_BYTES_MAX // 3 + 1)):
        with pytest.raises(InvalidField) as caught:
            decode(updates.x3_result(account=account).text(), most)
        assert caught.value.field == "account"
