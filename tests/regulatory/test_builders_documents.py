"""What documents add to objects, and what their erasure leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.market.drafts import BANK_A, BROKER_A, REGISTRY
from tests.market.examples import generated
from tests.market.market import MARKET, PARTIES
from ufmi.crypto import sm3_hex
from ufmi.protocol.codes import user_id
from ufmi.regulatory import check, object_type
from ufmi.regulatory.builders import ERASED, MISSING, UNREADABLE, Builder
from ufmi.regulatory.builders.documents import compose, content, is_organisation

from .reports import Reported, fold, group, of_type

USER = user_id(1)
PERSON = {"subject_investor_name": "李明", "subject_id_type": 1, "subject_id_number": "110"}


def document(structure: Any, **changes: Any) -> bytes:
    whole = {"salt": "00" * 16, "structure": structure, "text": "", "v": 1} | changes
    return json.dumps(whole, ensure_ascii=False).encode()


def person(**fields: Any) -> bytes:
    basics = {"personal_subject_basic_information": PERSON | fields}
    return document({"subject_information": {"personal_subject_information": basics}})


def organisation(**fields: Any) -> bytes:
    basics = {"subject_company_name": "茶馆有限公司"} | fields
    enterprise = {"basic_information_of_enterprise": {"basic_information_description": basics}}
    return document({"subject_information": {"organization_subject_information": enterprise}})


def world(*documents: bytes) -> Reported:
    """Parties alone, and who has these documents."""
    market = Reported({sm3_hex(one): one for one in documents})
    for party, role, of_market in PARTIES:
        market.admit_party(party, role, of_market)
    market.model = None
    return market


def register(market: Reported, raw: bytes, **answers: bytes) -> dict[str, Any]:
    """The subject of a user whose X1 names a document."""
    x1 = market.x1("dora", ["dora"], document=sm3_hex(raw))
    market.accept(x1, user=USER)
    bank, registry = (answers.get(name) for name in ("bank", "registry"))
    market.accept(
        market.x1_bank(x1, USER, document=sm3_hex(bank) if bank else ""),
        market.x1_registry(x1, USER, document=sm3_hex(registry) if registry else ""),
    )
    return subject(market)


def subject(market: Reported) -> dict[str, Any]:
    own = [
        one
        for one in of_type(market.archive.drafts, "subject")
        if one.object_id.endswith(f"-SU-{USER}")
    ]
    return group(own[-1])


def basics(found: dict[str, Any]) -> dict[str, Any]:
    return dict(found["personal_subject_information"]["personal_subject_basic_information"])


def test_a_person_is_what_his_document_says() -> None:
    raw = person(subject_gender=1, subject_birthday="1990-01-02")
    found = register(world(raw), raw)
    assert basics(found) == PERSON | {"subject_gender": 1, "subject_birthday": "1990-01-02"}
    general = found["basic_information_subject"]["general_information_subject"]
    assert general["subject_type"] == 2
    assert general["subject_create_time"].startswith("2025-06-15T")


@pytest.mark.parametrize(
    ("given", "word"),
    [(None, MISSING), ("erased", ERASED), (b"{", UNREADABLE), (document([]), UNREADABLE)],
)
def test_a_document_that_is_not_there_is_named(given: Any, word: str) -> None:
    raw = given if isinstance(given, bytes) else person()
    market = world()
    market.known[sm3_hex(raw)] = given
    found = basics(register(market, raw))
    assert (found["subject_investor_name"], found["subject_id_number"]) == (word, word)
    assert found["subject_id_type"] == 0


def test_another_document_under_a_digest_is_not_taken() -> None:
    market = world()
    market.known[sm3_hex(person())] = organisation()
    assert basics(register(market, person()))["subject_investor_name"] == UNREADABLE


def test_an_organisation_may_be_a_user() -> None:
    raw = organisation(subject_paid_in_capital=12)
    market = world(raw)
    found = register(market, raw)
    assert "personal_subject_information" not in found
    enterprise = found["organization_subject_information"]["basic_information_of_enterprise"]
    assert enterprise["basic_information_description"]["subject_paid_in_capital"] == 12
    assert is_organisation(market.known.get, sm3_hex(raw))
    market.list_asset("600001", 0)
    z1 = market.z1("dora", USER, "dora", "600001", 5)
    market.accept(z1, market.z1_locked(z1))
    (right,) = of_type(market.archive.drafts, "registration")
    description = group(right)["registration_rights"]["basic_information_rights"]
    assert description["basic_information_description"]["register_subject_type"] == 1


def test_what_does_not_fit_the_model_is_left_out() -> None:
    raw = person(
        subject_gender=7, subject_birthday="yesterday", subject_fantasy=1, subject_education=3
    )
    assert basics(register(world(raw), raw)) == PERSON | {"subject_education": 3}


def test_documents_of_bank_and_registry_go_into_their_accounts() -> None:
    opened = {"account_opening_agent_contact_number": "010"}
    cycle = {"account_cycle_information": {"account_opening_information": opened}}
    own = {"basic_account_information": {"account_purpose": [1, 2], "account_status": 3}}
    bank = document({"account_information": {**own, **cycle}})
    market = world(person(), bank)
    register(market, person(), bank=bank, registry=b"?")
    securities, cash = [group(one) for one in of_type(market.archive.drafts, "account")[-2:]]
    # The registry's is not here; that it was named is said.
    found = securities["account_cycle_information"]["account_opening_information"]
    assert found["account_opening_doc"] == [{"hash": sm3_hex(b"?"), "summary": MISSING}]
    found = cash["account_cycle_information"]["account_opening_information"]
    assert found["account_opening_agent_contact_number"] == "010"
    # The ledger knows better whether an account is frozen.
    assert cash["basic_account_information"]["account_status"] == 1
    assert cash["basic_account_information"]["account_purpose"] == [1, 2]


def test_an_issuer_is_named_by_the_document() -> None:
    basic = {
        "product_issuer_name": "茶馆有限公司",
        "product_issuer_subject_ref": "ELSEWHERE/0",
        "product_code": "600001",
        "product_scale": 1000,
    }
    raw = document(
        {"product_information": {"essential_information": {"basic_product_information": basic}}}
    )
    market = world(raw)
    p1 = market.p1("600001")
    market.accept(p1, market.p1_registry(p1, document=sm3_hex(raw)))
    product = group(market.archive.drafts[-1])
    found = product["essential_information"]["basic_product_information"]
    assert (found["product_issuer_name"], found["product_scale"]) == ("茶馆有限公司", 1000)
    # A reference that leads nowhere is not taken over, nor a code of somebody else's.
    assert found["product_issuer_subject_ref"].endswith(f"-SU-{REGISTRY}/0")
    assert found["product_code"] == p1.asset


def test_a_reference_of_a_document_that_leads_somewhere_stays() -> None:
    probe = world()
    reference = f"{probe.network[:12]}-SU-{BROKER_A}/0"
    raw = document(
        {
            "product_information": {
                "essential_information": {
                    "basic_product_information": {"product_issuer_subject_ref": reference}
                }
            }
        }
    )
    market = world(raw)
    p1 = market.p1("600001")
    market.accept(p1, market.p1_registry(p1, document=sm3_hex(raw)))
    found = group(market.archive.drafts[-1])["essential_information"]["basic_product_information"]
    assert found["product_issuer_subject_ref"] == reference


def test_erasure_changes_bodies_and_nothing_else() -> None:
    """Ids, versions and operations follow from the ledger alone."""
    raw, bank = person(), document({"account_information": {}})
    market = world(raw, bank)
    register(market, raw, bank=bank)
    erased = Builder(lambda digest: "erased")
    again = fold(market.blocks, erased)
    assert [one.header for one in again] == [one.header for one in market.archive.drafts]
    assert erased.checkpoint() == market.builder.checkpoint()
    changed = [
        one
        for one, other in zip(market.archive.drafts, again, strict=True)
        if one.body != other.body
    ]
    assert changed and all(one.documents and one.private for one in changed)
    assert {digest for one in changed for digest in one.documents} == {sm3_hex(raw), sm3_hex(bank)}


def test_a_market_is_found_for_every_product() -> None:
    """Who belongs to no market is reported at the first one; where there is none, at himself."""
    market = Reported()
    market.model = None
    market.admit_party(BROKER_A, "BROKER")
    market.admit_party(BANK_A, "BANK")
    market.admit_party(REGISTRY, "REGISTRY", "MXNON")
    market.accept(market.p1("600001"))
    found = group(market.archive.drafts[-1])["essential_information"]["basic_product_information"]
    assert found["product_market_subject_ref"].endswith(f"-SU-{BANK_A}/0")
    market.admit_party(MARKET, "MARKET")
    market.accept(market.p1("600001", currency="USD"))
    found = group(market.archive.drafts[-1])["essential_information"]["basic_product_information"]
    assert found["product_market_subject_ref"].endswith(f"-SU-{MARKET}/0")


_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 300)
    | st.sampled_from(["", "156", "1990-01-02", "2026-03-02T17:00:00+08:00", "A/0", "x" * 600]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=6,
)


@st.composite
def _structures(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Groups of a type with any values whatever in their members."""

    def fill(members: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, member in members.items():
            if not draw(st.booleans()):
                continue
            inner = getattr(member, "members", None)
            if inner and draw(st.integers(0, 5)):
                found[name] = [fill(inner)] if member.many else fill(inner)
            else:
                found[name] = draw(_VALUES)
        return found

    return fill(object_type(kind).group.members)


@generated(60)
@given(found=_structures("subject"))
def test_any_subject_document_makes_a_valid_object(found: dict[str, Any]) -> None:
    """Through the contract and the builder; `Reported` checks every object strictly."""
    raw = document({"subject_information": found})
    register(_fresh({sm3_hex(raw): raw}), raw)


@generated(60)
@given(found=_structures("product"))
def test_any_product_document_makes_a_valid_object(found: dict[str, Any]) -> None:
    raw = document({"product_information": found})
    market = _fresh({sm3_hex(raw): raw})
    p1 = market.p1("600001")
    market.accept(p1, market.p1_registry(p1, document=sm3_hex(raw)))
    assert not check(market.archive.drafts[-1].snapshot, lookup=market.archive.lookup)


def _fresh(known: dict[str, Any]) -> Reported:
    market = world()
    market.known.update(known)
    return market


@generated(200)
@given(
    raw=st.binary(max_size=60)
    | st.recursive(st.text() | st.integers(), st.lists).map(
        lambda value: json.dumps(value).encode()
    )
)
def test_no_bytes_make_reading_a_document_fail(raw: bytes) -> None:
    said = content({sm3_hex(raw): raw}.get, sm3_hex(raw), "subject")
    assert said.structure == {} and said.word == UNREADABLE
    assert compose("subject", {}, {}, {"a": 1}, lambda _, __: False) == {
        "subject_information": {"a": 1}
    }
