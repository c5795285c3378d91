"""The data of the model: complete, and in the order and form that the rest relies on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ufmi.regulatory import TYPES, Field, Group, model, object_type

# How many fields the model of version 2.0.0 has; the subject's identity documents are an array of
# objects of two fields, which counts as one there.
FIELDS = {
    "subject": 105 + 1,
    "account": 26,
    "product": 151,
    "transactionreport": 36,
    "registration": 64,
    "settlement": 25,
    "infodisclosure": 87,
}
BODIES = {
    "subject": "subject_information",
    "account": "account_information",
    "product": "product_information",
    "transactionreport": "transaction_report_information",
    "registration": "registration_information",
    "settlement": "capital_settlement_information",
    "infodisclosure": "disclosure_approval_information",
}


def members(group: Group, path: str = "") -> Iterator[tuple[str, Field | Group]]:
    for name, member in group.members.items():
        yield f"{path}/{name}", member
        if isinstance(member, Group):
            yield from members(member, f"{path}/{name}")


@pytest.mark.parametrize("kind", TYPES)
def test_every_type_has_all_its_fields(kind: str) -> None:
    one = object_type(kind)
    assert (one.name, one.body) == (kind, BODIES[kind])
    assert one.group.fields() == FIELDS[kind]


def test_another_type_does_not_exist() -> None:
    with pytest.raises(KeyError):
        object_type("transaction")


@pytest.mark.parametrize("kind", TYPES)
def test_members_are_named_in_both_languages_and_make_sense(kind: str) -> None:
    for path, member in members(object_type(kind).group):
        assert member.zh and member.en, path
        if isinstance(member, Group):
            assert not member.required, path
            continue
        assert (member.type == "ref") == bool(member.to), path
        assert not member.to or member.to in TYPES, path
        assert not member.codes or member.type == "integer", path
        assert set(member.labels) <= set(member.codes), path
        assert member.type != "ref" or member.max == 256, path
        assert list(member.codes) == sorted(set(member.codes)), path


def test_where_references_lead() -> None:
    found = {
        (kind, path.rpartition("/")[2], member.to)
        for kind in TYPES
        for path, member in members(object_type(kind).group)
        if isinstance(member, Field) and member.to
    }
    assert len(found) == 34  # register_product_ref is in two groups
    assert ("registration", "register_transaction_ref", "transactionreport") in found
    assert ("account", "account_associated_account_ref", "account") in found
    # A number in spite of its name.
    assert not [name for _, name, _ in found if name == "product_conversion_price_ref"]


def test_codes_are_read_from_ranges() -> None:
    group = object_type("subject").group.members["basic_information_subject"]
    path = ["subject_qualification_information", "qualification_information"]
    for name in path:
        assert isinstance(group, Group)
        group = group.members[name]
    assert isinstance(group, Group)
    field = group.members["subject_intermediary_qualification"]
    assert isinstance(field, Field)
    assert field.codes == (0, 10, 11, 12, 20, 21, 22, 23, 30, 31, 32, 33, 255)
    assert field.many


def test_a_document_is_the_same_everywhere() -> None:
    group = object_type("account").group
    for name in ("account_cycle_information", "freeze_information", "account_frozen_doc"):
        inner = group.members[name]
        assert isinstance(inner, Group)
        group = inner
    assert group.many and group.members is model.document().members
