"""Command-line overrides in Hydra's grammar: `key=value`, `+key=value`, `++key=value`, `~key`.

Hydra's own parser reads them; they are applied here to a plain tree, because Hydra's composition needs global state.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import OverrideType
from hydra.errors import HydraException

from bionemo_trainer.config.composition import Tree
from bionemo_trainer.config.suggestion import nearest_key
from bionemo_trainer.errors import Problem

FIELD = "overrides"
_BRACKETS = "[](){}<>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One override, understood."""

    text: str
    """As it was written."""
    key: str
    """Dotted path of the key."""
    kind: OverrideType
    """Change, add, force-add or delete."""
    value: object
    """What is assigned; None for a plain deletion."""


def parse_overrides(texts: Sequence[str]) -> tuple[tuple[Assignment, ...], tuple[Problem, ...]]:
    """The overrides that could be read, and a problem for each that doesn't follow the grammar or asks for a sweep."""
    parsed = [_parse(text) for text in texts]
    understood = tuple(item for item in parsed if isinstance(item, Assignment))
    return understood, tuple(item for item in parsed if isinstance(item, Problem))


def apply_overrides(
    tree: Tree, assignments: Iterable[Assignment], known_keys: frozenset[str]
) -> tuple[Tree, tuple[Problem, ...]]:
    """A copy of the tree with the overrides applied in order, and a problem for each that can't be.

    Args:
        tree: The composed configuration.
        assignments: What to change.
        known_keys: Dotted keys that exist by declaration, so that `key=value` may set them where no file did.
    A key must exist for `=` and `~`, and must not for `+`.
    """
    changed = _copied(tree)
    return changed, tuple(problem for item in assignments if (problem := _apply(changed, item, known_keys)))


def assign(tree: Tree, key: str, value: object) -> None:
    """Set a dotted key in place, making the mappings on the way."""
    *parents, last = key.split(".")
    for parent in parents:
        below = tree.get(parent)
        if not isinstance(below, dict):
            below = {}
            tree[parent] = below
        tree = below
    tree[last] = value


def lookup(tree: object, key: str) -> tuple[bool, object]:
    """Whether a dotted key exists, and its value."""
    for part in key.split("."):
        if not isinstance(tree, dict) or part not in tree:
            return False, None
        tree = tree[part]
    return True, tree


def _parse(text: str) -> Assignment | Problem:
    try:
        override = _parser().parse_override(text)
    except HydraException as error:
        reason = str(error).splitlines()[0]
        return Problem(
            field=FIELD, value=text, rule=f"does not follow Hydra's grammar ({reason})", mend=_grammar_mend(text)
        )
    if override.is_sweep_override():
        rule = "gives several values, and a run takes one"
        return Problem(field=FIELD, value=text, rule=rule, mend="quote a value with commas, or write a list as [a,b]")
    if override.package is not None:
        rule = f"names a package ({override.package}), and these configurations have no groups"
        return Problem(field=FIELD, value=text, rule=rule, mend="write the dotted key alone")
    key = override.key_or_group.replace("/", ".")
    return Assignment(text=text, key=key, kind=override.type, value=override.value())


@cache
def _parser() -> OverridesParser:
    return OverridesParser.create()


def _grammar_mend(text: str) -> str:
    if any(bracket in text for bracket in _BRACKETS):
        return "quote a value with brackets ('x[000..009]'), or write x_OP_000..009_CL_"
    return "write key=value, +key=value, ++key=value or ~key"


def _apply(tree: Tree, item: Assignment, known_keys: frozenset[str]) -> Problem | None:
    exists, current = lookup(tree, item.key)
    match item.kind:
        case OverrideType.CHANGE if not exists and item.key not in known_keys:
            hint = nearest_key(item.key, known_keys)
            return _problem(
                item, f"names no key of this configuration ({item.key})", f"{hint}++{item.text} adds a new one"
            )
        case OverrideType.ADD if exists:
            return _problem(item, f"adds a key that exists ({item.key})", f"write {item.text.removeprefix('+')}")
        case OverrideType.DEL:
            return _delete(tree, item, exists=exists, current=current)
    assign(tree, item.key, item.value)
    return None


def _delete(tree: Tree, item: Assignment, *, exists: bool, current: object) -> Problem | None:
    if not exists:
        return _problem(item, f"deletes a key that is not there ({item.key})", "leave it out")
    if item.value is not None and item.value != current:
        rule = f"deletes another value than the present one ({current!r})"
        return _problem(item, rule, f"write ~{item.key} to delete it whatever its value")
    *parents, last = item.key.split(".")
    parent = lookup(tree, ".".join(parents))[1] if parents else tree
    assert isinstance(parent, dict), "a key that exists lies in a mapping"
    del parent[last]
    return None


def _problem(item: Assignment, rule: str, mend: str) -> Problem:
    return Problem(field=FIELD, value=item.text, rule=rule, mend=mend)


def _copied(tree: Tree) -> Tree:
    return {key: _copied(value) if isinstance(value, dict) else value for key, value in tree.items()}
