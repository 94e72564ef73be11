"""Pydantic's findings in words that a biologist can act on: what is allowed and what to write instead.

Used by `parse` only. The sentences of texts and lists come with their types in `fields`; those of everything else are here.
"""

import difflib
from collections.abc import Callable, Sequence

from pydantic_core import ErrorDetails

from bionemo_operator.api.constraints import BROKEN_FIELD
from bionemo_operator.api.structural import Schema, child_of
from bionemo_trainer.errors import NOTHING, Problem

type Location = Sequence[str | int]
"""Pydantic's path of a value: names of fields, keys of maps and indexes of lists."""

_MARKS_KEY = "[key]"
"""What pydantic appends to a location when a map's key is at fault, not its value."""


def problem_of(error: ErrorDetails, schema: Schema) -> Problem:
    """One finding of pydantic about a document of a schema."""
    location = _place(error["loc"])
    path = wire_path(location)
    value = error["input"]
    if error["type"] == "missing":
        mend = f"add it; `kubectl explain {_explained(location, schema)}` says what it means"
        return Problem(field=path, value=NOTHING, rule="must be given", mend=mend)
    if error["type"] == "extra_forbidden":
        known = _node(schema, location[:-1])["properties"]
        return Problem(field=path, value=value, rule="is not a known field", mend=_nearest(str(location[-1]), known))
    rule, mend = _sentence(error, _node(schema, location))
    return Problem(field=path, value=value, rule=rule, mend=mend)


def wire_path(location: Location) -> str:
    """A location as users and the API server write it: `spec.template.env[0].name`, `spec.template.labels[a/b]`."""
    path = ""
    for part in _place(location):
        is_name = isinstance(part, str) and part.isidentifier()
        path += f".{part}" if is_name else f"[{part}]"
    return path.removeprefix(".")


def nearest_name(name: str, known: Sequence[str]) -> str | None:
    """The known name that is most like a misspelt one; None when none is."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[found[0]] if found else None


def _place(location: Location) -> Location:
    return location[:-1] if location and location[-1] == _MARKS_KEY else location


def _node(schema: Schema, location: Location) -> Schema:
    for part in location:
        schema = child_of(schema, part)
    return schema


def _explained(location: Location, schema: Schema) -> str:
    kind = schema["properties"]["kind"]["enum"][0]
    return ".".join([kind.lower(), *(part for part in location if isinstance(part, str))])


def _nearest(name: str, known: Sequence[str]) -> str:
    if nearest := nearest_name(name, known):
        return f"did you mean {nearest}"
    return f"remove it; the fields here are {', '.join(known)}"


def _sentence(error: ErrorDetails, node: Schema) -> tuple[str, str]:
    """Rule and mend of a value that is there and known, but wrong."""
    say = _SENTENCES.get(error["type"])
    if say is None:
        return f"is not accepted ({error['msg']})", "correct it"
    return say(error, node)


def _not_a_choice(error: ErrorDetails, node: Schema) -> tuple[str, str]:
    choices: list[str] = node["enum"]
    value = error["input"]
    rule = f"must be one of {', '.join(choices)}" if len(choices) > 1 else f"must be {choices[0]}"
    if not isinstance(value, str) and str(value) in choices:
        return rule, f'write it in quotes: "{value}"'
    nearest = nearest_name(str(value), choices)
    return rule, f"did you mean {nearest}" if nearest else "choose one of them" if len(
        choices
    ) > 1 else "write exactly that"


def _not_an_integer(error: ErrorDetails, _node: Schema) -> tuple[str, str]:
    value = error["input"]
    mend = (
        f"remove the quotes: {value}"
        if isinstance(value, str) and value.isdecimal()
        else "write digits only, such as 4"
    )
    return "must be a whole number", mend


def _not_a_text(error: ErrorDetails, _node: Schema) -> tuple[str, str]:
    value = error["input"]
    if isinstance(value, bool):
        return "must be text", f'write it in quotes: "{str(value).lower()}"'
    return "must be text", f'write it in quotes: "{value}"' if isinstance(value, int | float) else "write a single text"


def _not_a_group(_error: ErrorDetails, node: Schema) -> tuple[str, str]:
    return "must be a group of fields", f"indent its fields below it: {', '.join(node['properties'])}"


def _out_of_bounds(_error: ErrorDetails, node: Schema) -> tuple[str, str]:
    least, most = node.get("minimum"), node.get("maximum", 2**63 - 1)
    return f"must be {least} to {most}", "choose a number within these limits"


_SENTENCES: dict[str, Callable[[ErrorDetails, Schema], tuple[str, str]]] = {
    BROKEN_FIELD: lambda error, _: (error["ctx"]["rule"], error["ctx"]["mend"]),
    "literal_error": _not_a_choice,
    "int_type": _not_an_integer,
    "string_type": _not_a_text,
    "bool_type": lambda _error, _node: ("must be true or false", "write true or false, without quotes"),
    "model_type": _not_a_group,
    "dict_type": lambda _error, _node: (
        "must be a group of names and values",
        "indent lines of the form name: value below it",
    ),
    "tuple_type": lambda _error, _node: ("must be a list", "begin each item on a line of its own with a hyphen"),
    "greater_than_equal": _out_of_bounds,
    "less_than_equal": _out_of_bounds,
    "too_long": lambda error, _: (f"must have at most {error['ctx']['max_length']} entries", "remove some of them"),
}
"""What each finding means, by pydantic's name for it."""
