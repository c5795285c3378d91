"""How texts are cut for full-text search, the same for what is indexed and what is asked.

Chinese has no blanks between words and many names have two characters, so every character that is
a word of its own stands alone, and what is asked becomes a phrase: any run of characters is found
wherever it stands, from one character on. Latin letters and digits make words.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

# Stands between the parts of an entry, so that no phrase reaches from one into the next. It is a
# private character, which no query can ask for.
BOUNDARY = "\ue000"


def fold(text: str) -> str:
    """A text as it is compared: width, case and the way of composing make no difference."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", whole).casefold())


@lru_cache(maxsize=65_536)
def _kind(letter: str) -> str:
    """What a character does: it belongs to a `word`, stands `alone`, or `separates`."""
    if letter.isascii():
        return "word" if letter.isalnum() else "separates"
    category = unicodedata.category(letter)
    if category[0] not in "LNM":
        return "separates"
    wide = unicodedata.east_asian_width(letter) == "W"
    return "alone" if wide or category in ("Lo", "Nl", "No") else "word"


def tokens(text: str) -> list[str]:
    """The tokens of a text in order. Punctuation, symbols and control characters separate."""
    found: list[str] = []
    word = ""
    for letter in fold(text):
        kind = _kind(letter)
        if kind == "word":
            word += letter
            continue
        if word:
            found.append(word)
            word = ""
        if kind == "alone":
            found.append(letter)
    if word:
        found.append(word)
    return found


def indexed(parts: Iterable[str]) -> str:
    """The tokens of several texts, as the index takes them."""
    cut = (" ".join(tokens(part)) for part in parts)
    return f" {BOUNDARY} ".join(part for part in cut if part)
