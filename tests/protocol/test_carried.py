"""Forms within forms: what wallets and new keys signed, and the signatures that go with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ufmi.crypto import Sm2PublicKey
from ufmi.errors import InvalidField, MalformedText
from ufmi.protocol import FORMS, Claim, Form, Message, decode
from ufmi.protocol.text import join, join_list, join_struct, split

from . import builders, examples, transfers, updates

# Message, field, the form that it carries.
ALONE: list[tuple[Message, str, Form]] = [
    (builders.s1(), "order", builders.s1().order),
    (transfers.y2(), "order", transfers.y2().order),
]
LISTED: list[tuple[Message, str, str, Form]] = [
    (builders.x1(), "proofs", "bind", builders.x1().proofs[0].bind),
    (updates.x2(), "add", "bind", updates.x2().add[0].bind),
    (updates.x2(), "consent", "consent", updates.x2().consent[0].consent),
    (transfers.receive(), "proof", "bind", transfers.receive().proof[0].bind),
    (updates.rotate(), "proof", "possess", updates.rotate().proof[0].possess),
]
CARRYING = {made.NAME for made, *_ in (*ALONE, *LISTED)}
SIGNATURE = "30" * 8


def with_field(made: Form, field: str, value: str) -> str:
    """The form's text with any value in the place of one field."""
    name, fields = split(made.text())
    fields[FORMS[name].__struct_fields__.index(field)] = value
    return join(name, fields)


def carriers() -> list[tuple[Callable[[str], str], str, Form]]:
    """How any text is put in the place of a carried form, the name of the place, the form."""
    found: list[tuple[Callable[[str], str], str, Form]] = []
    for made, field, form in ALONE:
        found.append((lambda text, m=made, f=field: with_field(m, f, text), field, form))
    for made, field, part, form in LISTED:

        def put(text: str, m: Form = made, f: str = field) -> str:
            return with_field(m, f, join_list([join_struct([text, SIGNATURE])]))

        found.append((put, f"{field}.{part}", form))
    return found


CARRIERS = carriers()
IDS = [f"{made.NAME}.{field}" for made, field, *_ in (*ALONE, *LISTED)]


def test_what_a_wallet_signed_is_carried_whole() -> None:
    for made, field in ((builders.s1(), "order"), (transfers.y2(), "order")):
        text = getattr(made, field).text()
        escaped = text.replace("(", "%28").replace(",", "%2C").replace(")", "%29")
        assert f",{escaped}," in made.text()


@pytest.mark.parametrize("made", examples.messages(), ids=lambda made: made.NAME)
def test_every_signature_carried_inside_is_a_claim(made: Message) -> None:
    """Whoever checks a message's claims has checked all that is signed in it."""
    claims = made.claims()
    assert bool(claims) == (made.NAME in CARRYING)
    assert all(isinstance(claim, Claim) for claim in claims)
    for claim in claims:
        key = Sm2PublicKey.from_hex(claim.public_key)
        key.verify(bytes.fromhex(claim.signature), claim.text.encode())


def test_every_proof_of_an_address_is_a_claim() -> None:
    proofs = (builders.proof(name=1), builders.proof(name=2))
    wanted = [(one.bind.key, one.bind.text(), one.signature) for one in proofs]
    assert list(builders.x1(proofs=proofs).claims()) == wanted
    consented = updates.consented()
    consent = (consented.consent.key, consented.consent.text(), consented.signature)
    assert list(updates.x2(add=proofs, consent=(consented,)).claims()) == [*wanted, consent]
    assert updates.x2(add=(), consent=()).claims() == ()


@pytest.mark.parametrize(
    ("made", "key", "text", "signature"),
    [
        (one, one.order.key, one.order.text(), one.signature)
        for one in (builders.s1(), transfers.y2())
    ]
    + [
        (one, item.possess.key, item.possess.text(), item.signature)
        for one in (updates.rotate(),)
        for item in one.proof
    ]
    + [
        (one, item.bind.key, item.bind.text(), item.signature)
        for one in (transfers.receive(),)
        for item in one.proof
    ],
    ids=["S1", "Y2", "ROTATE", "RECEIVE"],
)
def test_a_claim_is_by_the_key_that_the_carried_text_names(
    made: Message, key: str, text: str, signature: str
) -> None:
    assert made.claims() == (Claim(key, text, signature),)


@pytest.mark.parametrize(("put", "place", "form"), CARRIERS, ids=IDS)
def test_another_form_is_not_carried(put: Callable[[str], str], place: str, form: Form) -> None:
    """Each place takes one form and no other, however valid."""
    text = form.text()
    others = [one.text() for one in examples.forms() if one.NAME != form.NAME]
    for other in (*others, text + " ", f"Q1{text}", text[:-1], text * 2, text.lower(), "", "x"):
        with pytest.raises(InvalidField) as caught:
            decode(put(other))
        assert caught.value.field == place
    assert decode(put(text)).text() == put(text)


@pytest.mark.parametrize(("put", "place", "form"), CARRIERS, ids=IDS)
def test_forms_carried_within_forms_end_in_a_refusal(
    put: Callable[[str], str], place: str, form: Form
) -> None:
    """At once, however deep: a form that carries is not read where one is carried."""
    text = put(form.text())
    for _ in range(10):
        text = put(text)
        with pytest.raises((InvalidField, MalformedText)):
            decode(text)


def test_what_is_carried_carries_nothing() -> None:
    """So that no text is deeper than its form."""
    inner = {form.NAME for *_, form in CARRIERS}
    assert inner == {"BIND", "CONSENT", "POSSESS", "ORDER", "WITHDRAW"}
    assert not inner & CARRYING


@pytest.mark.parametrize(("put", "place", "form"), CARRIERS, ids=IDS)
def test_a_broken_carried_form_names_the_field_inside(
    put: Callable[[str], str], place: str, form: Form
) -> None:
    with pytest.raises(InvalidField) as caught:
        decode(put(with_field(form, "key", "04")))
    assert caught.value.field == f"{place}.key"


def test_the_address_of_a_carried_key_follows_from_it() -> None:
    assert builders.bind(key=builders.public(2)).address == builders.address(2)
    assert updates.consent(key=builders.public(2)).address == builders.address(2)
    assert transfers.receive().address == builders.address("till")
    assert updates.rotate().new_key == builders.public("new bank")


@pytest.mark.parametrize(("make", "field"), [(builders.x1, "proofs"), (updates.x2, "add")])
def test_a_message_proves_at_most_eight_addresses(make: Callable[..., Message], field: str) -> None:
    proofs = tuple(builders.proof(name=at) for at in range(9))
    eight = make(**{field: proofs[:8]})
    assert decode(eight.text()) == eight
    with pytest.raises(InvalidField) as caught:
        decode(make(**{field: proofs}).text())
    assert caught.value.field == field


def test_the_largest_x2_fits_into_a_text() -> None:
    names = range(8)
    keys, homes = tuple(map(builders.public, names)), tuple(map(builders.address, names))
    consent = updates.consented(updates.consent(remove=homes, add=keys))
    proofs = tuple(builders.proof(name=at) for at in names)
    x2 = updates.x2(remove=homes, add=proofs, consent=(consent,))
    assert decode(x2.text()) == x2
    assert set(x2.addresses) == set(homes)
    assert len(x2.addresses) == 16
    answer = updates.x2_bank(addresses=x2.addresses)
    assert decode(answer.text()) == answer


@pytest.mark.parametrize("count", [0, 2])
@pytest.mark.parametrize(
    ("make", "field", "item"),
    [
        (transfers.receive, "proof", transfers.receive().proof[0]),
        (updates.rotate, "proof", updates.rotate().proof[0]),
    ],
    ids=["RECEIVE", "ROTATE"],
)
def test_one_proof_and_no_more(
    make: Callable[..., Message], field: str, item: object, count: int
) -> None:
    with pytest.raises(InvalidField) as caught:
        decode(make(**{field: (item,) * count}).text())
    assert caught.value.field == field


def test_an_update_has_one_consent_or_none() -> None:
    consent = updates.consented()
    for fits in ((), (consent,)):
        x2 = updates.x2(consent=fits)
        assert decode(x2.text()) == x2
    with pytest.raises(InvalidField) as caught:
        decode(updates.x2(consent=(consent, consent)).text())
    assert caught.value.field == "consent"
