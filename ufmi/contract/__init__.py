"""Contract runtime: contracts as plain classes, state behind a Context, any ledger beneath."""

from ufmi.contract.context import (
    Caller,
    Context,
    Modification,
    Stub,
    decode_record,
    encode_record,
)
from ufmi.contract.contract import Contract, evaluate, failure_text, submit
from ufmi.contract.queries import StateQueries
from ufmi.contract.source import source_digest

__all__ = [
    "Caller",
    "Context",
    "Contract",
    "Modification",
    "StateQueries",
    "Stub",
    "decode_record",
    "encode_record",
    "evaluate",
    "failure_text",
    "source_digest",
    "submit",
]
