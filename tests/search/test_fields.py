"""Fields: what is asked of records and of documents, and together with words."""

from __future__ import annotations

import pytest

from tests.documents.samples import account as about_account
from tests.documents.samples import person, product
from ufmi.errors import SearchError
from ufmi.protocol.codes import mark_code, user_id
from ufmi.protocol.records import Key, Mark

from .world import BANK, BROKER, REGISTRY, World, account, address, asset, party, user

LI, WANG = user_id(1), user_id(2)
MARK = mark_code(BANK, "CNY")


@pytest.fixture
def full(world: World) -> World:
    """Two users, three parties, two assets, a mark; documents about a user, account, product."""
    world.documents.keep((li := person("李明", text="合格投资者，关注 Tea 行业")).encode())
    world.documents.keep((cash := about_account("ZJ0001")).encode())
    world.documents.keep((tea := product("茶舍精品股份", values={"product_scale": 5})).encode())
    world.write(
        party(),
        party(BANK, "BANK", "Harbour 银行"),
        party(REGISTRY, "REGISTRY", "North 登记"),
        user(1, account(document=li.digest, bank_document=cash.digest, addresses=("uaa", "ubb"))),
        user(2, account(document="ff" * 32, broker_user="client-18", bank_confirmed="")),
        address("uaa", LI),
        address("ubb", LI, frozen=True),
        asset("茶舍股份", 1, document=tea.digest),
        asset("Bond 债", 2, asset_class="BOND", currency="USD", halted=True),
        Mark(MARK, BANK, "CNY", 2),
    )
    return world


TEA, BOND = asset("", 1).code, asset("", 2).code
QUESTIONS: dict[tuple[str, ...], list[str]] = {
    ("", "role=BROKER"): [BROKER],
    ("", "role=broker"): [BROKER],
    ("", "role=USER"): [LI, WANG],
    ("", "role~R"): [BROKER, LI, REGISTRY, WANG],
    ("", "type=party"): [BANK, BROKER, REGISTRY],
    ("", "type=mark"): [MARK],
    ("", "currency=CNY"): [MARK, TEA],
    ("", "currency=USD", "class=BOND"): [BOND],
    ("", "status=HALTED"): [BOND],
    ("", "status=PENDING"): [WANG],
    ("", f"broker={BROKER}"): [LI, WANG],
    ("", f"bank={BANK}"): [LI, MARK, WANG],
    ("", "broker_user=client-18"): [WANG],
    ("", "address=ubb"): [LI],
    ("", "address_status=FROZEN"): [LI],
    ("", "registry_asset=600002"): [BOND],
    ("", f"code={TEA}"): [TEA],
    ("", f"id={LI}"): [LI],
    ("", "name~茶"): [TEA],
    ("", "name~TEA"): [],
    ("", "name=李明"): [LI],
    ("", "name=李"): [],
    ("", "name~harbour"): [BANK],
    ("", f"person={1:064x}"): [LI],
    ("", "document=" + "ff" * 32): [WANG],
    ("", "subject_investor_name=李明"): [LI],
    ("", "personal_subject_basic_information.subject_investor_name~明"): [LI],
    (
        "",
        "subject_information.personal_subject_information"
        ".personal_subject_basic_information.subject_id_type=1",
    ): [LI],
    ("", "account_number=zj0001"): [LI],
    ("", "product_scale=5"): [TEA],
    ("", "product_name~精品", "currency=CNY"): [TEA],
    ("", "subject_company_name=李明"): [],
    ("", "name="): [],
    ("李", "role=USER"): [LI],
    ("投资者 tea", "status=ACTIVE"): [LI],
    ("投资者 tea", "status=PENDING"): [],
    ("zj0001",): [LI],
    ("600002",): [BOND],
    ("tea",): [LI],
    ("银行",): [BANK],
    ("uaa",): [LI],
    (f"{1:064x}",): [],  # digests are no words
}


@pytest.mark.parametrize("question", QUESTIONS, ids=" ".join)
def test_questions(full: World, question: tuple[str, ...]) -> None:
    assert full.ids(*question) == sorted(QUESTIONS[question])


def test_kinds(full: World) -> None:
    assert full.ids(kind="asset") == sorted([TEA, BOND, MARK])
    assert full.ids(kind="user") == sorted([LI, WANG, BROKER, BANK, REGISTRY])
    assert len(full.ids()) == 8
    for wrong in ("party", "x'", "USER"):
        with pytest.raises(SearchError, match="kind"):
            full.find(kind=wrong)


@pytest.mark.parametrize(
    "condition",
    [
        "colour=red",
        "x' or '1'='1=1",
        "name",
        "=x",
        "",
        "~",
        "na me=x",
        "name;=x",
        ".name=x",
        "subject_investor=x",
        "party.name=x",
        "\ud800=x",
    ],
)
def test_what_is_no_field_is_said(full: World, condition: str) -> None:
    with pytest.raises(SearchError) as problem:
        full.find("", condition)
    str(problem.value).encode()


def test_limits(full: World) -> None:
    found = full.find(limit=3)
    assert (len(found.hits), found.more, found.blocks) == (3, True, 1)
    assert not full.find(limit=8).more
    for wrong in (0, -1, 1_001):
        with pytest.raises(SearchError, match="limit"):
            full.find(limit=wrong)


def test_a_hit_says_what_it_is(full: World) -> None:
    (hit,) = full.find("李明").hits
    assert (hit.kind, hit.type, hit.id, hit.names) == ("user", "user", LI, ["李明"])
    assert hit.fields["broker"] == [BROKER]
    assert hit.fields["address"] == ["uaa", "ubb"]
    assert sorted(hit.documents.values()) == ["KEPT", "KEPT"]
    (other,) = full.find("", "status=PENDING").hits
    assert list(other.documents.values()) == ["MISSING"]


def test_what_changes_is_found_as_it_is_now(full: World) -> None:
    full.write(asset("咖啡股份", 1), party(name="Lotus 期货"), address("ubb", LI))
    assert full.ids("茶") == []
    assert full.ids("咖啡") == [TEA]
    assert full.ids("证券") == []
    assert full.ids("", "address_status=FROZEN") == []
    revoked = address("ucc", BANK)
    full.write(type(revoked)("ucc", BANK, Key("04", 1, 2)))
    assert full.ids("", "address_status=REVOKED") == [BANK]
    full.write(address("ucc", WANG))
    assert full.ids("ucc") == [WANG]
    full.write(removed=(f"asset/{BOND}", "address/ucc"))
    assert full.ids("债") == full.ids("ucc") == []


def test_a_document_that_comes_later_is_found(full: World) -> None:
    late = person("赵六")
    full.write(user(3, account(document=late.digest)))
    assert full.ids("赵六") == []
    full.documents.keep(late.encode())
    assert full.ids("赵六") == [user_id(3)]
    assert full.ids("", "subject_investor_name=赵六") == [user_id(3)]


@pytest.mark.parametrize(
    ("raw", "word", "where"),
    [
        ('{"name":"孙七","role":"BROKER","deep":{"colour":["红"]}}', "孙七", "document.name=孙七"),
        ("关于孙七的说明", "孙七", ""),
        ("[" * 30_000, "", ""),
        ('"\\ud800"', "", ""),
        ('{"salt":"x","structure":{},"text":"孙七","v":1}', "孙七", "document.text~孙"),
    ],
    ids=["own", "text", "deep", "half", "nearly"],
)
def test_documents_in_a_form_of_their_own_are_found_and_pass_for_nothing_else(
    full: World, raw: str, word: str, where: str
) -> None:
    digest = full.documents.keep(raw)
    full.write(user(3, account(document=digest)))
    if word:
        assert full.ids(word) == [user_id(3)]
    if where:
        assert full.ids("", where) == [user_id(3)]
    assert full.ids("", "role=BROKER") == [BROKER]
    assert full.ids("", "name=孙七") == []
    assert user_id(3) in full.ids("", "role=USER")


def test_a_field_that_only_documents_have_is_known_from_them(full: World) -> None:
    with pytest.raises(SearchError):
        full.find("", "colour=红")
    full.write(user(3, account(document=full.documents.keep('{"deep":{"colour":["红"]}}'))))
    assert full.ids("", "colour=红") == full.ids("", "deep.colour=红") == [user_id(3)]
    with pytest.raises(SearchError):
        full.find("", "eep.colour=红")
