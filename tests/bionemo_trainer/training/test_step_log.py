"""The figures of an interval are sums over its steps, without the time of validation and saving."""

import time

import pytest
import torch

from bionemo_trainer.engine.optimizer import Update
from bionemo_trainer.engine.stepping import Step
from bionemo_trainer.training.step_log import Interval, Numbers


def numbers(**changes):
    plain = {
        "loss_sum": 30.0,
        "gradient_norm": 0.5,
        "was_skipped": False,
        "has_failed": False,
        "num_targets": 10.0,
        "num_tokens": 100.0,
        "wishes_to_stop": False,
        "loss_scale": 1.0,
        "learning_rate": 1e-4,
    }
    return Numbers(**{**plain, **changes})


def step(*, skipped=0.0, failed=0.0, wishes=0):
    update = Update(
        loss_sum=torch.tensor(30.0, dtype=torch.float64),
        gradient_norm=torch.tensor(0.5),
        was_skipped=torch.tensor(skipped),
        has_failed=torch.tensor(failed),
    )
    return Step(
        update=update, num_targets=torch.tensor(10), num_tokens=torch.tensor(100), wishes_to_stop=torch.tensor(wishes)
    )


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        pytest.param(step(), {}, id="a plain step"),
        pytest.param(step(skipped=1.0), {"was_skipped": True}, id="skipped"),
        pytest.param(step(skipped=1.0, failed=1.0), {"was_skipped": True, "has_failed": True}, id="failed"),
        pytest.param(step(wishes=3), {"wishes_to_stop": True}, id="three ranks wish to stop"),
    ],
)
def test_the_numbers_of_a_step_travel_as_one_tensor(sent, read):
    tensor = Numbers.sent(sent, torch.tensor(2.0**32), 1e-4)
    assert (tensor.dtype, tensor.shape) == (torch.float64, (9,))
    assert Numbers.read(tensor.tolist()) == numbers(loss_scale=2.0**32, **read)


def test_the_loss_is_per_target():
    assert numbers().loss == 3.0
    assert numbers(loss_sum=0.0, num_targets=0.0).loss == 0.0


def test_the_figures_of_an_interval_are_means_over_its_targets_and_the_last_steps():
    interval = Interval(global_batch_size=4)
    interval.add(numbers(loss_sum=30.0, num_targets=10.0, was_skipped=True))
    interval.add(
        numbers(
            loss_sum=10.0, num_targets=30.0, gradient_norm=0.25, learning_rate=2e-4, loss_scale=8.0, num_tokens=50.0
        )
    )
    figures = interval.close()
    assert (interval.num_samples, interval.num_tokens, interval.num_skipped) == (8, 150.0, 1)
    assert {name: figures[name] for name in ("reduced_train_loss", "lr", "grad_norm", "loss_scale")} == {
        "reduced_train_loss": 1.0,
        "lr": 2e-4,
        "grad_norm": 0.25,
        "loss_scale": 8.0,
    }
    seconds = 2 * figures["train_step_timing"]
    assert figures["samples_per_second"] == pytest.approx(8 / seconds)
    assert figures["tokens_per_second"] == pytest.approx(150 / seconds)


def test_an_interval_without_targets_has_no_loss():
    interval = Interval(global_batch_size=4)
    interval.add(numbers(loss_sum=0.0, num_targets=0.0))
    assert interval.close()["reduced_train_loss"] == 0.0


def test_time_in_validation_does_not_count():
    interval = Interval(global_batch_size=4)
    interval.pause()
    began_at = time.perf_counter()
    interval.restart()
    interval.pause()
    interval.pause()
    time.sleep(0.05)
    interval.resume()
    interval.resume()
    interval.add(numbers())
    figures = interval.close()
    assert figures["train_step_timing"] <= time.perf_counter() - began_at - 0.05


def test_a_closed_interval_is_followed_by_a_new_one():
    interval = Interval(global_batch_size=4)
    interval.add(numbers())
    interval.close()
    interval.add(numbers(loss_sum=50.0))
    assert interval.close()["reduced_train_loss"] == 5.0
    assert interval.num_samples == 4
