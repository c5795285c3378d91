"""Documents on their way: the digest into the text, the document beside it."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from ufmi.documents import Document


@runtime_checkable
class DocumentBook(Protocol):
    """A bank's or registry's own book that offers documents about accounts; few have to."""

    def document(self, account: str, unified: str) -> Document | None:
        """What the book tells UFMI of an account (fields, text), or None.

        Args:
            account: the user's id at this institution.
            unified: his unified id, for the references in the document.
        """
        ...


def attached(
    document: Document | str | None, documents: tuple[str, ...] = ()
) -> tuple[str, tuple[str, ...]]:
    """The digest for the text, and the documents for the line.

    A document brings itself along; a digest (hex) stands alone, or for one of `documents`.
    """
    if isinstance(document, Document):
        raw = document.encode()
        return document.digest, documents if raw in documents else (*documents, raw)
    return document or "", documents


def offered(book: object, account: str, unified: str) -> tuple[str, tuple[str, ...]]:
    """What a book offers about an account, attached; nothing if it offers none."""
    if isinstance(book, DocumentBook):
        return attached(book.document(account, unified))
    return "", ()
