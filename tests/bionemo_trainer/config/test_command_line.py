"""BioNeMo's --config-path and --config-name find files of one's own and shipped recipes."""

import pytest

from bionemo_trainer.config.command_line import config_file
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
