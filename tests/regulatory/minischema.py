"""A second reader of JSON Schema: the few keywords that the project's schemas use, nothing else."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

_TYPES: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
}
_IGNORED = {"$schema", "title", "description", "definitions", "$defs", "format"}


def valid(schema: dict[str, Any], value: Any, root: dict[str, Any] | None = None) -> bool:
    root = schema if root is None else root
    return all(_keyword(name, rule, schema, value, root) for name, rule in schema.items())


def _keyword(name: str, rule: Any, schema: dict[str, Any], value: Any, root: Any) -> bool:
    if name in _IGNORED:
        return True
    if name == "$ref":
        target = root
        for part in rule.removeprefix("#/").split("/"):
            target = target[part]
        return valid(target, value, root)
    if name == "type":
        return any(_is(one, value) for one in ([rule] if isinstance(rule, str) else rule))
    if name == "enum":
        return any(type(one) is type(value) and one == value for one in rule)
    if name == "const":
        return bool(rule == value)
    if name in ("allOf", "oneOf"):
        hits = [valid(one, value, root) for one in rule]
        return all(hits) if name == "allOf" else hits.count(True) == 1
    if name == "not":
        return not valid(rule, value, root)
    return _sized(name, rule, schema, value, root)


def _sized(name: str, rule: Any, schema: dict[str, Any], value: Any, root: Any) -> bool:
    if name in ("minimum", "maximum"):
        if not _is("number", value):
            return True
        return bool(value >= rule if name == "minimum" else value <= rule)
    if name in ("maxLength", "pattern"):
        if not isinstance(value, str):
            return True
        return len(value) <= rule if name == "maxLength" else bool(re.search(rule, value))
    if name == "items":
        return not isinstance(value, list) or all(valid(rule, one, root) for one in value)
    if not isinstance(value, dict):
        return True
    if name == "required":
        return set(rule) <= set(value)
    if name == "properties":
        return all(valid(rule[key], one, root) for key, one in value.items() if key in rule)
    if name == "additionalProperties":
        return rule is not False or set(value) <= set(schema["properties"])
    if name == "minProperties":
        return len(value) >= rule
    if name == "maxProperties":
        return len(value) <= rule
    raise AssertionError(f"unknown keyword {name}")


def _is(name: str, value: Any) -> bool:
    if name in ("number", "integer"):
        number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        return number and (name == "number" or value == int(value))
    return isinstance(value, _TYPES[name])
