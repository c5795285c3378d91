"""The page about reporting names every message and every form of an object id that there is."""

from __future__ import annotations

import re
from pathlib import Path

from ufmi.protocol import FORMS, Message
from ufmi.regulatory.builders import ERASED, MISSING, UNREADABLE
from ufmi.regulatory.builders.step import BUILDS

PAGE = (Path(__file__).parents[2] / "docs" / "reporting.md").read_text(encoding="utf-8")
# They only remember what a later message is about.
SILENT = {"RECEIVE", "Y2"}


def test_the_map_has_exactly_the_messages_that_bring_objects() -> None:
    rows = re.findall(r"^\| ([A-Z][^|]*) \|", PAGE, re.MULTILINE)
    mapped = {name for row in rows for name in row.split(", ")}
    assert mapped == {kind.NAME for kind in BUILDS} - SILENT


def test_all_others_are_named_as_bringing_none() -> None:
    (said,) = re.findall(r"^X3 and P3 are questions\.(.*?)bring no object", PAGE, re.M | re.S)
    named = set(re.findall(r"[A-Z][A-Z0-9]*(?:\.[a-z]+)?", said)) | {"X3", "P3"}
    messages = {name for name, form in FORMS.items() if issubclass(form, Message)}
    assert named == messages - ({kind.NAME for kind in BUILDS} - SILENT)


def test_the_words_for_documents_are_the_codes() -> None:
    assert all(word in PAGE for word in (ERASED, MISSING, UNREADABLE))
