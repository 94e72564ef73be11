"""On a CPU nothing is late; on a GPU one step is, which `tests/gpu` shows."""

import torch

from bionemo_trainer.training.lagging import LaggingReader


def test_numbers_of_a_cpu_arrive_at_once():
    reader = LaggingReader()
    assert list(reader.push(7, torch.tensor([1.0, 2.0]))) == [(7, [1.0, 2.0])]
    assert list(reader.push(8, torch.tensor([3.0]))) == [(8, [3.0])]


def test_nothing_is_left_to_wait_for():
    reader = LaggingReader()
    list(reader.push(7, torch.tensor([1.0])))
    assert list(reader.settle()) == []


def test_what_nobody_looked_at_yet_is_waited_for():
    reader = LaggingReader()
    first, second = (reader.push(step, torch.tensor([float(step)])) for step in (7, 8))
    next(first)
    assert next(second) == (8, [8.0])
    assert list(reader.settle()) == []
