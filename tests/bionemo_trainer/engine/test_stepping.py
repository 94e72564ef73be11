"""A step is one update by the whole global batch, however it was packed; see `test_layouts` for several ranks."""

import pytest
import torch

from bionemo_trainer.data.packing import pack_encoder, pack_encoder_decoder
from bionemo_trainer.engine.stepping import Evaluation, Trainee
from bionemo_trainer.models.eight_bit import multiply_in_eight_bit
from bionemo_trainer.models.freight import Freight
from testkit.eight_bit_cases import rounded
from testkit.networks import ALONE, CPU, ENCODERS, FAMILIES, MEGAMOLBART, NO_DROPOUT, samples_for, small_config
from testkit.step_cases import weights_of

SETTINGS = ("model.optim.lr=0.01", "model.optim.eps=1e-3")
"""With a large epsilon: the gradient of a key's bias is rounding alone, which AdamW's own would blow up to whole updates."""


def packed(recipe, *, per_micro_batch=4, seed=0, load=Freight.of):
    """Four samples as micro batches."""
    pack = pack_encoder if recipe in ENCODERS else pack_encoder_decoder
    samples = samples_for(recipe, seed=seed)
    starts = range(0, len(samples), per_micro_batch)
    return [load(pack(samples[start : start + per_micro_batch])) for start in starts]


def trainee_of(recipe, *overrides):
    return Trainee(small_config(recipe, *SETTINGS, *overrides), ALONE)


def losses_and_weights(recipe, per_micro_batch, load=Freight.of):
    trainee = trainee_of(recipe, *NO_DROPOUT)
    steps = [
        trainee.step(packed(recipe, per_micro_batch=per_micro_batch, seed=seed, load=load), seed * 4, wish=False)
        for seed in range(3)
    ]
    return [step.update.loss_sum.item() for step in steps], weights_of(trainee)


@pytest.mark.parametrize("recipe", FAMILIES)
def test_many_micro_batches_are_one(recipe):
    losses, expected = losses_and_weights(recipe, 4)
    other_losses, weights = losses_and_weights(recipe, 1)
    assert other_losses == pytest.approx(losses, rel=1e-5)
    for name in weights:
        torch.testing.assert_close(weights[name], expected[name], rtol=0.0, atol=1e-5)


def test_every_step_multiplies_with_the_weights_as_they_are_in_8_bit():
    trainee = trainee_of(MEGAMOLBART, *NO_DROPOUT, "trainer.precision=bf16-mixed")
    trainee.eight_bit_weights = multiply_in_eight_bit(trainee.network)
    projection = trainee.network.encoder.layers[0].mlp.linear_fc1
    first, _ = rounded(projection.weight.detach())
    for seed in range(2):
        before = rounded(projection.weight.detach())
        trainee.step(packed(MEGAMOLBART, seed=seed), seed * 4, wish=False)
        used = projection.multiply
        torch.testing.assert_close(
            (used.values_NK.float(), used.scales_N1), (before[0].float(), before[1]), rtol=0, atol=0
        )
        assert torch.equal(used.transposed_KN.float(), used.values_NK.float().t())
    assert not torch.equal(first.float(), used.values_NK.float()), "the first step has changed the weights"


@pytest.mark.parametrize("recipe", FAMILIES)
def test_what_fills_up_changes_nothing(recipe):
    losses, expected = losses_and_weights(recipe, 2)
    other_losses, weights = losses_and_weights(recipe, 2, Freight.of_few_shapes)
    assert other_losses == pytest.approx(losses, rel=1e-5)
    for name in weights:
        torch.testing.assert_close(weights[name], expected[name], rtol=0.0, atol=1e-5)


@pytest.mark.parametrize("wish", [False, True])
@pytest.mark.parametrize("recipe", FAMILIES)
def test_targets_tokens_and_wishes_are_counted(recipe, wish):
    samples = samples_for(recipe)
    sides = ["tokens"] if recipe in ENCODERS else ["encoder_tokens", "decoder_tokens"]
    step = trainee_of(recipe).step(packed(recipe, per_micro_batch=2), 0, wish=wish)
    assert step.num_tokens == sum(len(getattr(sample, side)) for sample in samples for side in sides)
    assert step.num_targets == sum(batch.num_targets for batch in packed(recipe))
    assert step.wishes_to_stop == int(wish)


def test_a_rank_without_samples_takes_part():
    step = trainee_of(MEGAMOLBART).step([], 0, wish=False)
    assert (step.num_targets.item(), step.num_tokens.item(), step.update.loss_sum.item()) == (0, 0, 0.0)
    assert (step.update.gradient_norm.item(), step.update.has_failed.item()) == (0.0, 0.0)


def test_dropout_depends_on_the_position_in_the_data_alone():
    first, second = (trainee_of(MEGAMOLBART) for _ in range(2))
    first.step(packed(MEGAMOLBART), 0, wish=False)
    torch.manual_seed(99)
    losses = [trainee_of(MEGAMOLBART).step(packed(MEGAMOLBART), 4, wish=False).update.loss_sum for _ in range(2)]
    assert losses[0] == losses[1]
    assert second.step(packed(MEGAMOLBART), 8, wish=False).update.loss_sum != losses[0]


@pytest.mark.parametrize("recipe", FAMILIES)
def test_what_was_evaluated_in_parts_is_the_whole(recipe):
    trainee = trainee_of(recipe, *NO_DROPOUT)
    whole, parts = (trainee.evaluate(packed(recipe, per_micro_batch=size)) for size in (4, 1))
    torch.testing.assert_close(whole.loss_sum, parts.loss_sum, rtol=1e-5, atol=0.0)
    assert torch.equal(whole.total_V, parts.total_V)
    assert torch.equal(whole.correct_V, parts.correct_V)


@pytest.mark.parametrize("recipe", FAMILIES)
def test_targets_are_counted_by_token(recipe):
    trainee = trainee_of(recipe, *NO_DROPOUT)
    found = trainee.evaluate(packed(recipe))
    (freight,) = packed(recipe)
    expected = torch.bincount(freight.to(CPU).targets.ids_N, minlength=trainee.network.rows.padded)
    assert torch.equal(found.total_V, expected.double())
    assert (found.correct_V <= found.total_V).all()


def test_evaluating_changes_neither_weights_nor_dropout():
    trainee = trainee_of(MEGAMOLBART)
    before = weights_of(trainee)
    losses = [trainee.evaluate(packed(MEGAMOLBART)).loss_sum for _ in range(2)]
    assert losses[0] == losses[1]
    assert all(torch.equal(before[name], weights) for name, weights in weights_of(trainee).items())


def test_sums_are_merged_and_reduced():
    trainee = trainee_of(MEGAMOLBART, *NO_DROPOUT)
    once = trainee.evaluate(packed(MEGAMOLBART))
    twice = Evaluation.nothing(len(once.total_V), CPU)
    twice.merge(once)
    twice.merge(once)
    twice.reduce()
    assert twice.loss_sum == 2 * once.loss_sum
    assert torch.equal(twice.total_V, 2 * once.total_V)
    assert torch.equal(twice.correct_V, 2 * once.correct_V)
