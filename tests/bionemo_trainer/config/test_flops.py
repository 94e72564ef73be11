"""The arithmetic of forward and backward passes, as the field counts it."""

import pytest

from bionemo_trainer.config.flops import flops_per_token, num_sides, share_read
from bionemo_trainer.config.load import load_recipe

MEGAMOLBART = "molecule/megamolbart/pretrain_small_span_aug"
ESM1NV = "protein/esm1nv/pretrain_small"


@pytest.mark.parametrize(
    ("recipe", "sides", "weights", "products"),
    [
        # 6 layers; 4 attention matrices and 2 of the feed-forward network; for 10 % of the tokens the last 3 of them, and a dense head.
        pytest.param(
            ESM1NV,
            1,
            6 * 3 * 768**2 + 5.1 * (768**2 + 2 * 768 * 3072) + 0.1 * 768**2,
            6 * 768,
            id="an encoder",
        ),
        # Both stacks have 6 layers, with three attentions between them, and a token passes one of the two.
        pytest.param(MEGAMOLBART, 2, 6 * (3 * 4 * 512**2 + 2 * 2 * 512 * 2048) / 2, 6 * 3 * 512 / 2, id="both"),
    ],
)
def test_operations_are_six_per_weight_and_twelve_per_product(recipe, sides, weights, products):
    config = load_recipe(recipe).config
    assert num_sides(config) == sides
    assert flops_per_token(config, 0.0) == pytest.approx(6 * weights)
    assert flops_per_token(config, 100.0) - flops_per_token(config, 0.0) == pytest.approx(12 * products * 100)


@pytest.mark.parametrize(
    ("overrides", "share"),
    [
        pytest.param([], 0.1, id="targets alone pass the last layer"),
        pytest.param(["model.data.modify_percent=0.3"], 0.3, id="as many as there are"),
        pytest.param(["model.tensor_model_parallel_size=2"], 0.1, id="ranks that share a layer"),
        pytest.param(["model.tensor_model_parallel_size=2", "model.sequence_parallel=True"], 1.0, id="and its tokens"),
        pytest.param(["model.pipeline_model_parallel_size=2"], 1.0, id="other stages hold the pace"),
    ],
)
def test_a_masked_models_last_layer_is_counted_for_what_passes_it(overrides, share):
    assert share_read(load_recipe(ESM1NV, ["trainer.devices=2", *overrides]).config) == share


def test_all_of_a_decoders_tokens_pass_its_last_layer():
    assert share_read(load_recipe(MEGAMOLBART).config) == 1.0
