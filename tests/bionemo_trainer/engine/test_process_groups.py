"""A rank joins on the device that its configuration names, or says why it can't; joining itself is every suite's start."""

import pytest
import torch
from megatron.core import parallel_state

from bionemo_trainer.config.layout import layout_of
from bionemo_trainer.engine.process_groups import Rendezvous, _device, join_process_groups
from bionemo_trainer.errors import ConfigError
from testkit.networks import ESM2NV, small_config


def test_a_rank_alone_is_its_own_group():
    assert parallel_state.get_tensor_model_parallel_world_size() == 1
    assert parallel_state.get_data_parallel_world_size() == 1


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    layout = layout_of(small_config(ESM2NV, "trainer.accelerator=gpu"))
    with pytest.raises(ConfigError) as refused:
        join_process_groups(layout, Rendezvous())
    assert str(refused.value) == (
        "trainer.accelerator: 'gpu' needs a GPU, and torch sees none; set trainer.accelerator=cpu."
    )


def test_a_cpu_run_that_sees_a_gpu_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    layout = layout_of(small_config(ESM2NV))
    with pytest.raises(ConfigError) as refused:
        join_process_groups(layout, Rendezvous())
    assert str(refused.value) == (
        "trainer.accelerator: 'cpu' is for a process that sees no GPU; set CUDA_VISIBLE_DEVICES=''."
    )


def test_a_rank_computes_on_the_gpu_of_its_number_on_the_node(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    device = _device(layout_of(small_config(ESM2NV, "trainer.accelerator=gpu")), local_rank=3)
    assert device == torch.device("cuda", 3)
    assert chosen == [device]
