"""Which group of a body belongs to which value of a field.

The published schema does not say so. That a subject is an organisation or a person, as its type
says, is an error here; the other ties are read from the way objects are built, and are warnings.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ufmi.regulatory.walk import Code, Walk

_ISSUE = "release_information/"
_ASSET = "basic_transaction_information/trading_asset_information/custody_asset_transaction"


class Tie(NamedTuple):
    """`field` (a path) says by its value which one of `groups` is there.

    `demanded` tells whether that one must be there; `warning` how much it matters.
    """

    field: str
    groups: dict[int, str]
    demanded: bool
    warning: bool


TIES = {
    "subject": Tie(
        "basic_information_subject/general_information_subject/subject_type",
        {1: "organization_subject_information", 2: "personal_subject_information"},
        demanded=True,
        warning=False,
    ),
    "product": Tie(
        "essential_information/basic_product_information/product_type",
        {
            1: _ISSUE + "equity_issue_information",
            2: _ISSUE + "equity_issue_information",
            3: _ISSUE + "private_convertible_bonds",
            4: _ISSUE + "private_convertible_bonds",
            5: _ISSUE + "private_offering_fund",
        },
        demanded=False,
        warning=True,
    ),
    "registration": Tie(
        "register_basic_information/register_object_type",
        {1: "registration_rights", 2: "roll_records"},
        demanded=True,
        warning=True,
    ),
    "infodisclosure": Tie(
        "disclosure_basic_information/disclosure_type",
        {
            1: "enterprise_display_information",
            3: "regulatory_information",
            4: "enterprise_report",
            5: "disclosure_notice",
            6: "major_event_information",
            7: "integrity_archives",
            8: "financial_information",
            9: "business_information",
            10: "expand_information",
        },
        demanded=True,
        warning=True,
    ),
}


def check(walk: Walk, pointer: str, kind: str, value: dict[str, Any]) -> None:
    """Adds what the ties of one type find wrong with a whole object of it."""
    if kind == "transactionreport":
        _custody(walk, pointer, value)
    tie = TIES.get(kind)
    if tie is None:
        return
    if kind == "subject":
        there = [group for group in tie.groups.values() if group in value]
        if len(there) != 1:
            walk.add(pointer, Code.KIND, "a subject is either an organisation or a person")
            return
    code = _at(value, tie.field)
    if isinstance(code, bool) or not isinstance(code, int):
        return
    belongs = tie.groups.get(code)
    if belongs is None:
        return
    if tie.demanded and _at(value, belongs) is None:
        problem = f"{tie.field.rpartition('/')[2]} {code} needs it"
        walk.add(f"{pointer}/{belongs}", Code.KIND, problem, warning=tie.warning)
    for group in dict.fromkeys(tie.groups.values()):
        # Empty groups are sent by many in place of leaving them out.
        if group != belongs and (_at(value, group) or (kind == "subject" and group in value)):
            problem = f"does not belong to {tie.field.rpartition('/')[2]} {code}"
            walk.add(f"{pointer}/{group}", Code.KIND, problem, warning=tie.warning)


def _custody(walk: Walk, pointer: str, value: dict[str, Any]) -> None:
    market = _at(
        value, "basic_transaction_information/basic_information_remark/transaction_market_type"
    )
    field = "transaction_custody_product_ref"
    if market == 1 and not _at(value, f"{_ASSET}/{field}"):
        problem = "transaction_market_type 1 needs it"
        walk.add(f"{pointer}/{_ASSET}/{field}", Code.REQUIRED, problem, warning=True)


def _at(value: Any, path: str) -> Any:
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, dict) else None
    return value
