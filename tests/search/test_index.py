"""The index of a node: it follows the ledger, and clients send documents along."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.documents.samples import account, person, product
from tests.market.drafts import BANK_A, BROKER_A, REGISTRY
from tests.market.node_market import NodeMarket
from ufmi import Index, Node
from ufmi.crypto import sm3_hex
from ufmi.documents import Document, read
from ufmi.errors import DocumentErased, NotFound, Refused, SearchError
from ufmi.frontend import Delivery
from ufmi.legacy.books import SqliteBook
from ufmi.protocol import read_line
from ufmi.protocol.codes import asset_code, user_id
from ufmi.sdk import Bank, Description, DocumentBook
from ufmi.search import erase, find_offline
from ufmi.search import index as module

from .world import contents

ASSET = asset_code(REGISTRY, "600001")


class TellingBook(SqliteBook):
    """A book that offers a document about every account."""

    def document(self, account_id: str, unified: str) -> Document | None:
        return account(account_id, values={"account_subject_ref": f"{unified}/0"})


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A market with an asset; do not write to it."""
    folder = tmp_path_factory.mktemp("market") / "data"
    NodeMarket.found(folder).close()
    return folder


@pytest.fixture
def market(founded: Path, tmp_path: Path) -> Iterator[NodeMarket]:
    opened = NodeMarket(Path(shutil.copytree(founded, tmp_path / "data")), [])
    yield opened
    opened.close()


def register(market: NodeMarket, name: str, document: Any, **more: Any) -> str:
    """A user with a document about him; his unified id."""
    wallet = market.wallet(name)
    tx = f"x1-{name}"
    executed = market.broker.register_user(
        broker_user=name,
        bank=BANK_A,
        bank_user=f"{name} at bank",
        registry=REGISTRY,
        registry_user=f"{name} at registry",
        person=sm3_hex(name.encode()),
        document=document,
        proofs=[wallet.bind(broker=BROKER_A, tx=tx, user=name)],
        tx=tx,
        **more,
    )
    return str(executed.result.data["unified"])


def ids(index: Index, text: str = "", **more: Any) -> list[str]:
    return [hit.id for hit in index.find(text, **more).hits]


def test_a_user_is_found_as_soon_as_he_is_registered(market: NodeMarket) -> None:
    with Index(market.node) as index:
        assert ids(index, "李明") == []
        unified = register(market, "li", person("李明"))
        assert ids(index, "李明") == ids(index, "李") == [unified]
        assert ids(index, kind="user", where=["subject_investor_name=李明"]) == [unified]
        assert ids(index, kind="asset", text="李明") == []
        assert ids(index, "600001", kind="asset") == [ASSET]
        assert ids(index, where=["role=BANK"]) == sorted(
            party for party, record in parties(market) if record == "BANK"
        )
        (hit,) = index.find("李明").hits
        assert hit.documents == {person_digest(market, unified): "KEPT"}
        with pytest.raises(SearchError):
            index.find("x", where=["x"])


def parties(market: NodeMarket) -> list[tuple[str, str]]:
    from ufmi.protocol.records import Party

    return [(record.id, record.role) for _, record in market.node.records("party/", Party)]


def person_digest(market: NodeMarket, unified: str) -> str:
    user = market.node.user(unified)
    assert user is not None
    return user.accounts[0].document


def test_an_object_or_a_digest_with_or_without_its_document(market: NodeMarket) -> None:
    documents = market.node.frontend.documents
    one, two, three, four = (person(name) for name in ("甲一", "乙二", "丙三", "丁四"))
    register(market, "one", one)
    register(market, "two", two.digest, documents=(two.encode(),))
    register(market, "three", three.digest)
    register(market, "four", four, documents=(four.encode(),))
    kept = documents.digests()
    assert {one.digest, two.digest, four.digest} <= kept
    assert three.digest not in kept
    with Index(market.node) as index:
        found = [ids(index, name) for name in ("甲一", "乙二", "丙三", "丁四")]
        assert found == [[user_id(1)], [user_id(2)], [], [user_id(4)]]
    with pytest.raises(Refused, match="FIELD_INVALID"):
        register(market, "five", one.digest, documents=("another",))


def test_books_and_registries_may_offer_documents(market: NodeMarket, tmp_path: Path) -> None:
    node = market.node
    node.frontend.disconnect(BANK_A, market.bank.receive)
    book = TellingBook(tmp_path / "telling")
    assert isinstance(book, DocumentBook)
    assert not isinstance(market.books[BANK_A], DocumentBook)
    bank = Bank(node, BANK_A, market.bank.signer, book)
    book.credit("li at bank", "CNY", 0)
    heard: list[Delivery] = []
    node.frontend.connect("", heard.append)
    market.books[REGISTRY].credit("li at registry", "600001", 0)
    unified = register(market, "li", person("李明"))
    user = node.user(unified)
    assert user is not None
    (record,) = user.accounts
    assert record.status == "ACTIVE"
    assert record.registry_document == ""
    raw = node.frontend.documents.read(record.bank_document)
    assert read(raw).kind == "account"
    assert read_line(book.answer((BROKER_A, "x1.x1-li"))).documents == (raw,)
    # It reaches the broker who asked (7.5.1.5.1); the person's own goes to nobody else.
    beside = {
        (one.to, one.text.split("(")[0]): one.line.documents
        for one in heard
        if one.line is not None
    }
    assert beside[BROKER_A, "X1.bank"] == (raw,)
    assert beside[BANK_A, "X1"] == beside[REGISTRY, "X1"] == ()
    node.frontend.disconnect("", heard.append)
    with Index(node) as index:
        assert ids(index, where=["account_number=li at bank"]) == [unified]
    # A user whom the bank does not know has no document there.
    other = register(market, "wang", person("王五"))
    refused = node.user(other)
    assert refused is not None
    assert refused.accounts[0].bank_document == ""
    node.frontend.disconnect(BANK_A, bank.receive)
    book.close()


def test_a_product_is_found_by_its_document(market: NodeMarket) -> None:
    paper = product("茶舍精品股份")
    market.registry.assets["600002"] = Description("Tea", "STOCK", 0, "CNY", paper)
    market.broker.register_asset(
        registry=REGISTRY, registry_asset="600002", bank=BANK_A, currency="CNY"
    )
    code = asset_code(REGISTRY, "600002")
    with Index(market.node) as index:
        assert ids(index, "茶舍") == ids(index, where=["product_code=600001"]) == [code]
        assert index.find("茶舍").hits[0].names == ["Tea", "茶舍精品股份"]


def test_followed_or_built_anew_it_says_the_same(market: NodeMarket, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "_BLOCKS_AT_ONCE", 3)
    folder = market.folder / "search"
    with Index(market.node) as index:
        for name, written in (("one", "甲一"), ("two", "乙二"), ("three", "丙三")):
            register(market, name, person(written))
            index.update()
        before = contents(folder)
        height = market.node.channel.height()
        assert index.update() == height
        assert contents(folder) == before
        assert index.rebuild() == height
        assert contents(folder) == before
    shutil.rmtree(folder)
    with Index(market.node) as index:
        assert index.update() == height
    assert contents(folder) == before


def test_it_goes_on_after_a_restart(market: NodeMarket) -> None:
    with Index(market.node) as index:
        index.update()
    unified = register(market, "li", person("李明"))
    market.node.close()
    with Node.open(market.folder) as node, Index(node) as index:
        assert ids(index, "李明") == [unified]


def test_an_index_of_another_ledger_is_made_anew(
    founded: Path, market: NodeMarket, tmp_path: Path
) -> None:
    with Index(market.node) as index:
        register(market, "li", person("李明"))
        assert len(ids(index, "李明")) == 1
    # Set back to before the user, and to a ledger of others.
    back = Path(shutil.copytree(founded, tmp_path / "back"))
    other = tmp_path / "other"
    Node.create(other).close()
    for folder in (back, other):
        shutil.copytree(market.folder / "search", folder / "search")
        with Node.open(folder) as node, Index(node) as index:
            assert index.update() == node.channel.height()
            before = contents(folder / "search")
            assert not any("李" in str(row) for rows in before.values() for row in rows)
            index.rebuild()
            assert contents(folder / "search") == before


def test_a_damaged_index_is_made_anew_when_asked(market: NodeMarket) -> None:
    with Index(market.node) as index:
        index.update()
    (market.folder / "search" / "index.sqlite").write_bytes(b"nonsense" * 1_000)
    with Index(market.node) as index:
        index.rebuild()
        assert ids(index, "600001") == [ASSET]


def test_erasing_takes_a_document_out_of_everything(market: NodeMarket) -> None:
    paper = person("李明")
    unified = register(market, "li", paper)
    with Index(market.node) as index:
        assert ids(index, "李明") == [unified]
        tombstone = index.erase(paper.digest, "by the wish of the person")
        assert tombstone.time == market.clock.now_ms()
        assert "李".encode() not in (market.folder / "search" / "index.sqlite").read_bytes()
        assert ids(index, "李明") == []
        (hit,) = index.find(where=[f"id={unified}"]).hits
        assert hit.documents == {paper.digest: "ERASED"}
        with pytest.raises(DocumentErased):
            market.node.frontend.documents.read(paper.digest)
        with pytest.raises(NotFound):
            index.erase("00" * 32)


def test_without_the_ledger_it_answers_as_far_as_it_has_come(market: NodeMarket) -> None:
    folder, paper = market.folder, person("李明")
    assert find_offline(folder, "李明").blocks == 0
    unified = register(market, "li", paper)
    with Index(market.node) as index:
        blocks = index.update()
        found = find_offline(folder, "李明", kind="user", where=["role=USER"], limit=1)
        assert ([hit.id for hit in found.hits], found.blocks) == ([unified], blocks)
        # Erased by another process, while this one has the ledger.
        erase(
            folder,
            type(market.node.frontend.documents)(folder / "frontend/documents"),
            paper.digest,
        )
        assert find_offline(folder, "李明").hits == ids(index, "李明") == []
