"""BioNeMo's command line, `--config-path DIR --config-name NAME key=value …`, and the configuration that it names.

Called by `python -m bionemo_trainer` and by every rank that it starts. A path that is no folder here is looked up among the
shipped recipes.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bionemo_trainer.config.composition import RECIPES_DIR, recipe_names
from bionemo_trainer.config.load import Loaded, load_file
from bionemo_trainer.config.suggestion import nearest
from bionemo_trainer.errors import ConfigError, Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """What was asked for."""

    config_path: str | None
    config_name: str
    overrides: Sequence[str]
    check: bool
    """Only judge the configuration."""
    recipe: str | None
    """The shipped configuration that this one began as, for the record; None when that is not known."""

    def load(self) -> Loaded:
        """The configuration that it names.

        Raises:
            ConfigError: There is none, or it is wrong; every problem is named.
        """
        return load_file(config_file(self.config_path, self.config_name), self.overrides)


def parsed(arguments: Sequence[str] | None) -> CommandLine:
    """Reads arguments, those of this process when there are none given; ends the process with help or usage if asked."""
    options = _parser().parse_intermixed_args(arguments)
    return CommandLine(
        config_path=options.config_path,
        config_name=options.config_name,
        overrides=options.overrides,
        check=options.check,
        recipe=options.recipe or _recipe_of(options.config_path, options.config_name),
    )


def config_file(config_path: str | None, config_name: str) -> Path:
    """The file that a run is configured by.

    Args:
        config_path: A folder, or a folder of the shipped recipes such as `protein/esm1nv`; None searches all recipes.
        config_name: Name of a file in it, with or without extension, or the name of a recipe.

    Raises:
        ConfigError: There is no such file, or several recipes have that name.
    """
    name = config_name.removesuffix(".yaml")
    if config_path is None:
        return _recipe(name)
    for folder in (Path(config_path), RECIPES_DIR / config_path):
        if (folder / f"{name}.yaml").is_file():
            return folder / f"{name}.yaml"
    raise _missing(config_path, name)


def _recipe(name: str) -> Path:
    found = [recipe for recipe in recipe_names() if recipe == name or recipe.endswith(f"/{name}")]
    if len(found) == 1:
        return RECIPES_DIR / f"{found[0]}.yaml"
    rule, mend = "is no shipped recipe", f"{nearest(name, recipe_names())}or give --config-path for a file of your own"
    if found:
        rule, mend = f"names {len(found)} recipes", f"write one of {', '.join(found)}"
    raise ConfigError([Problem(field="--config-name", value=name, rule=rule, mend=mend)])


def _missing(config_path: str, name: str) -> ConfigError:
    rule = f"is no YAML file in {config_path}, nor in that folder of the shipped recipes"
    mend = "correct the name or --config-path"
    return ConfigError([Problem(field="--config-name", value=name, rule=rule, mend=mend)])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bionemo_trainer",
        description="Train as a configuration says, or with do_training=False prepare its data.",
        allow_abbrev=False,
    )
    parser.add_argument("--config-path", "-cp", help="folder of the configuration, here or among the shipped recipes")
    parser.add_argument("--config-name", "-cn", required=True, help="name of the file in it, or of a shipped recipe")
    parser.add_argument("--check", action="store_true", help="only judge the configuration, and print it resolved")
    parser.add_argument("--recipe", help="the shipped recipe that the file began as; for the record")
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="changes in Hydra's grammar")
    return parser


def _recipe_of(config_path: str | None, config_name: str) -> str | None:
    """The shipped recipe that the arguments name, if they name one."""
    try:
        file = config_file(config_path, config_name)
    except ConfigError:
        return None
    shipped = file.is_relative_to(RECIPES_DIR)
    return str(file.relative_to(RECIPES_DIR).with_suffix("")) if shipped else None
