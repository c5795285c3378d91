"""The forms of all messages: their fields in order, and the exact round trip of each."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.errors import InvalidField, MalformedText
from ufmi.protocol import FORMS, Form, Message, Role, UnknownName, decode
from ufmi.protocol.message import form, message
from ufmi.protocol.text import TEXT_BYTES_MAX

from . import builders, examples, strategies

OURS = "network sender valid_until "
# The fields of every message: those of the guide (chapter 6.4 for Y1), then ours.
MESSAGES = {
    "X1": "tx ag broker_user bank_user registry_user "
    + OURS
    + "bank registry document person unified proofs",
    "X1.bank": "tx bank_user " + OURS + "ag unified accepted answered document",
    "X1.registry": "tx registry_user " + OURS + "ag unified accepted answered document",
    "X2": "tx ag unified remove add " + OURS + "bank registry consent",
    "X2.bank": "tx bank_user " + OURS + "ag unified accepted answered addresses document",
    "X2.registry": "tx registry_user " + OURS + "ag unified accepted answered addresses document",
    "X2.update": "tx unified document bank_document registry_document " + OURS + "answered",
    "X3": "tx ag unified broker_user " + OURS,
    "P1": "tx ag registry_asset bank " + OURS + "registry currency",
    "P1.registry": "tx registry_asset "
    + OURS
    + "ag accepted answered name asset_class decimals currency document",
    "P2": "tx ag registry_asset " + OURS + "bank registry",
    "P2.registry": "tx registry_asset " + OURS + "ag accepted answered name document",
    "P2.update": "tx asset " + OURS + "answered name document",
    "P3": "tx ag asset bank " + OURS,
    "Y1": "tx ag bank unified broker_user bank_user currency amount unit address " + OURS,
    "Y1.locked": "tx locked " + OURS + "ag address mark amount answered",
    "RECEIVE": "tx proof " + OURS,
    "Y2": "tx ag bank unified broker_user bank_user currency amount unit address "
    + OURS
    + "marks order signature",
    "Y2.burn": "tx " + OURS + "ag address mark amount burn answered",
    "Y2.moved": "tx moved " + OURS + "ag address mark amount attempt answered",
    "Y2.credited": "tx paying amount " + OURS + "ag address mark received attempt answered",
    "Z1": "tx ag broker_user unified address registry_asset quantity " + OURS + "registry",
    "Z1.locked": "tx locked " + OURS + "ag address asset quantity answered",
    "Z2": "tx manager asset " + OURS + "subscribe",
    "S1": "tx number asset_class asset side " + OURS + "market order signature",
    "S2": "tx number asset_class asset side " + OURS + "address",
    "CANCEL": "tx number asset_class asset side " + OURS,
    "S2.removed": "tx " + OURS + "by address number",
    "S3": "tx manager asset_class asset side " + OURS + "subscribe",
    "S4.adopted": "tx adopted " + OURS + "publisher address number",
    "T1": "tx orders quantity price trade_time " + OURS + "market legs",
    "ADMIT": "tx party role market name key " + OURS,
    "REVOKE": "tx subject key " + OURS,
    "ROTATE": "tx subject key proof certificate " + OURS,
    "STATUS": "tx kind subject status " + OURS,
    "ACTIVATE": "tx rules " + OURS,
    "EXPIRE": "tx kind owner number " + OURS + "side asset",
}
# How many of them come before ours.
GUIDE = {
    "X1": 5,
    "X1.bank": 2,
    "X1.registry": 2,
    "X2": 5,
    "X2.bank": 2,
    "X2.registry": 2,
    "X2.update": 5,
    "X3": 4,
    "P1": 4,
    "P1.registry": 2,
    "P2": 3,
    "P2.registry": 2,
    "P2.update": 2,
    "P3": 4,
    "Y1": 10,
    "Y1.locked": 2,
    "RECEIVE": 2,
    "Y2": 10,
    "Y2.burn": 1,
    "Y2.moved": 2,
    "Y2.credited": 3,
    "Z1": 7,
    "Z1.locked": 2,
    "Z2": 3,
    "S1": 5,
    "S2": 5,
    "CANCEL": 5,
    "S2.removed": 1,
    "S3": 5,
    "S4.adopted": 2,
    "T1": 5,
    "ADMIT": 6,
    "REVOKE": 3,
    "ROTATE": 5,
    "STATUS": 4,
    "ACTIVATE": 2,
    "EXPIRE": 4,
}
# What wallets sign, and what UFMI answers.
OTHERS = {
    "BIND": "network valid_until ag tx user key",
    "CONSENT": "network valid_until ag tx unified remove add key",
    "POSSESS": "network valid_until tx subject key",
    "ORDER": "number asset_class asset side network valid_until address key price quantity "
    "currency matchers broadcast",
    "WITHDRAW": "number network valid_until address key ag bank payee currency amount",
    "X1.result": "tx unified code ag",
    "X2.result": "tx unified code ag addresses",
    "X3.result": "tx unified code ag account",
    "P1.result": "tx asset code ag mark",
    "P2.result": "tx asset name code ag",
    "P3.result": "tx asset code ag information",
    "Y1.result": "tx code mark quantity cash ag",
    "RECEIVE.result": "tx address code",
    "Y2.checked": "tx passed code ag",
    "Y2.received": "tx mark quantity cash ag bank payee address answered",
    "Y2.status": "tx ag mark code status bank address amount answered",
    "Y2.result": "tx code paid returned ag address",
    "Z1.result": "tx code asset quantity address",
    "Z2.result": "tx allowed code",
    "Z3": "tx asset quantity source target network matcher leg",
    "S1.result": "tx legal broadcast adopters number code",
    "S2.result": "tx number code",
    "S2.cancelled": "tx number asset_class asset side network by address",
    "S3.result": "tx allowed code",
    "S4": "tx number asset_class asset side network publisher address price quantity currency "
    "valid_until",
    "T1.result": "tx code quantity detail",
    "T1.settled": "tx orders quantity price trade_time network matcher legs",
    "OUTCOME": "tx message code",
    "ENDED": "kind owner number",
    "CHANGED": "kind subject status",
}
INSTITUTIONS = {
    *(Role.MARKET, Role.BROKER, Role.BANK, Role.REGISTRY, Role.MATCHER, Role.REPORTER),
    Role.REGULATOR,
}
SENDERS = {
    **dict.fromkeys(["X1", "X2", "X2.update", "P1", "P2", "P2.update", "Y1", "Y2"], {Role.BROKER}),
    **dict.fromkeys(["X1.bank", "X2.bank", "Y1.locked", "RECEIVE"], {Role.BANK}),
    **dict.fromkeys(["Y2.burn", "Y2.moved", "Y2.credited"], {Role.BANK}),
    **dict.fromkeys(["X1.registry", "X2.registry", "P1.registry", "P2.registry"], {Role.REGISTRY}),
    **dict.fromkeys(["Z1.locked", "Z2"], {Role.REGISTRY}),
    **dict.fromkeys(["S1", "S2", "S2.removed", "S3", "S4.adopted", "T1"], {Role.MATCHER}),
    **dict.fromkeys(["Z1", "CANCEL"], {Role.WALLET}),
    "X3": {Role.BROKER, Role.BANK, Role.REGISTRY},
    "P3": INSTITUTIONS - {Role.MARKET},
    **dict.fromkeys(["ADMIT", "ACTIVATE"], {Role.OPERATOR}),
    "STATUS": {Role.OPERATOR, Role.REGULATOR},
    "ROTATE": {*INSTITUTIONS, Role.OPERATOR},
    **dict.fromkeys(["REVOKE", "EXPIRE"], set(Role)),
}
NAMES = sorted(MESSAGES | OTHERS)


def test_every_form_is_specified_here() -> None:
    found = strategies.own_forms()
    assert {name for name, cls in found.items() if issubclass(cls, Message)} == set(MESSAGES)
    assert set(found) == set(NAMES)
    assert {one.NAME for one in examples.forms()} == set(NAMES)
    assert len(examples.forms()) == len(NAMES)
    assert {one.NAME for one in (*examples.messages(), *examples.queries())} == set(MESSAGES)


@pytest.mark.parametrize("name", NAMES)
def test_the_fields_stand_in_the_order_of_the_guide(name: str) -> None:
    assert " ".join(FORMS[name].__struct_fields__) == (MESSAGES | OTHERS)[name].strip()


@pytest.mark.parametrize("name", MESSAGES)
def test_ours_begin_with_network_sender_and_valid_until(name: str) -> None:
    fields, guides = FORMS[name].__struct_fields__, GUIDE[name]
    assert fields[0] == "tx"
    assert fields[guides : guides + 3] == ("network", "sender", "valid_until")


@pytest.mark.parametrize("name", MESSAGES)
def test_only_the_right_roles_send_a_message(name: str) -> None:
    cls = FORMS[name]
    assert issubclass(cls, Message)
    assert SENDERS[name] == cls.ROLES


def test_only_two_messages_ask_and_are_not_ordered() -> None:
    found = {name for name in MESSAGES if FORMS[name].QUERY}  # type: ignore[attr-defined]
    assert found == {"X3", "P3"} == {one.NAME for one in examples.queries()}


def test_what_can_change_the_key_of_a_known_sender_says_so() -> None:
    found = {name for name in MESSAGES if FORMS[name].CHANGES_SIGNERS}  # type: ignore[attr-defined]
    assert found == {"ADMIT", "REVOKE", "ROTATE", "STATUS"}


@pytest.mark.parametrize("name", OTHERS)
def test_what_nobody_sends_is_no_message(name: str) -> None:
    assert not FORMS[name].ROLES
    assert not issubclass(FORMS[name], Message)


@pytest.mark.parametrize("name", NAMES)
def test_every_form_survives_its_text(name: str) -> None:
    @settings(deadline=None, max_examples=25)
    @given(strategies.form(name))
    def survives(made: Form) -> None:
        text = made.text()
        read = decode(text)
        assert read == made
        assert type(read) is type(made)
        assert read.text() == text
        assert text.startswith(f"{name}(")

    survives()


@settings(deadline=None, max_examples=60)
@given(strategies.any_form(), strategies.any_form())
def test_different_forms_have_different_texts(one: Form, other: Form) -> None:
    same = type(one) is type(other) and one == other
    assert (one.text() == other.text()) == same


def test_y1_is_written_as_in_the_guide() -> None:
    expected = (
        f"Y1(Y1-1,NBROKERCN001,NBANKSACN001,L000000001,b-1,k-1,CNY,10000,2,{builders.address(1)},"
        f"{builders.NETWORK},NBROKERCN001,1900000000000)"
    )
    assert builders.y1().text() == expected


def test_lists_and_structures_are_written_with_semicolons_and_colons() -> None:
    text = builders.t1().text()
    orders = ";".join(
        f"{number}:EQUITY:{builders.ASSET}:{side}:{builders.address(owner)}"
        for number, side, owner in [("O-1", "BUY", 1), ("O-2", "SELL", 2)]
    )
    assert text.startswith(f"T1(T1-1,{orders},10,1000,")
    assert text.endswith(",MXDEM,0:1:10:1000)")


@pytest.mark.parametrize("made", examples.forms(), ids=lambda made: made.NAME)
def test_a_missing_or_additional_field_is_refused(made: Form) -> None:
    text = made.text()
    for wrong in (text[:-1] + ",)", text[:-1] + ",x)", text[: text.rindex(",")] + ")"):
        with pytest.raises(MalformedText):
            decode(wrong)
    with pytest.raises(MalformedText):
        decode(text.replace("(", "(x,", 1))


@pytest.mark.parametrize("text", ["Q1(x)", "Y1.nonesuch(x)", "FORM()", "Y(x)", "Y11(x)"])
def test_an_unknown_name_is_told_apart(text: str) -> None:
    with pytest.raises(UnknownName):
        decode(text)


@pytest.mark.parametrize(
    "matchers", [";", ";{0}", "{0};", "{0};;{0}", "x", "{0};x", ";".join(["{0}"] * 9)]
)
def test_lists_have_no_empty_items_and_a_limit(matchers: str) -> None:
    head, tail = builders.order(matchers=()).text().split(",CNY,,")
    with pytest.raises(InvalidField) as caught:
        decode(f"{head},CNY,{matchers.format(builders.MATCHER)},{tail}")
    assert caught.value.field == "matchers"


@pytest.mark.parametrize("count", [0, 1, 13])
def test_t1_has_two_to_twelve_orders(count: int) -> None:
    with pytest.raises(InvalidField):
        decode(builders.t1(orders=builders.t1().orders[:1] * count).text())


@pytest.mark.parametrize("count", [0, 13])
def test_t1_has_one_to_twelve_legs(count: int) -> None:
    with pytest.raises(InvalidField):
        decode(builders.t1(legs=builders.t1().legs * count).text())


def test_the_largest_t1_fits_into_a_text() -> None:
    t1 = builders.t1(orders=builders.t1().orders * 6, legs=builders.t1().legs * 12)
    assert decode(t1.text()) == t1


@pytest.mark.parametrize("legs", ["0:1:10", "0:1:10:1000:1", "0", ":::", "0:1:10:1000:"])
def test_a_structure_has_exactly_its_parts(legs: str) -> None:
    with pytest.raises(InvalidField):
        decode(builders.t1().text().replace("0:1:10:1000", legs))


def test_a_text_has_a_greatest_length_in_bytes() -> None:
    for filler in ("x", "甲"):
        with pytest.raises(MalformedText, match="longer"):
            decode(f"Y1({filler * (TEXT_BYTES_MAX // len(filler.encode()))})")


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(["\ud800", "\udfff", "a\udc80b"]))
def test_a_lone_surrogate_is_no_text(broken: str) -> None:
    for text in (broken, f"Y1({broken})", builders.y1(broker_user=broken).text()):
        with pytest.raises(MalformedText):
            decode(text)


def test_a_name_is_given_once() -> None:
    class Again(Form, frozen=True):
        pass

    with pytest.raises(TypeError, match="two forms are named Y1"):
        form("Y1")(Again)
    assert FORMS["Y1"] is builders.Y1


def test_a_field_without_a_kind_is_a_mistake_of_the_programmer() -> None:
    class Plain(Message, frozen=True):
        tx: str

    with pytest.raises(TypeError, match="no kind"):
        message("PLAIN", Role.BROKER)(Plain)
    assert "PLAIN" not in FORMS


def test_forms_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        builders.y1().amount = 1  # type: ignore[misc]
