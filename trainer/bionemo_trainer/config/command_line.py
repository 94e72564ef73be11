"""Find the configuration that BioNeMo's command line names: `--config-path DIR --config-name NAME key=value …`.

Called by `python -m bionemo_trainer`. A path that is no folder here is looked up among the shipped recipes.
"""

from pathlib import Path

from bionemo_trainer.config.composition import RECIPES_DIR, recipe_names
from bionemo_trainer.config.suggestion import nearest
from bionemo_trainer.errors import ConfigError, Problem


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
