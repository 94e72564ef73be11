"""Read YAML configurations and merge the files that their `defaults:` lists name, as Hydra does for plain configs.

Works on plain dicts, keeps no global state and is safe in threads, which Hydra's own composition is not. Interpolations
stay as text here; `interpolation.py` resolves them once everything is merged.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from omegaconf._utils import get_yaml_loader

from bionemo_trainer.errors import ConfigError, Problem

type Tree = dict[str, Any]
"""A configuration before it is typed: nested dicts, lists and scalars."""

RECIPES_DIR = Path(str(resources.files("bionemo_trainer.config").joinpath("recipes")))
_MAX_DEPTH = 8


def recipe_names() -> tuple[str, ...]:
    """Names of all shipped recipes, such as `protein/esm1nv/pretrain_small`, sorted."""
    return tuple(sorted(path.relative_to(RECIPES_DIR).with_suffix("").as_posix() for path in _recipe_files()))


def recipe_path(name: str) -> Path:
    """File of a shipped recipe.

    Raises:
        ConfigError: No recipe has that name; the message names the nearest.
    """
    if name not in recipe_names():
        raise ConfigError([_unknown_recipe(name)])
    return RECIPES_DIR / f"{name}.yaml"


def compose(path: Path) -> Tree:
    """A YAML file merged over the files that its `defaults:` list names, in Hydra's order.

    Raises:
        ConfigError: A file is missing, is no YAML mapping, or names itself as a default.
    """
    return _compose(path.resolve(), ())


def compose_content(content: Mapping[str, Any], path: Path) -> Tree:
    """Content that was already read from `path`, merged over its defaults; for one document of a file with several.

    Raises:
        ConfigError: As for `compose`.
    """
    return _merge_defaults(content, path.resolve(), ())


def merge(base: Mapping[str, Any], top: Mapping[str, Any]) -> Tree:
    """`top` over `base`: mappings merge key by key, everything else is replaced; neither argument changes."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _recipe_files() -> Iterator[Path]:
    return RECIPES_DIR.rglob("*.yaml")


def _unknown_recipe(name: str) -> Problem:
    from bionemo_trainer.config.suggestion import nearest  # noqa: PLC0415 - keeps difflib out of the operator's start

    return Problem(
        field="recipe",
        value=name,
        rule="is no shipped recipe",
        mend=f"{nearest(name, recipe_names())}`bionemo recipes` lists all",
    )


def _compose(path: Path, above: tuple[Path, ...]) -> Tree:
    if path in above or len(above) >= _MAX_DEPTH:
        chain = " -> ".join(file.stem for file in (*above, path))
        raise ConfigError([_defaults_problem(above[-1], chain, "leads back to itself", "remove the circle")])
    return _merge_defaults(_read(path, above[-1] if above else None), path, above)


def _merge_defaults(read: Mapping[str, Any], path: Path, above: tuple[Path, ...]) -> Tree:
    content = dict(read)
    defaults = content.pop("defaults", [])
    if not isinstance(defaults, list):
        mend = "write it as a YAML list, for example [base_config]"
        raise ConfigError([_defaults_problem(path, defaults, "is not a list", mend)])
    folders = _search_path(content, path)
    merged: Tree = {}
    for entry in _ordered(defaults):
        layer = content if entry == "_self_" else _compose(_find(entry, folders, path), (*above, path))
        merged = merge(merged, layer)
    return merged


def _ordered(defaults: list[Any]) -> list[Any]:
    """Hydra merges the file itself last unless it says `_self_` somewhere."""
    return defaults if "_self_" in defaults else [*defaults, "_self_"]


def _search_path(content: Tree, path: Path) -> list[Path]:
    """Folders that defaults are looked up in: the file's own, Hydra's search path, then the shipped recipes.

    Takes Hydra's own section out of the content.
    """
    hydra = content.pop("hydra", None) or {}
    extra = hydra.get("searchpath", []) if isinstance(hydra, Mapping) else []
    return [path.parent, *(Path(str(folder).removeprefix("file://")) for folder in extra), RECIPES_DIR]


def _find(entry: object, folders: list[Path], path: Path) -> Path:
    if isinstance(entry, str):
        for folder in folders:
            candidate = folder / f"{entry.removesuffix('.yaml')}.yaml"
            if candidate.is_file():
                return candidate.resolve()
    where = ", ".join(str(folder) for folder in folders[:-1])
    rule = f"is neither a YAML file in {where} nor a shipped recipe"
    problem = _defaults_problem(path, entry, rule, "give the name of a file there, or of a recipe")
    raise ConfigError([problem])


def _defaults_problem(path: Path, value: object, rule: str, mend: str) -> Problem:
    return Problem(field=f"{path.name}: defaults", value=value, rule=rule, mend=mend)


def _read(path: Path, parent: Path | None) -> Mapping[str, Any]:
    try:
        return _shipped(path) if path.is_relative_to(RECIPES_DIR) else parse_yaml(path.read_text("utf-8"), path.name)
    except OSError as error:
        field = f"{parent.name}: defaults" if parent else "file"
        reason = error.strerror or "can't be read"
        problem = Problem(
            field=field, value=str(path), rule=f"can't be read ({reason})", mend="give the path of a YAML file"
        )
        raise ConfigError([problem]) from error
    except UnicodeDecodeError as error:
        problem = Problem(field="file", value=str(path), rule="is not UTF-8 text", mend="save it as UTF-8")
        raise ConfigError([problem]) from error


@cache
def _shipped(path: Path) -> Mapping[str, Any]:
    """Recipes never change while a process runs, and an operator reads the same few for every training."""
    return parse_yaml(path.read_text("utf-8"), path.name)


def parse_yaml(text: str, name: str) -> Mapping[str, Any]:
    """One YAML mapping, read as OmegaConf reads it (so that `1e-5` is a number and a doubled key is refused).

    Raises:
        ConfigError: The text is not YAML, or not a mapping.
    """
    try:
        content = yaml.load(text, Loader=get_yaml_loader())  # noqa: S506 - OmegaConf's loader is a SafeLoader
    except yaml.YAMLError as error:
        raise ConfigError([not_yaml(name, error)]) from error
    if content is None:
        return {}
    if not isinstance(content, Mapping):
        kind = type(content).__name__
        problem = Problem(
            field=name, value=kind, rule="is not a mapping of keys to values", mend="start with `name: …`"
        )
        raise ConfigError([problem])
    return content


def not_yaml(name: str, error: yaml.YAMLError) -> Problem:
    """What is wrong with a text that is no YAML, with its line and column where the parser tells them."""
    mark = getattr(error, "problem_mark", None)
    where = f"{name}, line {mark.line + 1}, column {mark.column + 1}" if mark else name
    reason = getattr(error, "problem", None) or "unreadable"
    return Problem(
        field=where, value=reason, rule="is no valid YAML", mend="correct the line; a linter such as yamllint helps"
    )
