"""How a run's configuration differs from the recipe that it began as. Pure but for the shipped recipes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bionemo_trainer.config.composition import recipe_names
from bionemo_trainer.config.load import load_recipe, to_tree
from bionemo_trainer.config.schema.root import TrainConfig

ABSENT = "-"
"""Stands where a section is switched off as a whole, so that its keys are not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One key whose value is not the recipe's."""

    key: str
    recipe: str
    run: str


def differences(config: TrainConfig, recipe: str | None) -> tuple[Difference, ...] | None:
    """All differences, in the order of the configuration; None when there is no such recipe here to compare with."""
    if recipe not in recipe_names():
        return None
    before = dict(_flat(to_tree(load_recipe(recipe).config)))
    after = dict(_flat(to_tree(config)))
    keys = dict.fromkeys((*after, *before))
    pairs = ((key, before.get(key, ABSENT), after.get(key, ABSENT)) for key in keys)
    return tuple(Difference(key=key, recipe=old, run=new) for key, old, new in pairs if old != new)


def _flat(tree: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{key}.")
        else:
            yield key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
