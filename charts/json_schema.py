"""The words of JSON Schema that `chart_schema` speaks."""

from collections.abc import Mapping
from typing import Any

type Schema = dict[str, Any]

BOOLEAN: Schema = {"type": "boolean"}
TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "array", "items": TEXT}
AMOUNT: Schema = {"type": ["string", "number"]}
STRINGS: Schema = {"type": "object", "additionalProperties": TEXT}
NAMESPACES: Schema = {
    "type": "array",
    "items": {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63},
    "uniqueItems": True,
}
NAME_OR_NOTHING: Schema = {"type": "string", "pattern": "^([a-z0-9]([-.a-z0-9]*[a-z0-9])?)?$", "maxLength": 253}
DURATION: Schema = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h))+$"}
# Selectors and the operator's own objects are found by these, so nobody may change them.
LABELS: Schema = {**STRINGS, "patternProperties": {r"^(app\.kubernetes\.io|helm\.sh)/": False}}


def closed(keys: Mapping[str, Schema], required: tuple[str, ...] = ()) -> Schema:
    """An object with these keys and no others."""
    schema: Schema = {"type": "object", "additionalProperties": False, "properties": dict(keys)}
    return schema | ({"required": list(required)} if required else {})


def many(item: Schema) -> Schema:
    """A list of such."""
    return {"type": "array", "items": item}


def one_of(*values: str) -> Schema:
    """One of some words."""
    return {"enum": list(values)}


def whole(least: int, most: int | None = None) -> Schema:
    """An integer within bounds."""
    return {"type": "integer", "minimum": least} | ({} if most is None else {"maximum": most})


def number(least: float, most: float | None = None) -> Schema:
    """A number within bounds."""
    return {"type": "number", "minimum": least} | ({} if most is None else {"maximum": most})


def shared(name: str) -> Schema:
    """A part that is defined once, below."""
    return {"$ref": f"#/definitions/{name}"}
