"""Every option of the recipes that touches a layer does what it says."""

import pytest
import torch

from bionemo_trainer.engine.seeds import seed_dropout
from bionemo_trainer.models import attention_layers
from bionemo_trainer.models.build import build_model
from testkit.networks import (
    ALONE,
    CPU,
    ENCODER_DECODERS,
    ESM1NV,
    ESM2NV,
    FAMILIES,
    MEGAMOLBART,
    NO_DROPOUT,
    batch_for,
    small_config,
    small_network,
)
from testkit.training import gradients_of

SEED = 11

RECOMPUTATIONS = [
    pytest.param(["model.activations_checkpoint_granularity=selective"], id="attention"),
    pytest.param(["model.activations_checkpoint_granularity=full"], id="every layer"),
    pytest.param(
        [
            "model.activations_checkpoint_granularity=full",
            "model.activations_checkpoint_method=uniform",
            "model.activations_checkpoint_num_layers=2",
        ],
        id="chunks of two layers",
    ),
    pytest.param(
        [
            "model.activations_checkpoint_granularity=full",
            "model.activations_checkpoint_method=block",
            "model.activations_checkpoint_num_layers=1",
        ],
        id="the first layer",
    ),
]


def gradients(recipe, *overrides, seed=SEED):
    network = small_network(recipe, *overrides)
    seed_dropout(seed, 0, ALONE)
    return gradients_of(network, batch_for(recipe))


@pytest.mark.parametrize("recipe", FAMILIES)
@pytest.mark.parametrize("recomputation", RECOMPUTATIONS)
def test_recomputation_repeats_the_dropout_of_the_forward_pass(recipe, recomputation):
    dropout = ["model.hidden_dropout=0.2", "model.attention_dropout=0.2"]
    torch.testing.assert_close(
        gradients(recipe, *dropout, *recomputation), gradients(recipe, *dropout), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(
    ("recomputation", "attentions", "feed_forwards"),
    [
        pytest.param([], 2, [1, 1], id="nothing"),
        *(
            pytest.param(*recomputation.values, *counts, id=recomputation.id)
            for recomputation, counts in zip(
                RECOMPUTATIONS, ((4, [1, 1]), (4, [2, 2]), (4, [2, 2]), (3, [2, 1])), strict=True
            )
        ),
    ],
)
def test_recomputation_computes_again(monkeypatch, recomputation, attentions, feed_forwards):
    network, attended, passed = small_network(ESM1NV, *recomputation), [], []
    choose = attention_layers.kernel_for

    def counted(*choice):
        kernel = choose(*choice)
        return lambda *heads: attended.append(1) or kernel(*heads)

    monkeypatch.setattr(attention_layers, "kernel_for", counted)
    for layer in network.encoder.layers:
        layer.mlp.register_forward_hook(lambda *_call, number=layer.layer_number: passed.append(number))
    gradients_of(network, batch_for(ESM1NV))
    assert (len(attended), [passed.count(1), passed.count(2)]) == (attentions, feed_forwards)


@pytest.mark.parametrize(
    "dropout",
    [
        pytest.param(["model.hidden_dropout=0.2", "model.attention_dropout=0.0"], id="hidden"),
        pytest.param(["model.hidden_dropout=0.0", "model.attention_dropout=0.2"], id="attention"),
    ],
)
@pytest.mark.parametrize("recipe", FAMILIES)
def test_dropout_is_a_function_of_the_seed(recipe, dropout):
    first, again, other = (
        gradients(recipe, *dropout, seed=seed)["encoder.final_layernorm.weight"] for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


@pytest.mark.parametrize("recipe", FAMILIES)
def test_nothing_is_dropped_in_evaluation(recipe):
    network = small_network(recipe, "model.hidden_dropout=0.5", "model.attention_dropout=0.5").eval()
    batch = batch_for(recipe)
    assert network(batch).loss_sum == network(batch).loss_sum


@pytest.mark.parametrize("recipe", [ESM1NV, MEGAMOLBART])
def test_the_residual_stream_can_have_32_bit_between_16_bit_layers(recipe):
    overrides = (*NO_DROPOUT, "model.fp32_residual_connection=True")
    network = build_model(small_config(recipe, *overrides), CPU, dtype=torch.bfloat16)
    layer, streams = network.encoder.layers[1], []

    def run(stream, *others):
        streams.append(stream.dtype)
        return layer.layer(stream, *others)

    layer.run = run
    network(batch_for(recipe)).loss_sum.backward()
    assert streams == [torch.float32]


@pytest.mark.parametrize("recipe", FAMILIES)
def test_a_network_of_16_bit_has_about_the_loss_of_32(recipe):
    narrow = build_model(small_config(recipe, *NO_DROPOUT), CPU, dtype=torch.bfloat16)
    batch = batch_for(recipe)
    expected = small_network(recipe, *NO_DROPOUT)(batch).loss_sum.item()
    assert narrow(batch).loss_sum.item() == pytest.approx(expected, rel=0.02)
    assert narrow(batch).loss_sum.dtype == torch.float32


def test_the_epsilon_of_norms_is_the_recipes():
    network = small_network(ESM2NV, "model.layernorm_epsilon=0.001")
    assert {module.eps for module in network.modules() if isinstance(module, torch.nn.LayerNorm)} == {0.001}


@pytest.mark.parametrize("recipe", ENCODER_DECODERS)
def test_a_layer_without_biases_has_none(recipe):
    names = [name for name, _ in small_network(recipe, "model.bias=False").named_parameters()]
    linear_biases = [name for name in names if "linear" in name and name.endswith("bias")]
    assert linear_biases == []
