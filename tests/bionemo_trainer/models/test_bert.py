"""ESM-1nv and ESM-2 compute what the published models compute, and learn."""

import pytest
import torch
from torch.nn import functional

from bionemo_trainer.models.batch import EncoderBatch, Targets
from testkit.networks import ENCODERS, ESM1NV, ESM2NV, batch_for, batch_of, samples_for, small_network
from testkit.references import esm_like
from testkit.training import losses_of_training

IGNORED_BY_HUGGING_FACE = -100


def perturbed(network):
    """With biases and norms that differ from their zeros and ones, so that leaving one out would show."""
    generator = torch.Generator().manual_seed(3)
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=generator)
    return network.eval()


def rows_for_hugging_face(batch):
    """Sequences, their attention mask and their labels as padded rows."""
    lengths = batch.inputs.cu_seqlens.diff().tolist()
    labels = torch.full_like(batch.inputs.tokens_T, IGNORED_BY_HUGGING_FACE)
    labels[batch.targets.places_N] = batch.targets.ids_N
    pieces = (batch.inputs.tokens_T, torch.ones_like(labels), labels)
    fills = (1, 0, IGNORED_BY_HUGGING_FACE)
    return [
        torch.nn.utils.rnn.pad_sequence(piece.split(lengths), batch_first=True, padding_value=fill)
        for piece, fill in zip(pieces, fills, strict=True)
    ]


VARIANTS = [
    pytest.param(ESM2NV, [], id="ESM-2"),
    pytest.param(ESM2NV, ["model.embedding_token_dropout=False"], id="ESM-2 without token dropout"),
    pytest.param(
        ESM2NV, ["model.position_embedding_type=learned_absolute"], id="ESM-1b: token dropout, learned positions"
    ),
    pytest.param(ESM1NV, [], id="ESM-1nv: learned positions"),
    pytest.param(ESM1NV, ["model.position_embedding_type=rope"], id="ESM-1nv with rotary positions"),
]


@pytest.mark.parametrize(("recipe", "overrides"), VARIANTS)
def test_logits_and_loss_are_those_of_hugging_face(recipe, overrides):
    network = perturbed(small_network(recipe, *overrides))
    batch = batch_for(ESM2NV if recipe == ESM2NV else ESM1NV)
    tokens, attention_mask, labels = rows_for_hugging_face(batch)
    theirs = esm_like(network)(tokens, attention_mask=attention_mask, labels=labels)
    torch.testing.assert_close(
        network.logits(batch), theirs.logits[labels != IGNORED_BY_HUGGING_FACE], rtol=1e-5, atol=1e-5
    )
    losses = network(batch)
    torch.testing.assert_close(losses.loss_sum / losses.num_targets, theirs.loss, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("recipe", ENCODERS)
def test_a_packed_sequence_has_the_loss_that_it_has_alone(recipe):
    network = small_network(recipe).eval()
    samples = samples_for(recipe)
    alone = sum(network(batch_of([sample])).loss_sum for sample in samples)
    torch.testing.assert_close(network(batch_of(samples)).loss_sum, alone, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("recipe", ENCODERS)
def test_a_tiny_set_is_learned_by_heart(recipe):
    network = small_network(recipe, "model.hidden_dropout=0.0", "model.attention_dropout=0.0")
    losses = losses_of_training(network, [batch_for(recipe)], num_steps=80)
    assert losses[0] > 2.0
    assert losses[-1] < 0.02


@pytest.mark.parametrize("recipe", ENCODERS)
def test_a_rank_without_samples_has_no_loss_and_gradients_of_zero(recipe):
    network = small_network(recipe)
    losses = network(batch_of_none())
    losses.loss_sum.backward()
    assert (losses.loss_sum.item(), losses.num_targets) == (0.0, 0)
    assert [name for name, value in network.named_parameters() if value.grad is None or value.grad.any()] == []


def batch_of_none():
    batch = batch_for(ESM2NV, lengths=(3,))
    nothing = batch.inputs.tokens_T[:0]
    return EncoderBatch(
        inputs=type(batch.inputs)(
            tokens_T=nothing, positions_T=nothing, cu_seqlens=batch.inputs.cu_seqlens[:1], max_seqlen=0
        ),
        targets=Targets(places=0, ids_N=nothing),
    )


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param([], id="kept activations"),
        pytest.param(["model.activations_checkpoint_granularity=selective"], id="attention recomputed"),
        pytest.param(["model.activations_checkpoint_granularity=full"], id="layers recomputed"),
    ],
)
@pytest.mark.parametrize("recipe", ENCODERS)
def test_what_only_targets_pass_has_the_gradients_of_what_all_tokens_pass(recipe, overrides):
    network = small_network(recipe, "model.hidden_dropout=0.0", "model.attention_dropout=0.0", *overrides)
    batch = batch_for(recipe)
    whole = network.hidden_states(batch.inputs)[batch.targets.places_N, 0]
    logits = network.head(whole, network.embedding.tokens.weight)
    expected = functional.cross_entropy(logits, batch.targets.ids_N, reduction="sum")
    found = network(batch).loss_sum
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(gradients(network, found), gradients(network, expected), rtol=1e-4, atol=1e-5)


def gradients(network, loss):
    network.zero_grad()
    loss.backward()
    return [parameter.grad for parameter in network.parameters()]


def test_the_last_layer_is_passed_whole_by_targets_alone():
    network, batch, seen = small_network(ESM2NV), batch_for(ESM2NV), []
    for layer in network.encoder.layers:
        layer.mlp.register_forward_hook(lambda _module, inputs, _output: seen.append(len(inputs[0])))
    network(batch)
    assert seen == [batch.inputs.num_tokens] * (len(seen) - 1) + [batch.targets.count]
    assert batch.targets.count < batch.inputs.num_tokens


def test_a_sequence_of_nothing_but_masks_has_finite_states():
    network = small_network(ESM2NV).eval()
    batch = batch_for(ESM2NV, lengths=(4,))
    batch.inputs.tokens_T.fill_(network.mask_id)
    assert network.hidden_states(batch.inputs).isfinite().all()


def test_accuracy_is_counted_in_evaluation_only():
    network = small_network(ESM2NV, "model.hidden_dropout=0.0")
    batch = batch_for(ESM2NV)
    assert network(batch).is_correct_N is None
    right = network.eval().logits(batch).argmax(dim=-1) == batch.targets.ids_N
    assert network(batch).num_correct == right.sum()


def test_the_sum_over_targets_leaves_room_for_padding_of_the_vocabulary_only_in_memory():
    narrow = small_network(ESM2NV).eval()
    wide = small_network(ESM2NV, "model.make_vocab_size_divisible_by=512").eval()
    batch = batch_for(ESM2NV)
    torch.testing.assert_close(wide(batch).loss_sum, narrow(batch).loss_sum, rtol=1e-6, atol=0)


def test_megatron_core_finds_the_table_that_stages_share():
    network = small_network(ESM1NV)
    assert network.shared_embedding_or_output_weight() is network.embedding.tokens.weight
