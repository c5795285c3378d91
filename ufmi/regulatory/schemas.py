"""The model as JSON Schema, for other languages and tools."""

from __future__ import annotations

from typing import Any, Literal

from ufmi.regulatory import model
from ufmi.regulatory.formats import REFERENCE_MAX
from ufmi.regulatory.model import CURRENCIES, Field, Group

Draft = Literal["draft-06", "2020-12"]
Schema = dict[str, Any]

_URIS = {
    "draft-06": "http://json-schema.org/draft-06/schema#",
    "2020-12": "https://json-schema.org/draft/2020-12/schema",
}


def schema(draft: Draft = "draft-06", *, closed: bool = True) -> Schema:
    """One JSON Schema for whole snapshots of all seven types, header and body.

    `closed` forbids unknown members, as the strict check does; the published schema lets them
    pass. An increment need not satisfy it, only what it makes of the object. What a schema cannot
    say (references that lead somewhere, an organisation or a person by its type) it does not say.
    """
    place = "definitions" if draft == "draft-06" else "$defs"
    writer = _Writer(place, closed)
    types = [model.object_type(name) for name in model.TYPES]
    root: Schema = {
        "$schema": _URIS[draft],
        "title": model.PROTOCOL,
        "type": "object",
        "required": ["header"],
        "properties": {
            "header": writer.group(model.header()),
            "body": {
                "type": "object",
                "minProperties": 1,
                "maxProperties": 1,
                "properties": {one.body: writer.group(one.group) for one in types},
                "additionalProperties": False,
            },
        },
        "allOf": [
            {"oneOf": [_tied(one.name, one.body) for one in types]},
            {
                "oneOf": [
                    {**_content(operation={"const": "delete"}), "not": {"required": ["body"]}},
                    {
                        **_content(operation={"not": {"const": "delete"}}),
                        "required": ["body"],
                    },
                ]
            },
        ],
        place: {"document": writer.object(model.document())},
    }
    if closed:
        root["additionalProperties"] = False
    return root


def _content(**properties: Schema) -> Schema:
    content = {"type": "object", "properties": properties}
    return {
        "properties": {"header": {"type": "object", "properties": {"content": content}}},
    }


def _tied(name: str, body: str) -> Schema:
    tied = _content(type={"const": name})
    tied["properties"]["body"] = {"required": [body]}
    return tied


class _Writer:
    def __init__(self, place: str, closed: bool) -> None:
        self._place = place
        self._closed = closed

    def group(self, group: Group) -> Schema:
        if group.members is model.document().members:
            inner: Schema = {"$ref": f"#/{self._place}/document"}
        else:
            inner = self.object(group)
        if not group.many:
            return inner
        return {"title": group.zh, "description": group.en, "type": "array", "items": inner}

    def object(self, group: Group) -> Schema:
        made: Schema = {
            "title": group.zh,
            "description": group.en,
            "type": "object",
            "properties": {
                name: self.group(one) if isinstance(one, Group) else self.field(one)
                for name, one in group.members.items()
            },
        }
        required = [name for name, one in group.members.items() if one.required]
        if required:
            made["required"] = required
        if self._closed:
            made["additionalProperties"] = False
        return made

    def field(self, field: Field) -> Schema:
        labels = "; ".join(f"{code} {label}" for code, label in field.labels.items())
        named = {
            "title": field.zh,
            "description": ". ".join(filter(None, (field.en, field.note, labels))),
        }
        value = _value(field)
        if field.many:
            return {**named, "type": "array", "items": value}
        return {**named, **value}


def _value(field: Field) -> Schema:
    if field.type == "object":
        return {"type": ["object", "null"]}
    if field.type == "currency":
        return {"type": "string", "enum": list(CURRENCIES)}
    if field.type in ("boolean", "number"):
        return {"type": field.type}
    made: Schema = {"type": "integer" if field.type == "integer" else "string"}
    if field.type in ("date", "date-time"):
        made["format"] = field.type
    if field.type == "ref":
        made |= {"maxLength": REFERENCE_MAX, "pattern": "/(0|[1-9][0-9]*)$"}
    elif field.max:
        made["maxLength"] = field.max
    if field.codes or field.values:
        made["enum"] = list(field.codes or field.values)
    if field.least is not None:
        made["minimum"] = field.least
    if field.most is not None:
        made["maximum"] = field.most
    return made
