"""Turn a resolved old configuration into one that the schema knows, by the table of `legacy_keys`.

It never guesses: a key that would change the result and is not supported is refused, with the value that is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bionemo_trainer.config.composition import Tree
from bionemo_trainer.config.legacy_keys import FAMILY_LEGACY, LEGACY, Inert, Only, Renamed, Rule
from bionemo_trainer.config.overrides import assign, lookup
from bionemo_trainer.errors import Problem

_UNSET: tuple[object, ...] = (None, "", {}, [])
"""Values that say nothing, so an inert key that has one is not worth a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Modernised:
    """What became of an old configuration."""

    tree: Tree
    """The configuration in today's keys."""
    warnings: tuple[str, ...]
    """One sentence per inert key that was set."""
    problems: tuple[Problem, ...]
    """Settings that are not supported."""


def legacy_keys(family: str) -> frozenset[str]:
    """All old keys that a family's files may have."""
    return frozenset(LEGACY) | frozenset(FAMILY_LEGACY.get(family, ()))


def modernise(tree: Tree, family: str) -> Modernised:
    """Apply the table to a resolved configuration; keys without a rule stay as they are."""
    rules = {**LEGACY, **FAMILY_LEGACY.get(family, {})}
    kept: Tree = {}
    moved: list[tuple[str, object]] = []
    warnings: dict[str, str] = {}
    problems: list[Problem] = []
    for key, value in _leaves(tree, rules, ""):
        named, rule = _rule_for(key, rules)
        match rule:
            case None:
                assign(kept, key, value)
            case Renamed(to):
                moved.append((to, value))
            case Inert(reason) if value not in _UNSET:
                warnings[named] = f"{named} has no effect: {reason}"
            case Only(values, mend) if not _is_accepted(value, values):
                allowed = " or ".join(repr(accepted) for accepted in values if accepted is not None)
                rule_text = f"is not supported, only {allowed or 'null'} is"
                problems.append(Problem(field=key, value=value, rule=rule_text, mend=mend))
    for key, value in moved:
        if not lookup(kept, key)[0]:
            assign(kept, key, value)
    return Modernised(tree=kept, warnings=tuple(warnings.values()), problems=tuple(problems))


def _is_accepted(value: object, values: tuple[object, ...]) -> bool:
    switched_off = isinstance(value, dict) and value.get("enabled") is False
    return switched_off or value in values


def _leaves(tree: Mapping[str, Any], rules: Mapping[str, Rule], prefix: str) -> Iterator[tuple[str, Any]]:
    """Dotted keys with their values, down to scalars, lists, empty mappings and mappings that are judged as one."""
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and value and not isinstance(rules.get(key), Only):
            yield from _leaves(value, rules, f"{key}.")
        else:
            yield key, value


def _rule_for(key: str, rules: Mapping[str, Rule]) -> tuple[str, Rule | None]:
    """The rule of a key, or of the nearest mapping above it that is inert as a whole, with the key that it names."""
    if key in rules:
        return key, rules[key]
    above = key
    while "." in above:
        above = above.rpartition(".")[0]
        if isinstance(rules.get(above), Inert):
            return above, rules[above]
    return key, None
