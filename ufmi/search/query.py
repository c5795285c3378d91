"""What is asked: words, phrases, conditions on fields. Nothing in them means anything to SQL.

李明 tea                  both, anywhere
"tea house"               one after the other
L0000*                    a word that begins so
role=BROKER  name~茶      a field that is so; that has this in it
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ufmi.errors import SearchError
from ufmi.search.tokens import fold, tokens

QUERY_MAX = 1_000  # characters
TERMS_MAX = 50
CONDITIONS_MAX = 20
LIMIT_MAX = 1_000

_TERM = re.compile(r'"([^"]*)"|(\S+)')
_CONDITION = re.compile(r"([0-9A-Za-z_]+(?:\.[0-9A-Za-z_]+)*)([=~])(.*)", re.DOTALL)


class Phrase(NamedTuple):
    """Tokens that follow each other; the last one may be the beginning of a word."""

    words: tuple[str, ...]
    prefix: bool = False

    def expression(self) -> str:
        """As FTS5 takes it. Tokens hold no quotes, so nothing in them means anything to it."""
        return f'"{" ".join(self.words)}"{"*" if self.prefix else ""}'


class Condition(NamedTuple):
    """A field that has a value, or a value with something in it."""

    name: str
    contains: bool
    value: str  # folded


class Query(NamedTuple):
    """A question to the index."""

    phrases: tuple[Phrase, ...]
    conditions: tuple[Condition, ...]
    impossible: bool = False  # asks for signs only, of which there are none in the index

    def expression(self) -> str:
        return " AND ".join(phrase.expression() for phrase in self.phrases)


def read_query(text: str, conditions: Sequence[str] = ()) -> Query:
    """Reads a question.

    Args:
        text: words and phrases, all of which have to be there; empty: anything.
        conditions: NAME=VALUE or NAME~VALUE, all of which have to hold.

    Raises:
        SearchError: too long, or a condition of another form.
    """
    if len(text) > QUERY_MAX:
        raise SearchError(f"the query has more than {QUERY_MAX} characters")
    if len(conditions) > CONDITIONS_MAX:
        raise SearchError(f"there are more than {CONDITIONS_MAX} conditions")
    phrases = []
    for match in _TERM.finditer(text):
        quoted, plain = match[1], match[2]
        words = tokens(plain if quoted is None else quoted)
        if words:
            phrases.append(Phrase(tuple(words), quoted is None and plain.endswith("*")))
    if len(phrases) > TERMS_MAX:
        raise SearchError(f"the query has more than {TERMS_MAX} words")
    impossible = bool(text.strip()) and not phrases
    return Query(tuple(phrases), tuple(map(_condition, conditions)), impossible)


def _condition(text: str) -> Condition:
    match = _CONDITION.fullmatch(text)
    if match is None or len(text) > QUERY_MAX:
        raise SearchError(f"{fold(text[:80])!r} is not a condition such as role=BROKER or name~茶")
    return Condition(match[1], match[2] == "~", fold(match[3]))
