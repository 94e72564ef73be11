"""Parameter counts come out as published or computed for the original models."""

import pytest

from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.config.parameters import num_parameters, padded_vocabulary_size, vocabulary_size


def model(recipe, *overrides):
    return load_recipe(recipe, overrides).config.model


@pytest.mark.parametrize(
    ("recipe", "millions"),
    [
        ("molecule/megamolbart/pretrain_base", 51.0),
        ("molecule/megamolbart/pretrain_xsmall_span_aug", 4.15),
        ("molecule/megamolbart/pretrain_xsmall_span_aug_mlp_valid", 4.15),
        ("molecule/megamolbart/pretrain_small_span_aug", 45.06),
        ("molecule/megamolbart/pretrain_large_span_aug", 237.0),
        ("protein/esm1nv/pretrain_small", 43.6),
        ("protein/prott5nv/pretrain_small", 199.0),
    ],
)
def test_the_original_models_have_their_size(recipe, millions):
    assert num_parameters(model(recipe)) / 1e6 == pytest.approx(millions, rel=2e-3)


@pytest.mark.parametrize(
    ("size", "parameters"), [("8M", 8e6), ("35M", 35e6), ("150M", 150e6), ("650M", 650e6), ("3B", 3e9), ("15B", 15e9)]
)
def test_esm2_sizes_deserve_their_names(size, parameters):
    assert num_parameters(model(f"protein/esm2nv/pretrain_esm2_{size}")) == pytest.approx(parameters, rel=0.06)


def test_the_650m_model_has_the_published_count_but_for_its_padded_vocabulary():
    esm2 = model("protein/esm2nv/pretrain_esm2_650M", "model.make_vocab_size_divisible_by=1")
    contact_head = 33 * 20 + 1  # the published model also predicts contacts from its attention
    assert num_parameters(esm2) + contact_head == 651_043_254


@pytest.mark.parametrize(
    ("recipe", "vocabulary"),
    [
        ("molecule/megamolbart/pretrain_base", 523),
        ("protein/esm1nv/pretrain_small", 30),
        ("protein/prott5nv/pretrain_small", 126),
        ("protein/esm2nv/base_config", 33),
    ],
)
def test_every_family_has_its_vocabulary(recipe, vocabulary):
    assert vocabulary_size(model(recipe)) == vocabulary


def test_the_token_table_is_padded_for_tensor_parallelism():
    assert (
        padded_vocabulary_size(model("molecule/megamolbart/pretrain_base", "model.tensor_model_parallel_size=2")) == 768
    )


def test_rotary_positions_have_no_table():
    learned = num_parameters(model("protein/esm1nv/pretrain_small"))
    rotary = num_parameters(model("protein/esm1nv/pretrain_small", "model.position_embedding_type=rope"))
    assert learned - rotary == 512 * 768


def test_layers_without_biases_are_smaller():
    with_bias = num_parameters(model("protein/esm1nv/pretrain_small"))
    without = num_parameters(model("protein/esm1nv/pretrain_small", "model.bias=False"))
    assert with_bias - without == 6 * (4 * 768 + 3072 + 768)


def test_a_given_head_width_sets_the_size_of_attention():
    narrow = num_parameters(model("protein/esm1nv/pretrain_small", "model.kv_channels=32", "model.bias=False"))
    normal = num_parameters(model("protein/esm1nv/pretrain_small", "model.bias=False"))
    assert normal - narrow == 6 * 4 * 768 * 12 * 32
