"""The guide's instructions and answers: who sends them, and which fields, in its order.

What stands behind them is ours. `test_forms` has every field of every form.
"""

from __future__ import annotations

import pytest

import ufmi.protocol  # noqa: F401  (registers all forms)
from ufmi.protocol import FORMS, Role

OURS = ("network", "sender", "valid_until")
# Clause of the fields, name, the guide's fields.
INSTRUCTIONS = [
    ("7.5.1.4", "X1", Role.BROKER, "tx ag broker_user bank_user registry_user"),
    ("7.5.2.4", "X2", Role.BROKER, "tx ag unified remove add"),
    ("7.5.3.4", "X3", Role.BROKER, "tx ag unified broker_user"),
    ("8.5.1.4", "P1", Role.BROKER, "tx ag registry_asset bank"),
    ("8.5.2.4", "P2", Role.BROKER, "tx ag registry_asset"),
    ("8.5.3.5", "P3", Role.BROKER, "tx ag asset bank"),
    (
        "6.4",
        "Y1",
        Role.BROKER,
        "tx ag bank unified broker_user bank_user currency amount unit address",
    ),
    (
        "9.4.2.5",
        "Y2",
        Role.BROKER,
        "tx ag bank unified broker_user bank_user currency amount unit address",
    ),
    ("10.4.1.4", "Z1", Role.WALLET, "tx ag broker_user unified address registry_asset quantity"),
    ("10.4.2.4", "Z2", Role.REGISTRY, "tx manager asset"),
    ("11.5.1.4", "S1", Role.MATCHER, "tx number asset_class asset side"),
    ("11.5.2.4", "S2", Role.MATCHER, "tx number asset_class asset side"),
    ("11.5.3.4", "S3", Role.MATCHER, "tx manager asset_class asset side"),
    ("12.4.5", "T1", Role.MATCHER, "tx orders quantity price trade_time"),
]
ANSWERS = [
    ("7.5.1.5.1", "X1.bank", Role.BANK, "tx bank_user"),
    ("7.5.1.5.2", "X1.registry", Role.REGISTRY, "tx registry_user"),
    ("7.5.2.5.1", "X2.bank", Role.BANK, "tx bank_user"),
    ("7.5.2.5.2", "X2.registry", Role.REGISTRY, "tx registry_user"),
    (
        "7.5.2.5.3",
        "X2.update",
        Role.BROKER,
        "tx unified document bank_document registry_document",
    ),
    ("8.5.1.5.1", "P1.registry", Role.REGISTRY, "tx registry_asset"),
    ("8.5.2.5.1", "P2.registry", Role.REGISTRY, "tx registry_asset"),
    ("8.5.2.5.2", "P2.update", Role.BROKER, "tx asset"),
    ("9.4.1.6.1", "Y1.locked", Role.BANK, "tx locked"),
    ("9.4.2.6.2", "Y2.burn", Role.BANK, "tx"),
    ("9.4.2.6.2", "Y2.moved", Role.BANK, "tx moved"),
    ("9.4.2.6.3", "Y2.credited", Role.BANK, "tx paying amount"),
    ("10.4.1.5.1", "Z1.locked", Role.REGISTRY, "tx locked"),
    ("11.5.2.5.2", "S2.removed", Role.MATCHER, "tx"),
    ("11.5.4.5", "S4.adopted", Role.MATCHER, "tx adopted"),
]
# What UFMI sends, and its fields; more of ours may follow.
SENT = [
    ("7.5.1.5.3", "X1.result", "tx unified code"),
    ("7.5.2.5.4", "X2.result", "tx unified code"),
    ("7.5.3.5", "X3.result", "tx unified code"),
    ("8.5.1.5.2", "P1.result", "tx asset code"),
    ("8.5.2.5.3", "P2.result", "tx asset name code"),
    ("8.5.3.6", "P3.result", "tx asset code"),
    ("9.4.1.6.2", "Y1.result", "tx code mark quantity cash"),
    ("9.4.2.6.1", "Y2.checked", "tx passed"),
    ("9.4.2.6.1", "Y2.received", "tx mark quantity cash"),
    ("9.4.2.6.4", "Y2.result", "tx code"),
    ("10.4.1.5.2", "Z1.result", "tx code asset quantity address"),
    ("10.4.2.5", "Z2.result", "tx allowed"),
    ("10.4.3.4", "Z3", "tx asset quantity source target"),
    ("11.5.1.5.1", "S1.result", "tx legal broadcast adopters"),
    ("11.5.2.5.1", "S2.cancelled", "tx number asset_class asset side"),
    ("11.5.3.5", "S3.result", "tx allowed"),
    ("11.5.4.4", "S4", "tx number asset_class asset side"),
    ("12.4.6", "T1.settled", "tx orders quantity price trade_time"),
]


@pytest.mark.parametrize(("clause", "name", "role", "fields"), INSTRUCTIONS + ANSWERS)
def test_a_message_has_the_guides_fields_and_then_ours(
    clause: str, name: str, role: Role, fields: str
) -> None:
    wanted = tuple(fields.split())
    found = FORMS[name].__struct_fields__
    assert found[: len(wanted) + len(OURS)] == wanted + OURS, clause


@pytest.mark.parametrize(("clause", "name", "role", "fields"), INSTRUCTIONS + ANSWERS)
def test_a_message_comes_from_whom_the_guide_says(
    clause: str, name: str, role: Role, fields: str
) -> None:
    assert role in FORMS[name].ROLES, clause


@pytest.mark.parametrize(("clause", "name", "fields"), SENT)
def test_what_ufmi_sends_has_the_guides_fields(clause: str, name: str, fields: str) -> None:
    wanted = tuple(fields.split())
    assert FORMS[name].__struct_fields__[: len(wanted)] == wanted, clause
    assert not FORMS[name].ROLES, "nobody else sends it"
