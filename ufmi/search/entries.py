"""What can be found: an entry for every identity in UIDR and every asset in UAR.

    kind    type    from records
    user    user    user/… with address/…, and the documents about person and accounts
    user    party   party/…
    asset   asset   asset/…, and the document about the product
    asset   mark    mark/…

An entry follows from records and documents alone, so the index can be built anew at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from ufmi.contract import decode_record
from ufmi.documents import read, scalars
from ufmi.errors import StoreCorrupted, UfmiError
from ufmi.protocol.records import RECORDS, Address, Asset, Mark, Party, Record, User

FOLLOWED = ("user", "party", "address", "asset", "mark")
KINDS = {"user": "user", "party": "user", "asset": "asset", "mark": "asset"}
# Fields of the records. A name in a document never counts as one of these.
CORE = frozenset(
    (
        *("id", "type", "role", "name", "status", "market", "person", "address", "address_status"),
        *("broker", "broker_user", "bank", "bank_user", "registry", "registry_user"),
        *("code", "registry_asset", "class", "currency", "decimals", "document"),
    )
)
_NAMES = (
    "subject_investor_name",
    "subject_company_name",
    "product_name",
)
# Digests and keys are looked for by field, not among the words.
_NOT_TEXT = ("person", "document")

Fetch = Callable[[str], str | None]


@dataclass(frozen=True)
class Entry:
    """Something that can be found."""

    key: str  # of its record
    kind: str
    id: str
    fields: tuple[tuple[str, str], ...]
    texts: tuple[str, ...]
    documents: tuple[tuple[str, bool], ...]  # digest, and whether it was there


def prefix_of(key: str) -> str:
    """The first part of a state key."""
    return key.partition("/")[0]


def read_record(key: str, raw: bytes) -> Record:
    """The record of a followed key. Raises StoreCorrupted."""
    try:
        return decode_record(raw, RECORDS[prefix_of(key)])
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise StoreCorrupted(f"the record {key} cannot be read: {problem}") from problem


def owner_of(key: str, raw: bytes) -> str:
    """Whose an address is: the id of a user or of a bank; "" for other records."""
    record = read_record(key, raw) if prefix_of(key) == "address" else None
    return record.user if isinstance(record, Address) else ""


def entry_of(key: str, raw: bytes, addresses: Sequence[Address], fetch: Fetch) -> Entry:
    """The entry of a record.

    Args:
        addresses: those of this user or bank.
        fetch: gives a document by its digest, or None.
    """
    record = read_record(key, raw)
    fields = [(name, value) for name, value in _fields(record, addresses) if value]
    digests = list(dict.fromkeys(value for name, value in fields if name == "document"))
    texts = [value for name, value in fields if name not in _NOT_TEXT]
    documents = []
    for digest in digests:
        document = fetch(digest)
        documents.append((digest, document is not None))
        if document is not None:
            added, said = _of_document(document)
            names = [value for path, value in added if path.rpartition(".")[2] in _NAMES]
            fields += added + [("name", name) for name in names]
            texts += said
    return Entry(
        key,
        KINDS[prefix_of(key)],
        key.partition("/")[2],
        tuple(dict.fromkeys(fields)),
        tuple(dict.fromkeys(texts)),
        tuple(documents),
    )


def _fields(record: Record, addresses: Sequence[Address]) -> Iterator[tuple[str, str]]:
    if isinstance(record, User):
        yield from _of_user(record)
        yield from _of_addresses(addresses)
    elif isinstance(record, Party):
        yield from (("id", record.id), ("type", "party"), ("role", record.role))
        yield from (("name", record.name), ("market", record.market))
        yield "status", _status(record)
        yield from _of_addresses(addresses)
    elif isinstance(record, Asset):
        yield from (("id", record.code), ("code", record.code), ("type", "asset"))
        yield from (("name", record.name), ("class", record.asset_class))
        yield from (("registry", record.registry), ("registry_asset", record.registry_asset))
        yield from (("currency", record.currency), ("decimals", str(record.decimals)))
        yield from (("status", _status(record)), ("document", record.document))
    elif isinstance(record, Mark):
        yield from (("id", record.code), ("code", record.code), ("type", "mark"))
        yield from (("bank", record.bank), ("currency", record.currency))
        yield "decimals", str(record.unit)


def _of_user(user: User) -> Iterator[tuple[str, str]]:
    yield from (("id", user.id), ("type", "user"), ("role", "USER"), ("person", user.person))
    for account in user.accounts:
        for name in ("broker", "broker_user", "bank", "bank_user", "registry", "registry_user"):
            yield name, getattr(account, name)
        yield "status", account.status
        for address in account.addresses:
            yield "address", address
        for digest in (account.document, account.bank_document, account.registry_document):
            yield "document", digest


def _of_addresses(addresses: Sequence[Address]) -> Iterator[tuple[str, str]]:
    for address in addresses:
        yield "address", address.address
        yield "address_status", "REVOKED" if address.key.until else _status(address)


def _status(record: Record) -> str:
    """A word for the flags of a record."""
    for flag in ("removed", "frozen", "halted"):
        if getattr(record, flag, False):
            return flag.upper()
    return "ACTIVE" if getattr(record, "active", True) else "INACTIVE"


def _of_document(raw: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Fields and texts of a document; of one in a form of somebody's own, what can be found."""
    try:
        document = read(raw)
    except UfmiError:
        return _of_foreign(raw)
    fields = list(document.fields())
    return fields, [document.text, *(value for _, value in fields)]


def _of_foreign(raw: str) -> tuple[list[tuple[str, str]], list[str]]:
    try:
        found = msgspec.json.decode(raw)
        # Under a name of its own: it must not pass for a field of a record.
        fields = list(scalars({"document": found}))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return [], [raw]
    return fields, [value for _, value in fields]
