"""What a field may hold, each rule declared once: enforced in Python in words, rendered as bounds and tags in the CRD.

Used in annotations by `fields` and the models. Knows nothing of particular fields.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

BROKEN_FIELD = "broken_field"
"""Type of the pydantic errors that carry our own `rule` and `mend` in their context."""


def broken_field(rule: str, mend: str) -> PydanticCustomError:
    """The error of a value that breaks its type's own rule, with both halves of its message kept apart."""
    return PydanticCustomError(BROKEN_FIELD, "{rule}; {mend}", {"rule": rule, "mend": mend})


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A bounded text: `Annotated[str, Text(pattern="^[a-z]+$", limit=8, rule="must be ...", mend="write ...")]`.

    Patterns are anchored and use only what Go's RE2 and Python's re share, so both sides accept the same texts.
    """

    limit: int
    """Longest text, in characters."""
    rule: str
    """What is allowed, as a predicate of the value."""
    mend: str
    """What to write instead, as an imperative."""
    pattern: str | None = None
    """Regular expression of all allowed texts; None allows any."""
    shortest: int = 1
    """Shortest text, in characters."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        bounds: JsonSchemaValue = {"maxLength": self.limit}
        bounds |= {"minLength": self.shortest} if self.shortest else {}
        bounds |= {"pattern": self.pattern} if self.pattern else {}
        return handler(schema) | bounds

    def _checked(self, text: str) -> str:
        if not self.shortest <= len(text) <= self.limit:
            raise broken_field(f"must have {self.shortest} to {self.limit} characters, not {len(text)}", self.mend)
        # fullmatch, because Python's `$` alone would also accept a final line break.
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise broken_field(self.rule, self.mend)
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A bounded list and how server-side apply merges it: by `keys`, as a `set`, or (`atomic`) as a whole."""

    limit: int
    """Largest number of items."""
    merge: Literal["map", "set", "atomic"]
    """The list type of the Kubernetes API; `map` and `set` refuse duplicates."""
    keys: tuple[str, ...] = ()
    """Wire names of the fields that identify an item of a `map`."""
    fewest: int = 0
    """Smallest number of items of a list that is given."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        tags: JsonSchemaValue = {"maxItems": self.limit, "x-kubernetes-list-type": self.merge}
        tags |= {"minItems": self.fewest} if self.fewest else {}
        tags |= {"x-kubernetes-list-map-keys": list(self.keys)} if self.keys else {}
        return handler(schema) | tags

    def _checked[T](self, items: tuple[T, ...]) -> tuple[T, ...]:
        if not self.fewest <= len(items) <= self.limit:
            rule = f"must have {self.fewest} to {self.limit} items, not {len(items)}"
            raise broken_field(rule, "leave the field out or change the number of items")
        if self.merge != "atomic" and (twice := _first_repeated(self._identity(item) for item in items)):
            raise broken_field(f"must not list {twice} twice", "remove or rename one of the two")
        return items

    def _identity(self, item: object) -> str:
        if not isinstance(item, BaseModel):
            return str(item)
        fields = {info.alias or name: name for name, info in type(item).model_fields.items()}
        return ", ".join(f"{key} {getattr(item, fields[key])}" for key in self.keys)


def _first_repeated(identities: Iterable[str]) -> str | None:
    """The first text that came before, or None."""
    seen: set[str] = set()
    for identity in identities:
        if identity in seen:
            return identity
        seen.add(identity)
    return None


def _as_text(value: object) -> object:
    """A whole number as its digits; everything else unchanged, for the text's own rules to judge."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


@dataclass(frozen=True, slots=True)
class IntOrText:
    """Marks a text that may be written as a whole number too: `memory: 1024`, `column: 1`; kept as text here."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(_as_text, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler(schema)
        described.pop("type")
        described.pop("minLength", None)
        return described | {"x-kubernetes-int-or-string": True}
