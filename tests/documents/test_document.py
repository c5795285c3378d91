"""Documents: their structure, their one form, their digest, and what is refused."""

from __future__ import annotations

import contextlib
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ufmi.crypto import sm3_hex
from ufmi.documents import DOCUMENT_BYTES_MAX, Document, field_paths, make, quoted_size, read
from ufmi.documents import model as structure
from ufmi.errors import InvalidField, MalformedDocument, UfmiError
from ufmi.protocol import Line, read_line
from ufmi.protocol.lines import LINE_BYTES_MAX
from ufmi.protocol.text import TEXT_BYTES_MAX

from .samples import MOMENT, SALT, account, person, product


@pytest.mark.parametrize("document", [person(), account(), product()], ids=lambda one: one.kind)
def test_a_document_survives_its_form(document: Document) -> None:
    raw = document.encode()
    assert read(raw) == document
    assert read(raw.encode()) == document
    assert document.digest == sm3_hex(raw.encode())
    assert "\n" not in raw


def test_values_find_their_groups() -> None:
    body = person().structure["subject_information"]
    assert body["personal_subject_information"]["personal_subject_basic_information"] == {
        "subject_investor_name": "李明",
        "subject_id_type": 1,
        "subject_id_number": "EXAMPLE-ID-004",
    }
    general = body["basic_information_subject"]["general_information_subject"]
    assert general["subject_type"] == 2
    assert person().kind == "subject"


def test_an_organisation_is_one() -> None:
    values = {
        "subject_company_name": "青穗示例精密仪器股份有限公司",
        "subject_main_administrative_region": 1,
        "subject_create_time": MOMENT,
        "subject_contact_address": "星澜市",  # of persons, too
        "subject_document_information": [{"type": 1, "code": "310000000000000"}],
        "leading_member_information": [{"subject_key_personnel_name": "示例甲"}],
    }
    document = make("organisation", values)
    assert (
        dict(document.fields())[
            "subject_information.basic_information_subject.general_information_subject.subject_type"
        ]
        == "1"
    )
    assert "姓名：示例甲" in document.text


def test_groups_and_fields_may_be_given_together() -> None:
    document = product(
        values={
            "listing_information": {"product_listing_code": "900001"},
            "product_listing_date": "2026-07-16",
            "service_provider_information": [
                {"service_provider_type": 1, "service_provider_name": "登记公司"},
                {"service_provider_name": "托管公司"},
            ],
        }
    )
    fields = list(document.fields())
    path = "product_information.essential_information.service_provider_information"
    assert [value for name, value in fields if name == f"{path}.service_provider_name"] == [
        "登记公司",
        "托管公司",
    ]
    assert {name.rpartition(".")[2] for name, _ in fields} >= {
        "product_listing_code",
        "product_listing_date",
    }


def test_what_is_given_stays_as_it_was() -> None:
    listing: dict[str, Any] = {"product_listing_code": "900001"}
    product(values={"listing_information": listing, "product_listing_date": "2026-07-16"})
    assert listing == {"product_listing_code": "900001"}


def test_the_text_is_written_from_the_structure_or_given() -> None:
    assert "个人姓名：李明" in person().text.splitlines()
    assert "产品全称：青穗精密仪器股份" in product().text.splitlines()
    assert person(text="关于李明").text == "关于李明"


def test_equal_documents_with_one_salt_are_equal_and_others_tell_nothing() -> None:
    assert person(salt=SALT).digest == person(salt=SALT).digest
    assert person().digest != person().digest
    assert len(bytes.fromhex(person().salt)) == 16
    backwards = dict(reversed(person(salt=SALT).structure.items()))
    assert Document(backwards, person().text, SALT.hex()).digest == person(salt=SALT).digest


def test_numbers_have_one_form() -> None:
    def issue(price: Any) -> Document:
        group = {"product_shares_issued_class": [], "product_issue_price": price}
        return product(values={"equity_issue_information": group}, salt=SALT)

    assert issue(Decimal("58.690")).digest == issue(Decimal("58.69")).digest
    assert issue(Decimal("58.0")).digest == issue(58).digest
    assert '"product_issue_price":58.69' in issue(Decimal("58.690")).encode()
    assert read(issue(Decimal("0.000001")).encode()) == issue(Decimal("0.000001"))
    for wrong in (58.69, Decimal("NaN"), Decimal("Infinity"), Decimal("1e-7"), Decimal("1e20")):
        with pytest.raises(InvalidField, match="product_issue_price"):
            issue(wrong)
    with pytest.raises(InvalidField, match="beyond"):
        issue(2**53)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"product_nam": "x"}, "Perhaps product_name"),
    ({"product_issue_price": 1}, "private_convertible_bonds.product_issue_price"),
    ({"product_name": 3}, "is a text"),
    ({"product_name": "x" * 129}, "longer than 128"),
    ({"product_name": None}, "Leave out"),
    ({"product_type": 6}, "is one of 0-5,255"),
    ({"product_type": True}, "is one of"),
    ({"product_scale_currency": "CNY"}, "is one of 156"),
    ({"product_listing_date": "2026-02-30"}, "is a date"),
    ({"product_create_time": "2026-07-16"}, "is a time"),
    ({"product_create_time": "2026-07-16T09:00:00"}, "is a time"),
    ({"product_create_time": "2026-13-16T09:00:00Z"}, "is a time"),
    ({"product_account_number_max": Decimal("1.5")}, "is a whole number"),
    ({"product_is_make_over": 1}, "true or false"),
    ({"product_custodian_documents": [{"sise": "x"}]}, "attachments"),
    ({"service_provider_information": {}}, "is a list of groups"),
    ({"service_provider_information": [3]}, "has to be an object"),
    ({"service_provider_information": [{"service_provider_nam": "x"}]}, "not in the object model"),
    ({"listing_information": "x"}, "has to be an object"),
    ({"listing_information": "x", "product_listing_date": "2026-07-16"}, "value and as a group"),
    ({"basic_product_information.product_code": "600002"}, "given twice"),
    ({"equity_issue_information": {}}, "product_shares_issued_class: .* is missing"),
    ({"product_name": "\ud800"}, "not Unicode"),
    ({"product_guarantee_measure": {1: 2}}, "no text"),
    ({"subject_id_number": "1"}, "not in the object model"),
]


@pytest.mark.parametrize(("values", "reason"), WRONG, ids=lambda value: str(value)[:40])
def test_what_breaks_the_model_is_refused_by_name(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidField, match=reason) as problem:
        product(values=values)
    assert str(problem.value)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(InvalidField, match="subject_investor_name.*个人姓名.*missing"):
        make("person", {"subject_id_type": 1})
    with pytest.raises(InvalidField, match="about"):
        make("animal", {})
    with pytest.raises(InvalidField, match="salt"):
        person(salt=b"short")


def changed(document: Document, **changes: Any) -> str:
    whole = json.loads(document.encode()) | changes
    return json.dumps(whole, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


GOOD = person(salt=SALT)
NOT_CANONICAL: dict[str, str] = {
    "empty": "",
    "no object": "[]",
    "no JSON": "document of u9",
    "blank": GOOD.encode() + " ",
    "other order": json.dumps(json.loads(GOOD.encode()), ensure_ascii=False, separators=(",", ":"))
    .replace('"v":1', "")
    .replace("{", '{"v":1,', 1)
    .replace(",}", "}"),
    "escapes": json.dumps(json.loads(GOOD.encode()), separators=(",", ":"), sort_keys=True),
    "name twice": GOOD.encode().replace('"v":1', '"v":1,"v":1'),
    "other version": changed(GOOD, v=2),
    "v is true": changed(GOOD, v=True),
    "v is 1.0": changed(GOOD, v=1.0),
    "more members": changed(GOOD, more=1),
    "short salt": changed(GOOD, salt="00"),
    "capital salt": changed(GOOD, salt="AA" * 16),
    "text is a number": changed(GOOD, text=3),
    "structure is a list": changed(GOOD, structure=[]),
    "too long": changed(GOOD, text="x" * DOCUMENT_BYTES_MAX),
    "deep": '{"a":' * 5_000,
    "surrogate": GOOD.encode().replace("李", "\ud800"),
    "half a letter": '"\\ud800"',
}


@pytest.mark.parametrize("name", NOT_CANONICAL)
def test_only_the_canonical_form_is_read(name: str) -> None:
    with pytest.raises(MalformedDocument):
        read(NOT_CANONICAL[name])


def test_bytes_that_are_no_unicode_are_refused() -> None:
    with pytest.raises(MalformedDocument):
        read(b"\xff")


def subject(**parts: Any) -> dict[str, Any]:
    return {"subject_information": parts}


PERSONAL = GOOD.structure["subject_information"]["personal_subject_information"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        subject(),
        {"animal_information": {}},
        GOOD.structure | account().structure,
        subject(organization_subject_information={}, personal_subject_information=PERSONAL),
        subject(
            personal_subject_information=PERSONAL,
            basic_information_subject={
                "general_information_subject": {
                    "subject_type": 1,
                    "subject_main_administrative_region": 1,
                    "subject_create_time": MOMENT,
                }
            },
        ),
    ],
)
def test_a_structure_is_about_one_thing(body: dict[str, Any]) -> None:
    with pytest.raises(InvalidField):
        read(changed(GOOD, structure=body))


def test_fields_of_a_later_model_are_read_and_named() -> None:
    body = json.loads(product(salt=SALT).encode())["structure"]
    body["product_information"]["essential_information"]["basic_product_information"][
        "product_remark"
    ] = "later"
    found = read(changed(GOOD, structure=body))
    assert [path.rpartition(".")[2] for path in found.unknown] == ["product_remark"]
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]
    body["product_information"]["deep"] = deep
    with pytest.raises(InvalidField, match="nested"):
        read(changed(GOOD, structure=body))


def test_the_longest_document_fits_beside_the_longest_text() -> None:
    text = "引" * 5_000
    while quoted_size(person(text=text + "\n" * 100).encode()) < DOCUMENT_BYTES_MAX - 200:
        text += "\n" * 100
    line = Line("x" * TEXT_BYTES_MAX, "30" * 72, (person(text=text).encode(),))
    assert len(line.encode()) <= LINE_BYTES_MAX
    assert read_line(line.encode()) == line
    with pytest.raises(InvalidField, match="longer than"):
        person(text="\n" * DOCUMENT_BYTES_MAX)


def test_the_model_is_whole() -> None:
    leaves = [path.split(".")[0] for path in field_paths()]
    assert {top: leaves.count(top) for top in set(leaves)} == {
        "subject_information": 105,
        "account_information": 26,
        "product_information": 151,
    }
    assert all(structure.root().members)


# -- properties -----------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.decimals(
    -(10**9), 10**9, places=4, allow_nan=False
)


@given(TEXTS, TEXTS, NUMBERS, st.lists(TEXTS, max_size=3), st.binary(min_size=16, max_size=16))
def test_any_document_reads_back_equal(
    name: str, text: str, scale: Any, providers: list[str], salt: bytes
) -> None:
    document = product(
        name,
        text=text,
        salt=salt,
        values={
            "product_scale": scale,
            "service_provider_information": [{"service_provider_name": one} for one in providers],
        },
    )
    again = read(document.encode())
    assert again == document
    assert again.encode() == document.encode()
    assert again.digest == document.digest
    assert json.loads(document.encode())["text"] == document.text


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
))  # fmt: skip
def test_no_json_makes_reading_fail_in_any_other_way(value: Any) -> None:
    for raw in (json.dumps(value), changed(GOOD, structure=value), changed(GOOD, text=value)):
        with contextlib.suppress(UfmiError):
            assert read(raw).encode() == raw


@given(st.binary(max_size=200))
def test_no_bytes_make_reading_fail_in_any_other_way(raw: bytes) -> None:
    with pytest.raises(UfmiError):
        read(raw)
