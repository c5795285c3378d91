"""The forms of all messages: their fields in order, and the exact round trip of each."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ufmi.errors import InvalidField, MalformedText
from ufmi.protocol import FORMS, Form, Message, Role, UnknownName, decode
from ufmi.protocol.message import form, message
from ufmi.protocol.text import TEXT_BYTES_MAX, join, split

from . import builders, strategies

OURS = "network sender valid_until "
# The fields of every message: those of the guide (chapter 6.4 for Y1), then ours.
MESSAGES = {
    "X1": "tx ag broker_user bank_user registry_user "
    + OURS
    + "bank registry document person unified proofs",
    "X1.bank": "tx bank_user " + OURS + "ag unified accepted answered document",
    "X1.registry": "tx registry_user " + OURS + "ag unified accepted answered document",
    "P1": "tx ag registry_asset bank " + OURS + "registry currency",
    "P1.registry": "tx registry_asset "
    + OURS
    + "ag accepted answered name asset_class decimals currency document",
    "Y1": "tx ag bank unified broker_user bank_user currency amount unit address " + OURS,
    "Y1.locked": "tx locked " + OURS + "ag address mark amount answered",
    "Z1": "tx ag broker_user unified address registry_asset quantity " + OURS + "registry",
    "Z1.locked": "tx locked " + OURS + "ag address asset quantity answered",
    "S1": "tx number asset_class asset side " + OURS + "market order signature",
    "T1": "tx orders quantity price trade_time " + OURS + "market legs",
    "ADMIT": "tx party role market name key " + OURS,
    "REVOKE": "tx subject key " + OURS,
    "EXPIRE": "tx kind owner number " + OURS + "side asset",
}
# How many of them come before ours.
GUIDE = {
    "X1": 5,
    "X1.bank": 2,
    "X1.registry": 2,
    "P1": 4,
    "P1.registry": 2,
    "Y1": 10,
    "Y1.locked": 2,
    "Z1": 7,
    "Z1.locked": 2,
    "S1": 5,
    "T1": 5,
    "ADMIT": 6,
    "REVOKE": 3,
    "EXPIRE": 4,
}
# What wallets sign, and what UFMI answers.
OTHERS = {
    "BIND": "network valid_until ag tx user key",
    "ORDER": "number asset_class asset side network valid_until address key price quantity "
    "currency matchers broadcast",
    "X1.result": "tx unified code ag",
    "P1.result": "tx asset code ag mark",
    "Y1.result": "tx code mark quantity cash ag",
    "Z1.result": "tx code asset quantity address",
    "S1.result": "tx legal broadcast adopters number code",
    "T1.result": "tx code quantity detail",
    "OUTCOME": "tx message code",
    "ENDED": "kind owner number",
}
SENDERS = {
    **dict.fromkeys(["X1", "P1", "Y1"], {Role.BROKER}),
    **dict.fromkeys(["X1.bank", "Y1.locked"], {Role.BANK}),
    **dict.fromkeys(["X1.registry", "P1.registry", "Z1.locked"], {Role.REGISTRY}),
    **dict.fromkeys(["S1", "T1"], {Role.MATCHER}),
    "Z1": {Role.WALLET},
    "ADMIT": {Role.OPERATOR},
    **dict.fromkeys(["REVOKE", "EXPIRE"], set(Role)),
}
NAMES = sorted(MESSAGES | OTHERS)


def test_every_form_is_specified_here() -> None:
    found = strategies.own_forms()
    assert {name for name, cls in found.items() if issubclass(cls, Message)} == set(MESSAGES)
    assert set(found) == set(NAMES)
    assert {one.NAME for one in builders.forms()} == set(NAMES)


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


def test_what_a_wallet_signed_is_carried_whole() -> None:
    s1 = builders.s1()
    escaped = s1.order.text().replace("(", "%28").replace(",", "%2C").replace(")", "%29")
    assert f",{escaped}," in s1.text()
    (claim,) = s1.claims()
    assert claim.text == s1.order.text()
    assert (claim.public_key, claim.signature) == (s1.order.key, s1.signature)


def test_every_proof_of_an_address_is_a_claim() -> None:
    proofs = (builders.proof(name=1), builders.proof(name=2))
    claims = builders.x1(proofs=proofs).claims()
    assert [(one.public_key, one.text, one.signature) for one in claims] == [
        (one.bind.key, one.bind.text(), one.signature) for one in proofs
    ]


@pytest.mark.parametrize("made", builders.forms(), ids=lambda made: made.NAME)
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


def s1_carrying(text: str) -> str:
    """An S1 with any text in the place of its order."""
    name, fields = split(builders.s1().text())
    fields[FORMS["S1"].__struct_fields__.index("order")] = text
    return join(name, fields)


def test_another_form_is_not_carried() -> None:
    """S1 carries an ORDER and nothing else, however valid."""
    order = builders.s1().order.text()
    others = [builders.bind().text(), builders.y1().text(), builders.s1().text(), "", "x"]
    for other in (*others, order + " ", f"Q1{order}", order[:-1], order * 2, order.lower()):
        with pytest.raises(InvalidField) as caught:
            decode(s1_carrying(other))
        assert caught.value.field == "order"
    carried = decode(s1_carrying(order))
    assert isinstance(carried, builders.S1)
    assert carried.order == builders.s1().order


def test_forms_carried_within_forms_end_in_a_refusal() -> None:
    text = builders.s1().text()
    for _ in range(10):
        text = s1_carrying(text)
        with pytest.raises((InvalidField, MalformedText)):
            decode(text)


def test_a_broken_carried_form_names_the_field_inside() -> None:
    broken = builders.order(price=0)
    with pytest.raises(InvalidField) as caught:
        decode(builders.s1(of=broken).text())
    assert caught.value.field == "order.price"


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


def test_x1_has_at_most_eight_addresses() -> None:
    proofs = tuple(builders.proof(name=at) for at in range(9))
    eight = builders.x1(proofs=proofs[:8])
    assert decode(eight.text()) == eight
    with pytest.raises(InvalidField) as caught:
        decode(builders.x1(proofs=proofs).text())
    assert caught.value.field == "proofs"


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
