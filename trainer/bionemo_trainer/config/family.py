"""Tell which model family an old configuration is for; shipped recipes say so themselves under `family`."""

from collections.abc import Mapping
from typing import Any

from bionemo_trainer.config.overrides import lookup
from bionemo_trainer.config.schema.root import FAMILIES, Family
from bionemo_trainer.errors import NOTHING, ConfigError, Problem

_NAMES: tuple[tuple[str, Family], ...] = (
    ("megamolbart", "megamolbart"),
    ("prott5", "prott5nv"),
    ("esm1", "esm1nv"),
    ("esm2", "esm2nv"),
)
_TELLTALES: tuple[tuple[str, Family], ...] = (
    ("model.data.span_lambda", "megamolbart"),
    ("model.data.seq_length_dec", "prott5nv"),
    ("model.embedding_token_dropout", "esm2nv"),
    ("model.data.modify_percent", "esm1nv"),
)
"""Keys that only one family has, the most particular first."""


def family_of(tree: Mapping[str, Any]) -> Family:
    """The family that `family` names, or else the one that the names and keys point to.

    Raises:
        ConfigError: `family` is unknown, or nothing tells the family.
    """
    stated = tree.get("family")
    for family in FAMILIES:
        if stated == family:
            return family
    if stated is not None:
        raise ConfigError([_problem(stated, "is no model family")])
    label = f"{tree.get('name', '')} {lookup(tree, 'model.name')[1]}".lower().replace("-", "")
    for part, family in _NAMES:
        if part in label:
            return family
    for key, family in _TELLTALES:
        if lookup(tree, key)[0]:
            return family
    raise ConfigError([_problem(NOTHING, "is given, and neither names nor keys tell it")])


def _problem(value: object, rule: str) -> Problem:
    return Problem(field="family", value=value, rule=rule, mend=f"set it to one of {', '.join(FAMILIES)}")
