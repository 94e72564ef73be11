"""The loss scale grows after good steps, shrinks after overflows that its patience does not cover, and is saved."""

import pytest
import torch

from bionemo_trainer.engine.loss_scale import LossScale
from testkit.networks import CPU, MEGAMOLBART, small_config

GOOD, BAD = torch.tensor(0.0), torch.tensor(1.0)


def scale_after(*steps, initial=16.0, growth_interval=3, hysteresis=2):
    scale = LossScale(initial=initial, growth_interval=growth_interval, hysteresis=hysteresis, device=CPU)
    for is_bad in steps:
        scale.update(is_bad)
    return scale


@pytest.mark.parametrize(
    ("steps", "state"),
    [
        pytest.param([], (16.0, 0.0, 0.0), id="at first"),
        pytest.param([GOOD, GOOD], (16.0, 2.0, 0.0), id="before the interval is over"),
        pytest.param([GOOD, GOOD, GOOD], (32.0, 0.0, 0.0), id="after the interval"),
        pytest.param([GOOD] * 6, (64.0, 0.0, 0.0), id="after two intervals"),
        pytest.param([GOOD, GOOD, BAD, GOOD], (16.0, 1.0, 1.0), id="an overflow begins the interval anew"),
        pytest.param([BAD], (16.0, 0.0, 1.0), id="the first overflow is forgiven"),
        pytest.param([BAD, BAD], (8.0, 0.0, 2.0), id="the second is not"),
        pytest.param([BAD, GOOD, BAD], (8.0, 0.0, 2.0), id="even after a good step"),
        pytest.param([BAD, BAD, BAD], (4.0, 0.0, 3.0), id="nor the third"),
        pytest.param([BAD, GOOD, GOOD, GOOD, BAD], (32.0, 0.0, 1.0), id="growth forgives all"),
    ],
)
def test_it_grows_and_shrinks(steps, state):
    assert scale_after(*steps).state() == state


def test_in_other_precisions_it_is_one_and_stays_so():
    scale = LossScale.of(small_config(MEGAMOLBART), CPU)
    for is_bad in (GOOD, BAD, BAD, BAD):
        scale.update(is_bad)
    scale.restore((1024.0, 3.0, 1.0))
    assert (scale.is_dynamic, scale.state()) == (False, (1.0, 0.0, 0.0))


def test_sixteen_bit_has_the_scale_of_the_configuration():
    config = small_config(
        MEGAMOLBART,
        "trainer.accelerator=gpu",
        "trainer.precision=16-mixed",
        "model.native_amp_init_scale=1024.0",
        "model.native_amp_growth_interval=7",
        "model.hysteresis=3",
    )
    scale = LossScale.of(config, CPU)
    assert (scale.is_dynamic, scale.growth_interval, scale.hysteresis) == (True, 7, 3)
    assert scale.state() == (1024.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("initial", "growth_interval", "is_bad", "can_not"),
    [
        pytest.param(2.0, 3, BAD, 0.0, id="a scale that can shrink"),
        pytest.param(1.0, 3, BAD, 1.0, id="a scale that can't"),
        pytest.param(1.0, 3, GOOD, 0.0, id="nothing to mend"),
        pytest.param(1.0, 0, BAD, 1.0, id="no scale"),
        pytest.param(1.0, 0, GOOD, 0.0, id="no scale and nothing to mend"),
    ],
)
def test_only_a_large_scale_can_be_why_a_gradient_overflows(initial, growth_interval, is_bad, can_not):
    scale = scale_after(initial=initial, growth_interval=growth_interval)
    assert scale.can_not_mend(is_bad).item() == can_not


def test_a_resumed_scale_goes_on_as_if_it_had_not_stopped():
    steps = [GOOD, BAD, GOOD, BAD, GOOD]
    resumed = scale_after()
    resumed.restore(scale_after(*steps).state())
    for scale in (resumed, whole := scale_after(*steps)):
        scale.update(GOOD)
        scale.update(GOOD)
    assert resumed.state() == whole.state()


def test_after_another_precision_the_scale_begins_anew():
    scale = scale_after()
    scale.restore((1.0, 5.0, 1.0))
    assert scale.state() == (16.0, 0.0, 0.0)
