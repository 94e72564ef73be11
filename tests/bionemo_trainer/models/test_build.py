"""Every recipe builds the network that its configuration describes, with the weights that its seed gives."""

import pytest
import torch
from megatron.core.process_groups_config import ProcessGroupCollection

from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.config.parameters import num_parameters
from bionemo_trainer.models.build import build_model, parameters_over_all_ranks
from testkit.networks import (
    CPU,
    ENCODER_DECODERS,
    ESM1NV,
    ESM2NV,
    FAMILIES,
    MEGAMOLBART,
    ON_CPU,
    PROTT5NV,
    small_config,
    small_network,
)


@pytest.mark.parametrize(
    "recipe",
    [
        "molecule/megamolbart/pretrain_xsmall_span_aug",
        "molecule/megamolbart/pretrain_small_span_aug",
        "molecule/megamolbart/pretrain_base",
        "protein/esm1nv/pretrain_small",
        "protein/esm2nv/pretrain_esm2_8M",
        "protein/esm2nv/pretrain_esm2_35M",
        "protein/prott5nv/pretrain_small",
    ],
)
def test_a_recipe_builds_as_many_parameters_as_it_says(recipe):
    config = load_recipe(recipe, ON_CPU).config
    network = build_model(config, CPU)
    assert sum(parameter.numel() for parameter in network.parameters()) == num_parameters(config.model)


@pytest.mark.parametrize("recipe", FAMILIES)
@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(["model.bias=False"], id="without biases"),
        pytest.param(["model.kv_channels=6"], id="heads of another width"),
        pytest.param(["model.position_embedding_type=rope"], id="rotary positions"),
        pytest.param(["model.position_embedding_type=learned_absolute"], id="learned positions"),
    ],
)
def test_options_that_change_the_shape_are_counted_too(recipe, overrides):
    config = small_config(recipe, *overrides)
    groups = ProcessGroupCollection.use_mpu_process_groups()
    assert parameters_over_all_ranks(build_model(config, CPU), groups, CPU) == num_parameters(config.model)


@pytest.mark.parametrize("recipe", ENCODER_DECODERS)
@pytest.mark.parametrize(("is_shared", "parameters"), [("True", ["output.bias"]), ("False", ["output.weight"])])
def test_the_output_of_a_decoder_is_the_token_table_with_a_bias_or_a_table_of_its_own(recipe, is_shared, parameters):
    network = small_network(recipe, f"model.share_decoder_tokens_head_embeddings={is_shared}")
    assert [name for name, _ in network.named_parameters() if name.startswith("output.")] == parameters


def test_a_seed_gives_the_same_weights_again():
    first, again = small_network(ESM2NV), small_network(ESM2NV)
    torch.testing.assert_close(first.state_dict(), again.state_dict(), rtol=0, atol=0)


def test_another_seed_gives_other_weights():
    first, other = small_network(ESM2NV), small_network(ESM2NV, "model.seed=7")
    assert not torch.equal(first.embedding.tokens.weight, other.embedding.tokens.weight)


@pytest.mark.parametrize(
    ("recipe", "name", "std"),
    [
        pytest.param(ESM1NV, "embedding.tokens.weight", 0.02, id="tokens"),
        pytest.param(ESM1NV, "embedding.positions.weight", 0.02, id="positions"),
        pytest.param(ESM1NV, "encoder.layers.3.self_attention.linear_qkv.weight", 0.02, id="queries, keys, values"),
        pytest.param(ESM1NV, "encoder.layers.3.self_attention.linear_proj.weight", 0.02 / 12**0.5, id="attention out"),
        pytest.param(ESM1NV, "encoder.layers.0.mlp.linear_fc2.weight", 0.02 / 12**0.5, id="feed-forward out"),
        pytest.param(ESM1NV, "head.dense.weight", 0.02, id="head"),
        pytest.param(
            MEGAMOLBART, "decoder.layers.1.cross_attention.linear_proj.weight", 0.01, id="cross-attention out"
        ),
        pytest.param(MEGAMOLBART, "output.weight", 0.02, id="own output"),
        pytest.param(ESM1NV, "encoder.final_layernorm.weight", 0.0, id="norm"),
    ],
)
def test_weights_are_drawn_as_the_originals_were(recipe, name, std):
    weight = build_model(load_recipe(recipe, ON_CPU).config, CPU).get_parameter(name)
    assert weight[:30].std().item() == pytest.approx(std, rel=0.05)  # rows beyond the vocabulary are zero


def test_rows_beyond_the_vocabulary_are_zero():
    table = small_network(ESM2NV).embedding.tokens.weight
    assert table[32].count_nonzero() == 32
    assert table[33:].count_nonzero() == 0


def test_biases_start_at_zero():
    network = small_network(PROTT5NV)
    assert {name for name, value in network.named_parameters() if name.endswith("bias") and value.any()} == set()


def test_parameters_can_have_16_bit():
    network = build_model(small_config(ESM2NV), CPU, dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in network.parameters()} == {torch.bfloat16}


def test_the_head_and_norms_of_16_bit_parameters_are_the_rounded_ones_of_32():
    narrow, wide = build_model(small_config(ESM2NV), CPU, dtype=torch.bfloat16), small_network(ESM2NV)
    assert torch.equal(narrow.head.dense.weight, wide.head.dense.weight.bfloat16())
