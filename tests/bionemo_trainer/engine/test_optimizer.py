"""An update is AdamW's with clipped gradients, or nothing at all where a number is not finite."""

import pytest
import torch
from torch.nn.utils import clip_grad_norm_

from bionemo_trainer.data.packing import pack_encoder, pack_encoder_decoder
from bionemo_trainer.engine.loss_scale import LossScale
from bionemo_trainer.engine.optimizer import Optimizer
from bionemo_trainer.engine.stepping import Trainee
from bionemo_trainer.models.build import build_model
from bionemo_trainer.models.freight import Freight
from testkit.networks import (
    ALONE,
    CPU,
    ENCODERS,
    FAMILIES,
    MEGAMOLBART,
    NO_DROPOUT,
    batch_for,
    samples_for,
    small_config,
)
from testkit.step_cases import weights_of

NAN, INFINITE, ZERO = torch.tensor(float("nan")), torch.tensor(float("inf")), torch.tensor(0.0)
SETTINGS = (*NO_DROPOUT, "model.optim.lr=0.01", "model.optim.weight_decay=0.1", "model.optim.eps=1e-3")
"""With a large epsilon: the gradient of a key's bias is rounding alone, which AdamW's own would blow up to whole updates."""


def config(recipe=MEGAMOLBART, *overrides):
    return small_config(recipe, *SETTINGS, *overrides)


def micro_batch(recipe=MEGAMOLBART, seed=0):
    pack = pack_encoder if recipe in ENCODERS else pack_encoder_decoder
    return Freight.of(pack(samples_for(recipe, seed=seed)))


def trainee_with(scale, *overrides):
    """A trainee with a loss scale of a test's choice; a CPU has no precision that needs one."""
    settings = config(MEGAMOLBART, *overrides)
    trainee = Trainee(settings, ALONE)
    trainee.optimizer = Optimizer(trainee.flat, settings.model, settings.trainer.gradient_clip_val, scale)
    return trainee


def dynamic(initial, growth_interval=1000, hysteresis=2):
    return LossScale(initial=initial, growth_interval=growth_interval, hysteresis=hysteresis, device=CPU)


def moments_of(trainee):
    """All states of AdamW, its step counts too."""
    return [value.clone() for state in trainee.optimizer.adamw.state.values() for value in state.values()]


def are_equal(one, other):
    return all(torch.equal(*pair) for pair in zip(one, other, strict=True))


def three_steps(trainee, recipe=MEGAMOLBART):
    return [trainee.step([micro_batch(recipe, seed)], seed * 4, wish=False) for seed in range(3)]


def reference_steps(settings, recipe):
    """Norms and weights after three steps of torch's own AdamW and clipping."""
    network = build_model(settings, CPU)
    optim = settings.model.optim
    groups = [
        {
            "params": [one for one in network.parameters() if (one.ndim > 1) == decays],
            "weight_decay": decays * optim.weight_decay,
        }
        for decays in (True, False)
    ]
    adamw = torch.optim.AdamW(groups, lr=optim.lr, betas=optim.betas, eps=optim.eps)
    norms = []
    for seed in range(3):
        adamw.zero_grad()
        losses = network(batch_for(recipe, seed=seed))
        (losses.loss_sum / losses.num_targets).backward()
        limit = settings.trainer.gradient_clip_val or float("inf")
        norms.append(clip_grad_norm_(network.parameters(), limit).item())
        adamw.step()
    return norms, dict(network.named_parameters())


@pytest.mark.parametrize("clip", ["0.05", "1000.0", "0.0"], ids=["clipped", "below the limit", "no limit"])
@pytest.mark.parametrize("recipe", FAMILIES)
def test_updates_are_those_of_adamw_with_clipped_gradients(recipe, clip):
    settings = config(recipe, f"trainer.gradient_clip_val={clip}")
    trainee = Trainee(settings, ALONE)
    steps = three_steps(trainee, recipe)
    norms, expected = reference_steps(settings, recipe)
    assert [step.update.gradient_norm.item() for step in steps] == pytest.approx(norms, rel=1e-4)
    assert min(norms) > 0.05
    for name, weights in weights_of(trainee).items():
        torch.testing.assert_close(weights, expected[name].detach(), rtol=0.0, atol=1e-6)


@pytest.mark.parametrize("clip", ["0.05", "0.0"])
def test_a_loss_scale_changes_no_update(clip):
    limit = f"trainer.gradient_clip_val={clip}"
    scaled, plain = trainee_with(dynamic(1024.0), limit), Trainee(config(MEGAMOLBART, limit), ALONE)
    norms = [
        [step.update.gradient_norm.item() for step in three_steps(trainee)] for trainee in (scaled, plain)
    ]  # fmt: skip
    assert norms[0] == pytest.approx(norms[1], rel=1e-4)
    expected = weights_of(plain)
    for name, weights in weights_of(scaled).items():
        torch.testing.assert_close(weights, expected[name], rtol=0.0, atol=1e-6)


def test_the_loss_of_a_step_is_the_unscaled_sum():
    step, *_ = three_steps(trainee_with(dynamic(1024.0)))
    loss = build_model(config(), CPU)(batch_for(MEGAMOLBART)).loss_sum
    assert step.update.loss_sum.item() == pytest.approx(loss.item(), rel=1e-5)


def poisoned_update(trainee, gradient=ZERO, loss=ZERO):
    """An update with one number of the gradients, and the loss, as given."""
    trainee.flat.zero_gradients()
    trainee.flat.buffers[-1].gradients_N[3] = gradient
    return trainee.optimizer.update(loss)


@pytest.mark.parametrize(
    ("gradient", "loss"),
    [
        pytest.param(NAN, ZERO, id="gradient is not a number"),
        pytest.param(INFINITE, ZERO, id="gradient is infinite"),
        pytest.param(ZERO, NAN, id="loss is not a number"),
        pytest.param(ZERO, INFINITE, id="loss is infinite"),
    ],
)
@pytest.mark.parametrize("precision", ["'32'", "bf16-mixed"])
def test_what_is_not_finite_changes_nothing_then_or_later(gradient, loss, precision):
    trainee = Trainee(config(MEGAMOLBART, f"trainer.precision={precision}"), ALONE)
    three_steps(trainee)
    weights, moments = weights_of(trainee), moments_of(trainee)
    update = poisoned_update(trainee, gradient, loss)
    later = three_steps(trainee)[-1].update
    assert [(one.was_skipped.item(), one.has_failed.item()) for one in (update, later)] == [(1.0, 1.0), (1.0, 1.0)]
    assert are_equal(weights.values(), weights_of(trainee).values())
    assert are_equal(moments, moments_of(trainee))


def test_a_good_update_neither_skips_nor_fails():
    update = three_steps(Trainee(config(), ALONE))[-1].update
    assert (update.was_skipped.item(), update.has_failed.item()) == (0.0, 0.0)


def test_overflows_skip_updates_and_halve_the_scale_when_patience_is_over():
    trainee = trainee_with(dynamic(2.0**127))
    weights, moments = weights_of(trainee), moments_of(trainee)
    scales = []
    for seed in range(3):
        update = trainee.step([micro_batch(seed=seed)], seed * 4, wish=False).update
        scales.append(trainee.optimizer.loss_scale.state()[0])
        assert (update.was_skipped.item(), update.has_failed.item()) == (1.0, 0.0)
    assert scales == [2.0**127, 2.0**126, 2.0**125]
    assert are_equal(weights.values(), weights_of(trainee).values())
    assert are_equal(moments, moments_of(trainee))


def test_after_an_overflow_training_goes_on():
    trainee = trainee_with(dynamic(1024.0, growth_interval=3, hysteresis=1))
    poisoned_update(trainee, INFINITE)
    steps = three_steps(trainee)
    assert [step.update.was_skipped.item() for step in steps] == [0.0, 0.0, 0.0]
    assert trainee.optimizer.loss_scale.state() == (1024.0, 0.0, 0.0)
    assert {float(state["step"]) for state in trainee.optimizer.adamw.state.values()} == {3.0}


def test_an_overflow_that_no_scale_can_mend_is_a_failure():
    update = poisoned_update(trainee_with(dynamic(1.0)), INFINITE)
    assert (update.was_skipped.item(), update.has_failed.item()) == (1.0, 1.0)


def test_what_is_told_of_an_update_is_not_changed_by_the_next():
    trainee = Trainee(config(), ALONE)
    good = three_steps(trainee)[-1].update
    poisoned_update(trainee, NAN)
    assert good.has_failed.item() == 0.0


def test_masters_remember_what_sixteen_bit_weights_are_too_coarse_for():
    trainee = Trainee(config(MEGAMOLBART, "trainer.precision=bf16-mixed", "model.optim.lr=1e-6"), ALONE)
    buffer = trainee.flat.buffers[0]
    weights, masters = buffer.weights_N.clone(), buffer.master_n.detach().clone()
    three_steps(trainee)
    is_coarse = (buffer.weights_N == weights) & (weights.abs() > 1e-2)
    assert is_coarse.sum() > 0.9 * (weights.abs() > 1e-2).sum()
    assert (buffer.master_n.detach() != masters)[is_coarse].float().mean() > 0.5
    assert torch.equal(buffer.master_n.detach().bfloat16(), buffer.weights_N)


def test_the_moments_are_there_before_the_first_step():
    trainee = Trainee(config(), ALONE)
    assert len(trainee.optimizer.adamw.state) == len(trainee.flat.buffers)
    assert not any(value.any() for value in moments_of(trainee))
