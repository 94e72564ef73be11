"""What a rule between fields is: one value that yields the CEL of the CRD and judges a document in Python.

`rules` holds the tables; `schema` renders them; `resource` and `parse` enforce them. Documents are in wire form with defaults
applied, which is what the API server shows to CEL.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from bionemo_trainer.errors import Problem

type Json = bool | int | float | str | list[Json] | dict[str, Json] | None
"""A value as the API server stores it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A relation between fields: the same condition in CEL and in Python, with one message.

    The message is a constant: the API server can't bound the size of a number as text, and refuses rules that it can't bound.
    """

    at: str
    """Path from the root of the schema node that carries the rule; the rule sleeps while the node is absent."""
    reads: tuple[str, ...]
    """Paths below `at` that the rule looks at; an empty one is the node. The rule sleeps while one of them is malformed."""
    cel: str
    """The condition for the API server, with `self` as the node."""
    holds: Callable[..., bool]
    """The condition in Python, called with the values of `reads` in order; an absent one is None."""
    rule: str
    """What is allowed, as a predicate of the field."""
    mend: str
    """What to do, as an imperative."""
    field: str = ""
    """Path below `at` of the field to blame; empty for the node itself."""

    @property
    def path(self) -> str:
        """Path of the field to blame, from the root."""
        return joined(self.at, self.field)

    @property
    def message(self) -> str:
        """The API server's text."""
        return f"{self.rule}; {self.mend}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """A field that stays as it is once the object has started, which its status.startTime tells."""

    path: str
    """Path of the frozen field, from the root."""
    mend: str
    """What to do instead, as an imperative."""
    unless: str | None = None
    """Path whose change in the same update sets the field free; None freezes it for good."""

    @property
    def rule(self) -> str:
        """What is allowed, as a predicate of the field."""
        return "is fixed once work has started"

    @property
    def message(self) -> str:
        """The API server's text."""
        return f"{self.rule}; {self.mend}."

    @property
    def cel(self) -> str:
        """The condition for the API server, at the root, on updates only."""
        fresh = "!has(oldSelf.status) || !has(oldSelf.status.startTime)"
        freed = f" || !({_same(self.unless)})" if self.unless else ""
        return f"{fresh}{freed} || ({_same(self.path)})"


def broken_rules(document: Json, rules: Iterable[Rule], malformed: Collection[str] = ()) -> tuple[Problem, ...]:
    """Problems of all rules that a document breaks, except for rules that read a field at or around a malformed path."""
    awake = (rule for rule in rules if value_at(document, rule.at) is not None and not _is_blind(rule, malformed))
    return tuple(
        Problem(field=rule.path, value=value_at(document, rule.path), rule=rule.rule, mend=rule.mend)
        for rule in awake
        if not rule.holds(*_values(rule, document))
    )


def refused_changes(new: Json, old: Json, freezes: Iterable[Freeze]) -> tuple[Problem, ...]:
    """Problems of an update that touches what is frozen."""
    if value_at(old, "status.startTime") is None:
        return ()

    def is_changed(path: str) -> bool:
        return value_at(new, path) != value_at(old, path)

    return tuple(
        Problem(field=freeze.path, value=value_at(new, freeze.path), rule=freeze.rule, mend=freeze.mend)
        for freeze in freezes
        if is_changed(freeze.path) and not (freeze.unless and is_changed(freeze.unless))
    )


def value_at(document: Json, path: str) -> Json:
    """The value at a dotted path; None when it is absent. An empty path gives the document."""
    value = document
    for name in path.split(".") if path else ():
        value = value.get(name) if isinstance(value, dict) else None
    return value


def joined(parent: str, child: str) -> str:
    """Two dotted paths as one, either of which may be empty."""
    return ".".join(part for part in (parent, child) if part)


def _values(rule: Rule, document: Json) -> list[Json]:
    return [value_at(document, joined(rule.at, read)) for read in rule.reads]


def _is_blind(rule: Rule, malformed: Collection[str]) -> bool:
    reads = [joined(rule.at, read) for read in rule.reads]
    return any(_is_within(bad, read) or _is_within(read, bad) for bad in malformed for read in reads)


def _is_within(path: str, ancestor: str) -> bool:
    return path == ancestor or path.startswith((f"{ancestor}.", f"{ancestor}[")) or not ancestor


def _same(path: str) -> str:
    new, old = f"self.{path}", f"oldSelf.{path}"
    return f"has({new}) == has({old}) && (!has({new}) || {new} == {old})"
