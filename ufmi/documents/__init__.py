"""Documents beside the texts: made, read and checked. Messages know them by digest only."""

from ufmi.documents.document import (
    DOCUMENT_BYTES_MAX,
    Document,
    make,
    quoted_size,
    read,
    render,
    scalars,
)
from ufmi.documents.model import field_paths
from ufmi.documents.person import person_hmac

__all__ = [
    "DOCUMENT_BYTES_MAX",
    "Document",
    "field_paths",
    "make",
    "person_hmac",
    "quoted_size",
    "read",
    "render",
    "scalars",
]
