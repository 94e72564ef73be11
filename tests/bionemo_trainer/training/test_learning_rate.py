"""Learning rates are those of NeMo's published formulas, written out again here, wherever a run goes on."""

import math

import pytest
import torch

from bionemo_trainer.config.schema.optim import (
    CosineAnnealing,
    InverseSquareRootAnnealing,
    NoamAnnealing,
    WarmupAnnealDecayHold,
)
from bionemo_trainer.training.learning_rate import schedule_of

PEAK = 0.5
FLOOR = 0.02
MAX_STEPS = 40
BEYOND = 50
"""Steps that are looked at; schedules must hold beyond their length."""


def noam(step, *, width, warmup):
    step = max(1, step)
    rate = PEAK * width**-0.5 * min(step**-0.5, step * warmup**-1.5 if warmup else math.inf)
    return max(rate, FLOOR) if step > warmup else rate


def cosine_with_hold(step, *, warmup, constant):
    if step <= warmup:
        return PEAK * step / warmup
    decay = MAX_STEPS - warmup - constant
    share = min(1.0, (step - warmup) / decay)
    return FLOOR + (PEAK - FLOOR) * 0.5 * (1 + math.cos(math.pi * share))


def cosine(step, *, warmup):
    if warmup and step <= warmup:
        return PEAK * (step + 1) / (warmup + 1)
    share = min(1.0, (step - warmup) / (MAX_STEPS - warmup))
    return FLOOR + (PEAK - FLOOR) * 0.5 * (1 + math.cos(math.pi * share))


def inverse_square_root(step, *, warmup):
    ratio = (step + 1) / (warmup + 1)
    if step > MAX_STEPS:
        return FLOOR
    return PEAK * ratio if step <= warmup else PEAK / math.sqrt(ratio)


def linear(step, *, warmup, hold_from, peak=PEAK):
    if step <= warmup:
        return peak * (step + 1) / (warmup + 1)
    share = min(1.0, (step - warmup) / (hold_from - warmup))
    return peak + (FLOOR - peak) * share


CASES = [
    pytest.param(
        NoamAnnealing(name="NoamAnnealing", d_model=64, warmup_steps=8, min_lr=FLOOR),
        lambda step: noam(step, width=64, warmup=8),
        id="noam",
    ),
    pytest.param(
        NoamAnnealing(name="NoamAnnealing", d_model=16, min_lr=FLOOR),
        lambda step: noam(step, width=16, warmup=0),
        id="noam without warm-up",
    ),
    pytest.param(
        CosineAnnealing(name="CosineAnnealing", warmup_steps=5, constant_steps=10, min_lr=FLOOR),
        lambda step: cosine_with_hold(step, warmup=5, constant=10),
        id="cosine with hold",
    ),
    pytest.param(
        CosineAnnealing(name="CosineAnnealing", warmup_ratio=0.25, min_lr=FLOOR),
        lambda step: cosine(step, warmup=10),
        id="cosine",
    ),
    pytest.param(
        CosineAnnealing(name="CosineAnnealing", min_lr=FLOOR),
        lambda step: cosine(step, warmup=0),
        id="cosine without warm-up",
    ),
    pytest.param(
        InverseSquareRootAnnealing(name="InverseSquareRootAnnealing", warmup_ratio=0.11, min_lr=FLOOR),
        lambda step: inverse_square_root(step, warmup=4),
        id="inverse square root",
    ),
    pytest.param(
        WarmupAnnealDecayHold(name="WarmupAnnealDecayHold", warmup_steps=6, anneal_percentage=0.25, min_lr=FLOOR),
        lambda step: linear(step, warmup=6, hold_from=30),
        id="linear with hold",
    ),
    pytest.param(
        WarmupAnnealDecayHold(
            name="WarmupAnnealDecayHold", warmup_ratio=0.2, anneal_percentage=0.25, min_lr=FLOOR, max_lr=0.25
        ),
        lambda step: linear(step, warmup=8, hold_from=30, peak=0.25),
        id="linear with a peak of its own",
    ),
]


def rates(settings, *, finished_steps=0, max_steps=MAX_STEPS):
    """The rate that each step from one on is taken with."""
    weights = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    optimizer = torch.optim.SGD([{"params": [weight]} for weight in weights], lr=PEAK)
    schedule = schedule_of(settings, optimizer, max_steps, finished_steps=finished_steps)
    found = []
    for _ in range(finished_steps, BEYOND):
        (rate,) = {group["lr"] for group in optimizer.param_groups}
        found.append(rate)
        optimizer.step()
        schedule.step()
    return found


@pytest.mark.parametrize(("settings", "formula"), CASES)
def test_each_step_has_the_rate_of_the_formula(settings, formula):
    assert rates(settings) == pytest.approx([formula(step) for step in range(BEYOND)], rel=1e-12)


@pytest.mark.parametrize("finished_steps", [1, 3, 20, 45])
@pytest.mark.parametrize(("settings", "formula"), CASES)
def test_a_run_that_goes_on_has_the_rates_of_the_uninterrupted_one(settings, formula, finished_steps):
    expected = [formula(step) for step in range(finished_steps, BEYOND)]
    assert rates(settings, finished_steps=finished_steps) == pytest.approx(expected, rel=1e-12)


def test_a_schedule_may_have_a_length_of_its_own():
    settings = CosineAnnealing(name="CosineAnnealing", min_lr=FLOOR, max_steps=MAX_STEPS)
    assert rates(settings, max_steps=1_000) == pytest.approx([cosine(step, warmup=0) for step in range(BEYOND)])


def test_a_hold_of_the_whole_length_begins_at_once():
    settings = WarmupAnnealDecayHold(name="WarmupAnnealDecayHold", anneal_percentage=0.99, min_lr=FLOOR)
    assert rates(settings)[:3] == pytest.approx([PEAK, FLOOR, FLOOR])
