"""Disclosures (信披): notices of the market, and regulatory information."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ufmi.regulatory.builders.step import Step
from ufmi.regulatory.text import Object

REGULATION, NOTICE = 3, 5
EXCHANGE, REGULATOR, OTHER = 1, 2, 255
# What the published lists of notices call 其他: none of them is about a ledger.
_NOTICE_OTHER = 255


def notice(
    step: Step,
    parts: tuple[str | int, ...],
    subject: str,
    title: str,
    text: str,
    *,
    referrer: str,
    source: int,
    metadata: Mapping[str, Any],
) -> None:
    """公告: about a party's business, brought by another party (`referrer`)."""
    announcement: Object = {
        "disclosure_announcement_type": _NOTICE_OTHER,
        "disclosure_announcement_name": title,
        "disclosure_announcement_description": text,
        "disclosure_announcement_date": step.day,
    }
    basics = _basics(step, subject, NOTICE, source, referrer)
    _once(step, parts, basics, {"disclosure_notice": [announcement]}, metadata)


def regulation(
    step: Step,
    parts: tuple[str | int, ...],
    subject: str,
    title: str,
    measures: str,
    *,
    referrer: str,
    source: int,
    metadata: Mapping[str, Any],
) -> None:
    """监管信息: a measure against a party, or its end. Operators have no subject: `referrer` ""."""
    information: Object = {
        "disclosure_regulatory_report_name": title,
        "disclosure_regulatory_report_description": title,
        "disclosure_regulatory_measures": measures,
        "disclosure_regulatory_report_date": step.day,
    }
    basics = _basics(step, subject, REGULATION, source, referrer)
    _once(step, parts, basics, {"regulatory_information": [information]}, metadata)


def _basics(step: Step, subject: str, kind: int, source: int, referrer: str) -> Object:
    found: Object = {
        "disclosure_subject_ref": step.subject(subject),
        "disclosure_type": kind,
        "disclosure_submit_type": source,
        "disclosure_submit_date": step.day,
    }
    if referrer:
        found["disclosure_referer_subject_ref"] = step.subject(referrer)
        found["disclosure_referer_name"] = step.party(referrer).name
    return found


def _once(
    step: Step,
    parts: tuple[str | int, ...],
    basics: Object,
    group: Object,
    metadata: Mapping[str, Any],
) -> None:
    information: Object = {"disclosure_basic_information": basics, **group}
    step.once(parts, {"disclosure_approval_information": information}, metadata)
