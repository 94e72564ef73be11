"""From a pydantic model to the structural OpenAPI schema that Kubernetes demands, and the defaults such a schema implies.

Used by `schema` for the CRDs and by `parse`, so that a file on a workstation gets the same defaults as in a cluster.
"""

from typing import Any, cast

from pydantic import BaseModel

from bionemo_operator.api.fields import INT32_MAX, INT64_MAX
from bionemo_operator.api.rule import Json

type Schema = dict[str, Any]
"""A node of an OpenAPI schema, to be rendered."""

PRESERVE = "x-kubernetes-preserve-unknown-fields"

_KEPT = (
    "type", "format", "description", "default", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength",
    "minItems", "maxItems", "maxProperties", "required", PRESERVE, "x-kubernetes-int-or-string", "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
)  # fmt: skip
"""What is carried over as it is, in the order in which it is written; everything else is converted or dropped."""


def structural_schema(model: type[BaseModel]) -> Schema:
    """The structural schema of a model: no references, no unions, no nulls, integer formats by their bounds."""
    schema = model.model_json_schema(by_alias=True)
    definitions = schema.pop("$defs", {})
    return _converted(schema, definitions)


def with_defaults(value: Json, schema: Schema) -> Json:
    """A value as the API server stores it: nulls dropped, defaults filled in, at every depth; nothing is checked."""
    if isinstance(value, list):
        items = _node(schema, "items")
        return [with_defaults(item, items) for item in value]
    if not isinstance(value, dict) or (PRESERVE in schema and "properties" not in schema):
        return value
    properties = _node(schema, "properties")
    defaults = {name: child["default"] for name, child in properties.items() if "default" in child}
    given = {name: item for name, item in value.items() if item is not None}
    return {name: with_defaults(item, child_of(schema, name)) for name, item in (defaults | given).items()}


def node_at(schema: Schema, path: str) -> Schema:
    """The node of a schema at a dotted path of fields; an empty node where the schema says nothing."""
    node = schema
    for name in path.split(".") if path else ():
        node = child_of(node, name)
    return node


def child_of(schema: Schema, part: str | int) -> Schema:
    """The node of a field, a map's value or a list's item; an empty node where the schema says nothing."""
    if isinstance(part, int):
        return _node(schema, "items")
    return _node(_node(schema, "properties"), part) or _node(schema, "additionalProperties")


def _node(schema: Schema, name: str) -> Schema:
    return cast("Schema", schema.get(name) or {})


def _converted(raw: Schema, definitions: Schema) -> Schema:
    merged = _merged(raw, definitions)
    schema = {key: merged[key] for key in _KEPT if key in merged}
    if "description" in schema:
        schema["description"] = " ".join(schema["description"].split())
    if schema.get("type") == "integer":
        schema |= {"format": "int32" if schema["maximum"] <= INT32_MAX else "int64"}
    if schema.get("maximum") == INT64_MAX:
        del schema["maximum"]  # the API server compares as a float and would overflow; the format says as much
    if schema.get("default", 0) in (None, [], ""):
        del schema["default"]
    schema |= _converted_children(merged, definitions)
    if isinstance(schema.get("default"), dict):
        # Written out, though the fields below repeat it: the API server tries the rules on the default as it stands here.
        schema["default"] = with_defaults({}, schema)
    return schema


def _merged(raw: Schema, definitions: Schema) -> Schema:
    """A node with its reference and its `anyOf: [X, null]` replaced by what they stand for; its own keys win."""
    merged = dict(raw)
    for option in merged.pop("anyOf", ()):
        if option != {"type": "null"}:
            merged = _merged(option, definitions) | merged
    if reference := merged.pop("$ref", None):
        merged = _merged(definitions[reference.removeprefix("#/$defs/")], definitions) | merged
    if "const" in merged:
        merged["enum"] = [merged["const"]]
    return merged


def _converted_children(merged: Schema, definitions: Schema) -> Schema:
    children: Schema = {}
    if properties := merged.get("properties"):
        children["properties"] = {name: _converted(child, definitions) for name, child in properties.items()}
    if items := merged.get("items"):
        children["items"] = _converted(items, definitions)
    # Pydantic renders a rule on a map's keys as a pattern; structural schemas have none, so Python alone checks keys.
    by_key = merged.get("patternProperties", {})
    others = next(iter(by_key.values()), merged.get("additionalProperties"))
    if isinstance(others, dict):
        children["additionalProperties"] = _converted(others, definitions)
    elif others and properties:
        children[PRESERVE] = True
    return children
