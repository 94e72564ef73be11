"""Turn pydantic's validation errors into problems that a biologist can act on.

Serves configurations and custom resources alike, so that both speak the same language.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import ValidationError

from bionemo_trainer.config.suggestion import nearest_key
from bionemo_trainer.errors import NOTHING, Problem

type ErrorDetails = Mapping[str, Any]

_NUMBER_RULES = {
    "greater_than_equal": ("ge", "must be at least"),
    "greater_than": ("gt", "must be more than"),
    "less_than_equal": ("le", "must be at most"),
    "less_than": ("lt", "must be less than"),
}
_TYPE_RULES = {
    "int": "must be a whole number",
    "float": "must be a number",
    "bool": "must be true or false",
    "string": "must be text",
    "list": "must be a list",
    "tuple": "must be a list",
    "dict": "must be a mapping of keys to values",
    "model": "must be a mapping of keys to values",
}


def problems_of(
    error: ValidationError, document: Mapping[str, Any], known_keys: Collection[str]
) -> tuple[Problem, ...]:
    """One problem per wrong field, with the path as the user wrote it.

    Args:
        error: What pydantic found.
        document: The input, whose keys tell fields from pydantic's names of union members.
        known_keys: Dotted paths that exist, to suggest one for an unknown key.
    """
    found: dict[str, Problem] = {}
    for details in error.errors(include_url=False):
        field = _path(details["loc"], document)
        found.setdefault(field, _problem(field, details, known_keys))
    return tuple(found.values())


def _path(location: tuple[int | str, ...], document: object) -> str:
    """Dotted path of an error; parts that pydantic adds for members of a union are left out."""
    path = ""
    node = document
    for position, part in enumerate(location):
        if isinstance(node, Mapping):
            if part not in node and position < len(location) - 1:
                continue
            path = f"{path}.{part}" if path else str(part)
            node = node.get(part)
        elif isinstance(node, list | tuple) and isinstance(part, int):
            path = f"{path}[{part}]"
            node = node[part] if part < len(node) else None
    return path


def _problem(field: str, details: ErrorDetails, known_keys: Collection[str]) -> Problem:
    kind = details["type"]
    value = details["input"]
    context = details.get("ctx", {})
    if kind == "missing":
        return Problem(field=field, value=NOTHING, rule="is given, and a value is required", mend="add the key")
    if kind == "extra_forbidden":
        hint = nearest_key(field, known_keys)
        return Problem(
            field=field, value=value, rule="is set, but no such key exists", mend=f"{hint}remove or rename it"
        )
    if kind == "union_tag_invalid":
        tag = str(context["discriminator"]).strip("'")
        allowed = context["expected_tags"].replace("'", "")
        return Problem(
            field=f"{field}.{tag}", value=context["tag"], rule=f"must be one of {allowed}", mend="choose one"
        )
    if kind == "union_tag_not_found":
        tag = str(context["discriminator"]).strip("'")
        return Problem(
            field=f"{field}.{tag}", value=NOTHING, rule="is given, and a value is required", mend="add the key"
        )
    rule, mend = _rule(kind, details, context)
    return Problem(field=field, value=value, rule=rule, mend=mend)


def _rule(kind: str, details: ErrorDetails, context: Mapping[str, Any]) -> tuple[str, str]:
    if kind in _NUMBER_RULES:
        bound, words = _NUMBER_RULES[kind]
        return f"{words} {context[bound]:g}", "change the number"
    if special := _SPECIAL_RULES.get(kind):
        return special(context)
    expected = kind.partition("_")[0]
    if expected in _TYPE_RULES:
        return _TYPE_RULES[expected], "change the value"
    return f"is not accepted ({details['msg']})", "change the value"


def _own_words(context: Mapping[str, Any]) -> tuple[str, str]:
    """Our own validators say `rule; mend`."""
    rule, _, mend = str(context["error"]).partition("; ")
    return rule, mend or "change the value"


_SPECIAL_RULES: Mapping[str, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
    "literal_error": lambda context: (f"must be {context['expected']}", "use a listed value"),
    "enum": lambda context: (f"must be {context['expected']}", "use a listed value"),
    "string_pattern_mismatch": lambda context: (f"must match the pattern {context['pattern']}", "rewrite it"),
    "string_too_short": lambda context: (
        f"must have at least {_counted(context, 'min_length', 'character')}",
        "lengthen it",
    ),
    "string_too_long": lambda context: (
        f"must have at most {_counted(context, 'max_length', 'character')}",
        "shorten it",
    ),
    "too_long": lambda context: (f"must have at most {_counted(context, 'max_length', 'item')}", "remove some"),
    "too_short": lambda context: (f"must have at least {_counted(context, 'min_length', 'item')}", "add some"),
    "value_error": _own_words,
}


def _counted(context: Mapping[str, Any], key: str, noun: str) -> str:
    count = context[key]
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
