"""`bionemo recipes` lists what is shipped; `bionemo show` prints a recipe that loads as itself."""

import yaml
from typer.testing import CliRunner

from bionemo_operator.cli import main
from bionemo_operator.cli.app import app
from bionemo_operator.cli.recipes import in_millions
from bionemo_trainer.config.composition import recipe_names
from bionemo_trainer.config.load import load_recipe, load_tree


def run(*arguments):
    return CliRunner().invoke(app, arguments)


def test_every_recipe_is_listed_with_its_size():
    lines = run("recipes").output.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(recipe_names())
    assert lines[2].split()[1:5] == ["45.1", "M", "6", "512"]


def test_a_shown_recipe_loads_as_itself():
    name = "protein/prott5nv/pretrain_small"
    assert load_tree(yaml.safe_load(run("show", name).stdout)).config == load_recipe(name).config


def test_a_recipe_is_shown_with_overrides_and_warnings():
    result = run("show", "protein/esm1nv/pretrain_small", "trainer.max_steps=60000", "++trainer.benchmark=True")
    assert yaml.safe_load(result.stdout)["trainer"]["max_steps"] == 60000
    assert result.stderr == "warning: trainer.benchmark has no effect: our layers choose their kernels themselves\n"


def test_a_wrong_recipe_ends_with_code_64_and_no_traceback(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["bionemo", "show", "protein/esm1nv/pretrain_smal"])
    try:
        main()
    except SystemExit as stopped:
        code = stopped.code
    assert code == 64
    assert capsys.readouterr().err == (
        "error: recipe: 'protein/esm1nv/pretrain_smal' is no shipped recipe; "
        "did you mean protein/esm1nv/pretrain_small? `bionemo recipes` lists all.\n"
    )


def test_billions_are_written_as_such():
    assert (in_millions(45_060_000), in_millions(15_134_170_000)) == ("45.1 M", "15.1 B")
