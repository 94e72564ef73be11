"""The one way to a typed configuration: compose, override, resolve, modernise, validate, apply the rules.

Called by `bionemo check`, by the operator before it admits a training and by the trainer before it starts, so that all
three judge alike.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ValidationError

from bionemo_trainer.config.composition import Tree, compose, recipe_path
from bionemo_trainer.config.family import family_of
from bionemo_trainer.config.interpolation import resolve
from bionemo_trainer.config.legacy import legacy_keys, modernise
from bionemo_trainer.config.overrides import FIELD, Assignment, apply_overrides, assign, parse_overrides
from bionemo_trainer.config.problems import problems_of
from bionemo_trainer.config.rules import problems_in, warnings_in
from bionemo_trainer.config.schema.root import FAMILIES, Family, TrainConfig
from bionemo_trainer.errors import NOTHING, ConfigError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """A key whose value comes from elsewhere, for example from a field of a custom resource."""

    owner: str
    """The field that a user sets instead, such as `spec.nodes`."""
    value: object = NOTHING
    """What it is set to; NOTHING keeps the recipe's value, but still refuses overrides."""
    mend: str = ""
    """What to do instead of an override; empty means to set the owner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A configuration that can train, with what its author should know."""

    config: TrainConfig
    warnings: tuple[str, ...] = field(default=())


def load_recipe(name: str, overrides: Sequence[str] = (), owned: Mapping[str, Owned] | None = None) -> Loaded:
    """A shipped recipe with overrides.

    Args:
        name: Such as `molecule/megamolbart/pretrain_small_span_aug`.
        overrides: In Hydra's grammar.
        owned: Dotted keys that are set from elsewhere; overrides of them are refused.

    Raises:
        ConfigError: With every problem found.
    """
    return load_tree(compose(recipe_path(name)), overrides, owned)


def load_file(path: Path, overrides: Sequence[str] = ()) -> Loaded:
    """A BioNeMo configuration file, old or new, with overrides.

    Raises:
        ConfigError: With every problem found.
    """
    return load_tree(compose(path), overrides)


def load_tree(tree: Tree, overrides: Sequence[str] = (), owned: Mapping[str, Owned] | None = None) -> Loaded:
    """A composed configuration with overrides; see `load_recipe`."""
    problems: list[Problem] = []
    assignments, found = parse_overrides(overrides)
    problems += found
    family = family_of(tree)
    owned = owned or {}
    free = tuple(item for item in assignments if _owner(item, owned) is None)
    problems += [_owned_problem(item, owned) for item in assignments if item not in free]
    changed, found = apply_overrides(tree, free, declared_keys(family) | legacy_keys(family))
    problems += found
    for key, setting in owned.items():
        if setting.value is not NOTHING:
            assign(changed, key, setting.value)
    try:
        loaded = _validate(changed, family)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    if problems:
        raise ConfigError(problems)
    return loaded


@cache
def declared_keys(family: Family) -> frozenset[str]:
    """Dotted paths of everything that a family's configuration declares."""
    return frozenset(_declared(FAMILIES[family], ""))


def to_tree(config: TrainConfig) -> Tree:
    """The configuration as plain data, ready to be written as YAML; loading it again gives an equal configuration."""
    return config.model_dump(mode="json", by_alias=True)


def _validate(tree: Tree, family: Family) -> Loaded:
    modern = modernise(resolve(tree), family)
    content = {**modern.tree, "family": family}
    try:
        config = FAMILIES[family].model_validate(content)
    except ValidationError as error:
        found = problems_of(error, content, declared_keys(family) | legacy_keys(family))
        raise ConfigError([*modern.problems, *found]) from None
    problems = [*modern.problems, *problems_in(config)]
    if problems:
        raise ConfigError(problems)
    return Loaded(config=config, warnings=(*modern.warnings, *warnings_in(config)))


def _declared(section: type[BaseModel], prefix: str) -> list[str]:
    keys = []
    for name, info in section.model_fields.items():
        key = f"{prefix}{info.alias or name}"
        keys.append(key)
        for inner in _sections_in(info.annotation):
            keys += _declared(inner, f"{key}.")
    return keys


def _sections_in(annotation: object) -> list[type[BaseModel]]:
    """The sections a field's type holds directly or in a union; items of lists have no dotted key."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if getattr(annotation, "__origin__", None) is tuple:
        return []
    return [section for part in getattr(annotation, "__args__", ()) for section in _sections_in(part)]


def _owner(item: Assignment, owned: Mapping[str, Owned]) -> str | None:
    """The owned key that an override would touch: the key itself, one above or one below."""
    for key in owned:
        if key == item.key or key.startswith(f"{item.key}.") or item.key.startswith(f"{key}."):
            return key
    return None


def _owned_problem(item: Assignment, owned: Mapping[str, Owned]) -> Problem:
    key = _owner(item, owned) or item.key
    setting = owned[key]
    rule = f"sets {key}, which {setting.owner} owns"
    return Problem(field=FIELD, value=item.text, rule=rule, mend=setting.mend or f"set {setting.owner}")
