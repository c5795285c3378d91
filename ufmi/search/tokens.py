"""How texts are cut for full-text search, the same for what is indexed and what is asked.

Chinese has no blanks between words and many names have two characters, so every character that is
a word of its own stands alone, and what is asked becomes a phrase: any run of characters is found
wherever it stands, from one character on. Latin letters and digits make words.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

# Stands between the parts of an entry, so that no phrase reaches from one into the next. It is a
# private character, which no query can ask for.
BOUNDARY = "\ue000"


def fold(text: str) -> str:
    """A text as it is compared: width, case and the way of composing make no difference."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", whole).casefold())


def _stands_alone(letter: str) -> bool:
    category = unicodedata.category(letter)
    return category in ("Lo", "Nl", "No") or unicodedata.east_asian_width(letter) == "W"


def tokens(text: str) -> list[str]:
    """The tokens of a text in order. Punctuation, symbols and control characters separate."""
    found: list[str] = []
    word: list[str] = []

    def end() -> None:
        if word:
            found.append("".join(word))
            word.clear()

    for letter in fold(text):
        if letter.isascii():
            if letter.isalnum():
                word.append(letter)
            else:
                end()
        elif unicodedata.category(letter)[0] not in "LNM":
            end()
        elif _stands_alone(letter):
            end()
            found.append(letter)
        else:
            word.append(letter)
    end()
    return found


def indexed(parts: Iterable[str]) -> str:
    """The tokens of several texts, as the index takes them."""
    cut = (" ".join(tokens(part)) for part in parts)
    return f" {BOUNDARY} ".join(part for part in cut if part)
