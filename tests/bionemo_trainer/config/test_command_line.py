"""BioNeMo's command line is read, and its --config-path and --config-name find one's own files and shipped recipes."""

import pytest

from bionemo_trainer.config.command_line import config_file, parsed
from bionemo_trainer.config.composition import RECIPES_DIR
from bionemo_trainer.errors import ConfigError


@pytest.mark.parametrize("name", ["mine", "mine.yaml"])
def test_a_file_of_ones_own_is_found_in_its_folder(tmp_path, name):
    (tmp_path / "mine.yaml").write_text("name: x\n")
    assert config_file(str(tmp_path), name) == tmp_path / "mine.yaml"


@pytest.mark.parametrize("name", ["pretrain_small_span_aug", "molecule/megamolbart/pretrain_small_span_aug"])
def test_a_recipe_is_found_by_its_name_alone(name):
    assert config_file(None, name) == RECIPES_DIR / "molecule/megamolbart/pretrain_small_span_aug.yaml"


def test_a_path_may_name_a_folder_of_the_recipes():
    assert config_file("protein/esm1nv", "pretrain_small") == RECIPES_DIR / "protein/esm1nv/pretrain_small.yaml"


@pytest.mark.parametrize(
    ("path", "name", "message"),
    [
        pytest.param(
            None,
            "pretrain_small",
            "--config-name: 'pretrain_small' names 2 recipes; "
            "write one of protein/esm1nv/pretrain_small, protein/prott5nv/pretrain_small.",
            id="two recipes",
        ),
        pytest.param(
            None,
            "protein/esm1nv/pretrain_smal",
            "--config-name: 'protein/esm1nv/pretrain_smal' is no shipped recipe; "
            "did you mean protein/esm1nv/pretrain_small? or give --config-path for a file of your own.",
            id="typing error",
        ),
        pytest.param(
            "conf",
            "mine",
            "--config-name: 'mine' is no YAML file in conf, nor in that folder of the shipped recipes; "
            "correct the name or --config-path.",
            id="no such file",
        ),
    ],
)
def test_a_name_that_finds_nothing_is_answered(path, name, message):
    with pytest.raises(ConfigError) as caught:
        config_file(path, name)
    assert str(caught.value) == message


def test_options_and_changes_may_stand_in_any_order():
    command = parsed(["trainer.max_steps=5", "--config-name", "pretrain_small", "-cp", "protein/esm1nv", "name=x"])
    assert (command.config_path, command.config_name) == ("protein/esm1nv", "pretrain_small")
    assert (list(command.overrides), command.check) == (["trainer.max_steps=5", "name=x"], False)


def test_without_a_list_the_arguments_of_the_process_are_read(monkeypatch):
    monkeypatch.setattr("sys.argv", ["python", "-cn=pretrain_small_span_aug", "--check"])
    command = parsed(None)
    assert (command.config_name, command.check) == ("pretrain_small_span_aug", True)


@pytest.mark.parametrize(
    ("arguments", "recipe"),
    [
        pytest.param(["-cn=pretrain_small_span_aug"], "molecule/megamolbart/pretrain_small_span_aug", id="by name"),
        pytest.param(["-cp=protein/esm1nv", "-cn=pretrain_small"], "protein/esm1nv/pretrain_small", id="by folder"),
        pytest.param(["-cn=nowhere"], None, id="no such recipe"),
        pytest.param(
            ["-cn=nowhere", "--recipe=protein/esm1nv/pretrain_small"], "protein/esm1nv/pretrain_small", id="told"
        ),
    ],
)
def test_the_recipe_is_kept_for_the_record(arguments, recipe):
    assert parsed(arguments).recipe == recipe


def test_a_file_of_ones_own_is_no_recipe(tmp_path):
    (tmp_path / "mine.yaml").write_text("name: x\n")
    assert parsed(["-cp", str(tmp_path), "-cn", "mine"]).recipe is None


def test_the_configuration_is_that_of_the_file_with_the_changes():
    loaded = parsed(["-cn=pretrain_small_span_aug", "trainer.max_steps=5"]).load()
    assert (loaded.config.family, loaded.config.trainer.max_steps) == ("megamolbart", 5)


def test_a_missing_name_ends_with_usage(capsys):
    with pytest.raises(SystemExit) as ended:
        parsed([])
    assert ended.value.code == 2
    assert "the following arguments are required: --config-name/-cn" in capsys.readouterr().err
