"""The arithmetic of forward and backward passes, as the field counts it."""

import pytest

from bionemo_trainer.config.flops import flops_per_token, num_sides
from bionemo_trainer.config.load import load_recipe

MEGAMOLBART = "molecule/megamolbart/pretrain_small_span_aug"
ESM1NV = "protein/esm1nv/pretrain_small"


@pytest.mark.parametrize(
    ("recipe", "sides", "weights", "products"),
    [
        # 6 layers; 4 attention matrices and 2 of the feed-forward network; a dense head.
        pytest.param(ESM1NV, 1, 6 * (4 * 768**2 + 2 * 768 * 3072) + 768**2, 6 * 768, id="an encoder"),
        # Both stacks have 6 layers, with three attentions between them, and a token passes one of the two.
        pytest.param(MEGAMOLBART, 2, 6 * (3 * 4 * 512**2 + 2 * 2 * 512 * 2048) / 2, 6 * 3 * 512 / 2, id="both"),
    ],
)
def test_operations_are_six_per_weight_and_twelve_per_product(recipe, sides, weights, products):
    config = load_recipe(recipe).config
    assert num_sides(config) == sides
    assert flops_per_token(config, 0.0) == 6 * weights
    assert flops_per_token(config, 100.0) - flops_per_token(config, 0.0) == pytest.approx(12 * products * 100)
