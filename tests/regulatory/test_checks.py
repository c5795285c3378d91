"""Checks of snapshots: what the examples hold passes, each broken rule is found at its place."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from ufmi.errors import Finding, InvalidObject
from ufmi.regulatory import Code, Object, check, ensure_valid, errors
from ufmi.regulatory.formats import is_date_time

from . import strategies, world

SUBJECT = "body/subject_information"
GENERAL = f"{SUBJECT}/basic_information_subject/general_information_subject"
FIRM = (
    f"{SUBJECT}/organization_subject_information/basic_information_of_enterprise"
    "/basic_information_description"
)
TRADE = "body/transaction_report_information"
CONTENT = f"{TRADE}/transaction_information/transaction_content_information"
SELLER = (
    f"{TRADE}/transaction_information/transaction_party_information/transaction_investor_original"
)


def codes(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.pointer.removeprefix("/"), one.code) for one in found]


@pytest.mark.parametrize("name", world.NAMES)
def test_examples_pass_without_a_word(name: str) -> None:
    assert check(world.load(name), lookup=world.lookup) == []
    ensure_valid(world.load(name), lookup=world.lookup)


@pytest.mark.parametrize(
    ("start", "path", "value", "code"),
    [
        ("01", "header/model/protocol", "上海区域股权市场跨链监管业务数据模型", "ENUM"),
        ("01", "header/model/version", "2.0.0-alpha4", "ENUM"),
        ("01", "header/content/type", "person", "ENUM"),
        ("01", "header/content/operation", "add", "ENUM"),
        ("01", "header/content/object_id", "x" * 129, "LENGTH"),
        ("01", "header/content/object_id", "", "FORMAT"),
        ("01", "header/content/object_id", "a/b", "FORMAT"),
        ("01", "header/content/object_id", 7, "TYPE"),
        ("01", "header/content/version", -1, "RANGE"),
        ("01", "header/content/version", True, "TYPE"),
        ("01", "header/content/version", Decimal("0.0"), "TYPE"),
        ("01", "header/content/version", 1, "VERSION"),
        ("22", "header/content/version", 0, "VERSION"),
        ("01", "header/content/timestamp", 1_704_160_800_000, "RANGE"),
        ("01", "header/content/timestamp", Decimal("1704160800.5"), "TYPE"),
        ("01", "header/metadata", "text", "TYPE"),
        ("01", "header/remark", "x" * 2049, "LENGTH"),
        ("01", "header/source", "here", "UNKNOWN"),
        ("01", "header/seal", {"signature": "x"}, "TYPE"),
        ("02", "header/seal/0/pub_key/type", "RSA", "ENUM"),
        ("02", "header/seal/0/digest_algo", "SHA256", "ENUM"),
        ("02", "header/seal/0/signature", None, "NULL"),
        ("01", "remark", "x", "UNKNOWN"),
        ("22", "body", {}, "BODY_PRESENT"),
        ("01", "body", [], "TYPE"),
        ("01", "body", {}, "BODY_COUNT"),
        ("01", f"{GENERAL}/subject_type", 3, "ENUM"),
        ("01", f"{GENERAL}/subject_type", None, "NULL"),
        ("01", f"{GENERAL}/subject_create_time", "2024-01-02", "FORMAT"),
        ("01", f"{GENERAL}/Subject_id", "x", "UNKNOWN"),
        ("01", f"{FIRM}/subject_company_name", "x" * 257, "LENGTH"),
        ("01", f"{FIRM}/subject_company_name", "\ud800", "UNICODE"),
        ("01", f"{FIRM}/subject_registered_capital", 0.5, "INEXACT"),
        ("01", f"{FIRM}/subject_registered_capital", "5", "TYPE"),
        ("01", f"{FIRM}/subject_registered_capital", Decimal("NaN"), "TYPE"),
        ("01", f"{FIRM}/subject_registered_capital", 10**5000, "TYPE"),
        ("01", f"{FIRM}/subject_registered_capital", Decimal("1e999999"), "TYPE"),
        ("01", "header/content/version", 10**5000, "TYPE"),
        ("01", f"{FIRM}/subject_registered_capital_currency", "CNY", "ENUM"),
        ("01", f"{FIRM}/subject_registry_date", "2024-02-30", "FORMAT"),
        ("01", f"{FIRM}/subject_shareholders_number", Decimal("5.5"), "TYPE"),
        ("01", f"{FIRM}/subject_name_used_before", "one", "TYPE"),
        ("01", f"{FIRM}/subject_document_information/0/type", 5, "ENUM"),
        ("02", f"{FIRM}/subject_name_used_before/0", None, "NULL"),
        ("02", f"{FIRM}/subject_business_license/0/url", "x", "UNKNOWN"),
        ("02", f"{FIRM}/subject_business_license/0/term_of_validity_type", "2", "ENUM"),
        ("10", f"{CONTENT}/transaction_settlement_quantity", True, "TYPE"),
        ("10", f"{SELLER}_ref", "EXSUBJ0000000003", "FORMAT"),
        ("10", f"{SELLER}_ref", "EXSUBJ0000000003/01", "FORMAT"),
        ("10", f"{SELLER}_ref", "x" * 129 + "/0", "FORMAT"),
        ("10", f"{SELLER}_ref", "x" * 255 + "/0", "LENGTH"),
        ("10", f"{SELLER}_ref", "EXSUBJ0000000003/1", "REFERENCE_UNKNOWN"),
        ("10", f"{SELLER}_ref", "EXPROD0000000001/0", "REFERENCE_TYPE"),
        ("10", f"{TRADE}/basic_transaction_information", 5, "TYPE"),
    ],
    ids=lambda value: "" if isinstance(value, int) else str(value)[-30:],
)
def test_one_broken_rule_is_found_at_its_place(
    start: str, path: str, value: Any, code: str
) -> None:
    broken = world.changed(start, path, value)
    found = check(broken, lookup=world.lookup)
    assert (path, code) in codes(found)
    assert all(one.message for one in found)
    with pytest.raises(InvalidObject) as caught:
        ensure_valid(broken, lookup=world.lookup)
    assert caught.value.findings == tuple(errors(found))


@pytest.mark.parametrize(
    ("start", "path", "code"),
    [
        ("01", "header", "REQUIRED"),
        ("01", "header/model", "REQUIRED"),
        ("01", "header/content/timestamp", "REQUIRED"),
        ("02", "header/seal/0/pub_key", "REQUIRED"),
        ("01", "body", "BODY_MISSING"),
        ("01", f"{GENERAL}/subject_type", "REQUIRED"),
        ("01", f"{FIRM}/subject_company_name", "REQUIRED"),
    ],
)
def test_what_is_missing_is_found(start: str, path: str, code: str) -> None:
    assert (path, code) in codes(check(world.without(start, path)))


@pytest.mark.parametrize("nonsense", [None, 5, "x", [], {"header": 5}, {"header": {"content": 5}}])
def test_nonsense_is_no_snapshot(nonsense: Any) -> None:
    assert errors(check(nonsense))


def test_the_type_is_tied_to_the_group() -> None:
    found = check(world.changed("01", "header/content/type", "account"))
    assert codes(found) == [(SUBJECT, "BODY_TYPE")]
    two = world.load("01")
    two["body"] |= world.load("05")["body"]
    assert ("body", "BODY_COUNT") in codes(check(two))


def test_a_subject_is_what_its_type_says() -> None:
    assert codes(check(world.changed("01", f"{GENERAL}/subject_type", 2))) == [
        (f"{SUBJECT}/personal_subject_information", "KIND"),
        (f"{SUBJECT}/organization_subject_information", "KIND"),
    ]
    both = world.changed("01", f"{SUBJECT}/personal_subject_information", {})
    assert codes(check(both)) == [(SUBJECT, "KIND")]
    neither = world.without("01", f"{SUBJECT}/organization_subject_information")
    assert codes(check(neither)) == [(SUBJECT, "KIND")]


@pytest.mark.parametrize(
    ("start", "path", "value"),
    [
        ("11", "body/registration_information/register_basic_information/register_object_type", 2),
        ("15", "body/disclosure_approval_information/expand_information", [{}]),
        ("15", "body/disclosure_approval_information/disclosure_basic_information", {}),
        ("09", "body/product_information/essential_information/basic_product_information", {}),
    ],
)
def test_other_ties_are_warnings(start: str, path: str, value: Any) -> None:
    names = {"15": "disclosure_type", "09": "product_type"}
    if value == {}:
        snapshot = world.load(start)
        world.at(snapshot, path)[names[start]] = 4 if start == "15" else 5
    else:
        snapshot = world.changed(start, path, value)
    kinds = [one for one in check(snapshot) if one.code == Code.KIND]
    assert kinds and all(one.warning for one in kinds)


def test_a_product_in_custody_is_named() -> None:
    asset = f"{TRADE}/basic_transaction_information/trading_asset_information"
    found = check(world.without("10", f"{asset}/custody_asset_transaction"))
    assert [(one.code, one.warning) for one in found] == [("REQUIRED", True)]


def lenient_cases() -> list[tuple[str, Object]]:
    licence = f"{FIRM}/subject_business_license"
    single = world.load("02")
    world.at(single, FIRM)["subject_business_license"] = world.at(single, f"{licence}/0")
    url = world.load("02")
    document = world.at(url, f"{licence}/0")
    document["url"] = document.pop("uri")
    roster = world.load("13")
    head = world.at(roster, "body/registration_information/roll_records/basic_information_roster")
    head["register_subject_ref"] = head.pop("register_list_subject_ref")
    head["register_list_date"] = "2024-06-13"
    misspelt = world.load("11")
    right = world.at(misspelt, "body/registration_information")
    right["register_basic_infomation"] = right.pop("register_basic_information")
    use = "body/product_information/product_subject_information/fund_use_information"
    blank = world.changed("09", f"{use}/product_description _fund_use", "x")
    seal = world.load("02")
    seal["header"]["seal"] = seal["header"]["seal"][0]
    return [
        ("single", single),
        ("url", url),
        ("roster", roster),
        ("misspelt", misspelt),
        ("blank", blank),
        ("seal", seal),
        ("later", world.changed("09", f"{use}/product_fund_sub_category", 1)),
        ("source", world.changed("01", "header/source", "x")),
        ("id", world.changed("01", "header/content/object_id", "a/b")),
        ("delete", world.changed("22", "body", {})),
    ]


@pytest.mark.parametrize(("name", "snapshot"), lenient_cases())
def test_what_others_send_passes_with_warnings(name: str, snapshot: Object) -> None:
    assert errors(check(snapshot))
    found = check(snapshot, lenient=True)
    assert found and errors(found) == []


def test_lenient_still_checks_what_it_reads_under_another_name() -> None:
    use = "body/product_information/product_subject_information/fund_use_information"
    long = world.changed("09", f"{use}/product_description _fund_use", "x" * 513)
    assert codes(errors(check(long, lenient=True))) == [
        (f"{use}/product_description _fund_use", "LENGTH")
    ]
    assert errors(check(world.changed("01", f"{GENERAL}/subject_type", 9), lenient=True))


def test_warnings_cannot_hide_an_error() -> None:
    snapshot = world.load("01")
    snapshot["header"] |= {f"extra{number}": 1 for number in range(1000)}
    world.at(snapshot, GENERAL)["subject_type"] = 9
    found = check(snapshot, lenient=True, limit=10)
    assert len(found) == 10 + 1 + 1
    assert codes(errors(found)) == [(f"{GENERAL}/subject_type", "ENUM")]
    assert found[-1].code == Code.MORE


def test_findings_have_a_limit_and_an_order() -> None:
    snapshot = world.load("01")
    snapshot["header"] |= {f"extra{number}": 1 for number in range(1000)}
    found = check(snapshot, limit=5)
    assert len(found) == 6 and found[-1].code == Code.MORE
    turned = {"body": snapshot["body"], "header": dict(reversed(snapshot["header"].items()))}
    assert check(turned) == check(snapshot)


def test_pointers_are_escaped() -> None:
    snapshot = world.load("01")
    snapshot["header"]["a/b~c"] = 1
    assert [one.pointer for one in check(snapshot)] == ["/header/a~1b~0c"]


def test_an_increment_may_clear_and_leave_out() -> None:
    sent = world.load("20")
    assert check(sent) == []
    whole = codes(check(sent, full=True))
    assert (f"{FIRM}/subject_internet_address", "NULL") in whole
    assert (f"{FIRM}/subject_company_name", "REQUIRED") in whole
    # Arrays are replaced as a whole, so their items are.
    world.at(sent, FIRM)["subject_business_license"] = [{"uri": None}]
    assert codes(check(sent)) == [(f"{FIRM}/subject_business_license/0/uri", "NULL")]


def test_an_object_may_name_itself() -> None:
    proof = {"subject_investor_qualification_certifier_ref": "EXSUBJ0000000001/0"}
    snapshot = world.changed(
        "01",
        f"{SUBJECT}/basic_information_subject/subject_qualification_information",
        [{"investor_suitability_information": [proof]}],
    )
    assert check(snapshot, lookup=lambda object_id, version: None) == []


@strategies.calm
@given(strategies.creations())
def test_whatever_obeys_the_model_passes(snapshot: Object) -> None:
    assert errors(check(snapshot)) == []
    assert errors(check(snapshot, lenient=True)) == []


@strategies.calm
@given(strategies.JSON_VALUES)
def test_anything_at_all_gets_findings_and_no_traceback(value: Any) -> None:
    for lenient in (False, True):
        assert errors(check(value, lenient=lenient))
        for part in ("header", "body"):
            assert errors(check({**world.load("01"), part: value}, lenient=lenient))


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("2021-07-16T00:00:00+08:00", True),
        ("2021-07-16t00:00:00.123z", True),
        ("2016-12-31T23:59:60Z", True),
        ("2017-01-01T07:59:60+08:00", True),
        ("2016-12-31T22:59:60Z", False),
        ("2021-07-16T00:00:00", False),
        ("2021-07-16 00:00:00Z", False),
        ("2021-07-16T24:00:00Z", False),
        ("2021-02-29T00:00:00Z", False),
        ("2021-07-16T00:00:00+24:00", False),
        ("2021-07-16T00:00:00Z\n", False),
        ("２０21-07-16T00:00:00Z", False),
        ("2021-07-16", False),
        ("", False),
    ],
)
def test_date_times_are_full(text: str, good: bool) -> None:
    assert is_date_time(text) == good
