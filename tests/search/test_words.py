"""Full text: Chinese from one character on, Latin words, and questions that want to break out."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.documents.samples import product
from ufmi.errors import SearchError
from ufmi.search.entries import entry_of
from ufmi.search.query import CONDITIONS_MAX, QUERY_MAX, TERMS_MAX, Phrase, read_query
from ufmi.search.tokens import BOUNDARY, fold, indexed, tokens

from .world import World, asset


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("李明", ["李", "明"]),
        ("Tea House Co.", ["tea", "house", "co"]),
        ("Lotus证券A股", ["lotus", "证", "券", "a", "股"]),
        ("6222-0001", ["6222", "0001"]),
        ("二〇二六年", ["二", "〇", "二", "六", "年"]),
        ("ＴＥＡ　１２", ["tea", "12"]),
        ("Äpfel ÄPFEL A\u0308pfel", ["äpfel"] * 3),
        ("𠀀𠀁", ["𠀀", "𠀁"]),
        ("東京タワー", ["東", "京", "タ", "ワ", "ー"]),
        ("서울", ["서", "울"]),
        ("a_b", ["a", "b"]),
        ("，。！（）“”‘’…—·%*\"'\x00\x1f😀", []),
        (f"a{BOUNDARY}b", ["a", "b"]),
        ("a\ud800b", ["a", "b"]),
        ("", []),
    ],
)
def test_texts_are_cut_so(text: str, found: list[str]) -> None:
    assert tokens(text) == found


@given(st.text(max_size=50))
def test_tokens_cut_again_are_the_same(text: str) -> None:
    found = tokens(text)
    assert tokens(" ".join(found)) == found
    assert fold(fold(text)) == fold(text)
    assert BOUNDARY not in " ".join(found)
    assert indexed([text, text]).count(BOUNDARY) == (1 if found else 0)


NAMES = {
    "李明": 1,
    "李明华": 2,
    "王明李": 3,
    "Tea House 茶舍股份有限公司": 4,
    "teahouse": 5,
    "云岫 (Yunxiu) 股权-交易中心": 6,
    "A股 777001": 7,
}
QUESTIONS = {
    "李": [1, 2, 3],
    "李明": [1, 2],
    "明李": [3],
    "李明华": [2],
    "明 李": [1, 2, 3],
    "茶": [4],
    "茶舍": [4],
    "茶舍股份有限公司": [4],
    "股份": [4],
    "股": [4, 6, 7],
    "股权交易中心": [6],
    "股权-交易": [6],
    "house茶舍": [4],
    "House 茶": [4],
    "tea": [4],
    "TEA": [4],
    "ｔｅａ": [4],
    "tea*": [4, 5],
    "te*": [4, 5],
    "house tea": [4],
    '"tea house"': [4],
    '"house tea"': [],
    '"tea house': [4],  # the quote is open
    "yunxiu": [6],
    "(yunxiu)": [6],
    "a股": [7],
    "7770*": [7],
    "777001": [7],
    "77700": [],
    "李*": [1, 2, 3],
    "张": [],
    "*": [],
    "，": [],
    "李，": [1, 2, 3],
    '"" 李': [1, 2, 3],
    "": [1, 2, 3, 4, 5, 6, 7],
    "   ": [1, 2, 3, 4, 5, 6, 7],
}


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> World:
    found = World(tmp_path_factory.mktemp("named"))
    found.write(*[asset(name, number) for name, number in NAMES.items()])
    return found


@pytest.mark.parametrize("question", QUESTIONS)
def test_questions(named: World, question: str) -> None:
    expected = sorted(asset("", number).code for number in QUESTIONS[question])
    assert named.ids(question) == expected


HOSTILE = [
    '"',
    '""',
    '"""',
    "'",
    "' or 1=1 --",
    "; drop table words",
    "AND",
    "OR",
    "NOT 李",
    "李 AND",
    "李 OR OR",
    "NEAR(李 明, 2)",
    "NEAR(",
    "tokens:李",
    "-tokens:李",
    "{tokens}:李",
    "^李",
    "李 + 明",
    "((((((((((",
    "*",
    "**",
    "* *",
    "a*b*",
    "\\",
    "\x00",
    "李\x00明",
    "%",
    "_",
    "?",
    "?1",
    ":name",
    "@x",
    "$x",
    "\ud800",
    BOUNDARY,
    f"李{BOUNDARY}明",
    "😀",
    "a" * QUERY_MAX,
    "李" * QUERY_MAX,
    "李 " * TERMS_MAX,
    '" ' * (QUERY_MAX // 2),
]


@pytest.mark.parametrize("question", HOSTILE, ids=lambda text: ascii(text)[:30])
def test_nothing_in_a_question_is_an_operator(named: World, question: str) -> None:
    named.ids(question)
    named.ids("", f"name={question}"[:QUERY_MAX])
    named.ids("", f"name~{question}"[:QUERY_MAX])
    assert len(named.ids()) == len(NAMES)


def test_operators_of_fts_are_words(named: World) -> None:
    assert named.ids("李 AND 明") == named.ids("李 OR 明") == named.ids("NOT 李") == []
    assert named.ids("tokens:李") == []


def test_questions_have_limits() -> None:
    read_query("a " * TERMS_MAX, ["name=x"] * CONDITIONS_MAX)
    for text, where in (
        ("a" * (QUERY_MAX + 1), []),
        ("a " * (TERMS_MAX + 1), []),
        ("", ["name=x"] * (CONDITIONS_MAX + 1)),
        ("", ["name=" + "x" * QUERY_MAX]),
    ):
        with pytest.raises(SearchError):
            read_query(text, where)


# -- against a plain scan -------------------------------------------------------------------

LETTERS = "李明茶舍ab股1 -.\"*'，\n"
SHORT = st.text(LETTERS, max_size=8)


def stands_in(phrase: Phrase, text: str) -> bool:
    words, found = phrase.words, tokens(text)
    for at in range(len(found) - len(words) + 1):
        part = found[at : at + len(words)]
        last = part[-1].startswith(words[-1]) if phrase.prefix else part[-1] == words[-1]
        if tuple(part[:-1]) == words[:-1] and last:
            return True
    return False


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(SHORT, SHORT), min_size=1, max_size=6),
    st.lists(st.text(LETTERS, max_size=6), min_size=1, max_size=6),
)
def test_the_index_finds_what_a_scan_finds(
    named: list[tuple[str, str]], questions: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        kept = [world.documents.keep(product(text=text or "x").encode()) for _, text in named]
        records = [
            asset(name or "?", at, document=digest)
            for at, ((name, _), digest) in enumerate(zip(named, kept, strict=True))
        ]
        world.write(*records)
        entries = {
            one.code: entry_of(
                f"asset/{one.code}", world.state[f"asset/{one.code}"], [], world.documents.get
            )
            for one in records
        }
        for question in questions:
            query = read_query(question)
            expected = sorted(
                code
                for code, entry in entries.items()
                if not query.impossible
                and all(
                    any(stands_in(phrase, text) for text in entry.texts) for phrase in query.phrases
                )
            )
            assert world.ids(question) == expected, question
        for run in {text[:3] for _, text in named} - {""}:
            if all("\u4e00" <= letter <= "\u9fff" for letter in run):
                # What Chinese stands together is found wherever it stands.
                plain = {code for code, entry in entries.items() if run in "\n".join(entry.texts)}
                assert set(world.ids(run)) == plain
        world.close()
