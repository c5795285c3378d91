"""The regulatory channel: data objects of the cross-chain object model, version 2.0.0.

docs/objects.md explains the model, the checks, the life cycle and the canonical form.
"""

from ufmi.regulatory.build import Body, Part, document
from ufmi.regulatory.checks import check, ensure_valid, errors
from ufmi.regulatory.formats import Reference, parse_reference
from ufmi.regulatory.history import History
from ufmi.regulatory.lifecycle import Rule, State, step
from ufmi.regulatory.merging import increment, merge, merged_body
from ufmi.regulatory.model import (
    MODEL_VERSION,
    PROTOCOL,
    TYPES,
    Field,
    Group,
    ObjectType,
    object_type,
)
from ufmi.regulatory.numbers import exact, units
from ufmi.regulatory.schemas import schema
from ufmi.regulatory.seals import seal, signed_bytes, verify_seals
from ufmi.regulatory.snapshots import create, delete, is_full, overwrite, snapshot, update
from ufmi.regulatory.text import Object, canonical, digest, read
from ufmi.regulatory.walk import Code, Lookup

__all__ = [
    "MODEL_VERSION",
    "PROTOCOL",
    "TYPES",
    "Body",
    "Code",
    "Field",
    "Group",
    "History",
    "Lookup",
    "Object",
    "ObjectType",
    "Part",
    "Reference",
    "Rule",
    "State",
    "canonical",
    "check",
    "create",
    "delete",
    "digest",
    "document",
    "ensure_valid",
    "errors",
    "exact",
    "increment",
    "is_full",
    "merge",
    "merged_body",
    "object_type",
    "overwrite",
    "parse_reference",
    "read",
    "schema",
    "seal",
    "signed_bytes",
    "snapshot",
    "step",
    "units",
    "update",
    "verify_seals",
]
