"""`bionemo recipes` and `bionemo show`: the shipped configurations."""

from collections.abc import Sequence

import yaml
from rich.syntax import Syntax
from rich.table import Table

from bionemo_operator.cli.output import console
from bionemo_trainer.config.composition import recipe_names
from bionemo_trainer.config.layout import layout_of
from bionemo_trainer.config.load import load_recipe, to_tree
from bionemo_trainer.config.parameters import num_parameters


def list_recipes() -> None:
    """Print a table of all recipes."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("RECIPE", no_wrap=True)
    for heading in ("PARAMETERS", "LAYERS", "WIDTH", "SEQUENCE", "MICRO BATCH"):
        table.add_column(heading, justify="right")
    table.add_column("LAYOUT", no_wrap=True)
    for name in recipe_names():
        config = load_recipe(name).config
        model = config.model
        sizes = (model.num_layers, model.hidden_size, model.seq_length, model.micro_batch_size)
        table.add_row(name, in_millions(num_parameters(model)), *map(str, sizes), str(layout_of(config)))
    console().print(table)


def show_recipe(name: str, overrides: Sequence[str]) -> None:
    """Print one recipe with overrides as YAML that loads as the same configuration.

    Raises:
        ConfigError: The recipe is unknown or an override is wrong.
    """
    loaded = load_recipe(name, overrides)
    text = yaml.safe_dump(to_tree(loaded.config), sort_keys=False, allow_unicode=True)
    console().print(Syntax(text, "yaml", background_color="default") if console().is_terminal else text.rstrip())
    for warning in loaded.warnings:
        console(stderr=True).print(f"warning: {warning}", style="yellow")


def in_millions(parameters: int) -> str:
    """`45.1 M`, or `15.1 B` for billions."""
    return f"{parameters / 1e9:.1f} B" if parameters >= 1e9 else f"{parameters / 1e6:.1f} M"
