"""What a run changed of its recipe, and nothing else, is told."""

import pytest

from bionemo_operator.report.differences import Difference, differences
from bionemo_trainer.config.load import load_recipe

RECIPE = "protein/esm1nv/pretrain_small"


def changed(*overrides):
    return differences(load_recipe(RECIPE, overrides).config, RECIPE)


def test_a_recipe_does_not_differ_from_itself():
    assert changed() == ()


def test_changed_keys_are_told_with_both_values():
    found = changed(
        "trainer.max_steps=600000", "model.optim.betas=[0.8,0.9]", "desc=mine", "exp_manager.resume_if_exists=False"
    )
    assert Difference(key="trainer.max_steps", recipe="1000000", run="600000") in found
    assert Difference(key="model.optim.betas", recipe="[0.9, 0.98]", run="[0.8, 0.9]") in found
    assert Difference(key="desc", recipe="null", run="mine") in found
    assert Difference(key="exp_manager.resume_if_exists", recipe="true", run="false") in found
    assert len(found) == 4


@pytest.mark.parametrize("recipe", [None, "protein/esm1nv/of_another_version"])
def test_without_a_recipe_there_is_nothing_to_compare_with(recipe):
    assert differences(load_recipe(RECIPE).config, recipe) is None
