"""Micro batches are replayed where Triton works; what a replay computes is compared in `tests/gpu`."""

import pytest

from bionemo_trainer.engine import graphs
from bionemo_trainer.engine.graphs import can_replay
from testkit.networks import MEGAMOLBART, small_config


@pytest.mark.parametrize(
    ("accelerator", "has_triton", "expected"), [("gpu", True, True), ("gpu", False, False), ("cpu", True, False)]
)
def test_a_replay_needs_a_gpu_and_triton(monkeypatch, accelerator, has_triton, expected):
    monkeypatch.setattr(graphs, "triton_works", lambda: has_triton)
    config = small_config(MEGAMOLBART, f"trainer.accelerator={accelerator}", "trainer.precision=bf16-mixed")
    assert can_replay(config) == expected
