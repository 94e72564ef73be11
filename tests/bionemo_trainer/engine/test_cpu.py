"""megatron-core runs without a GPU, and is left alone where there is one."""

import contextlib

import pytest
import torch
from megatron.core import parallel_state
from megatron.core.tensor_parallel import checkpoint
from megatron.core.tensor_parallel import random as megatron_random

from bionemo_trainer.engine.cpu import CpuRandomTracker, apply_cpu_shims

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")


@without_gpu
def test_communication_buffers_lie_on_the_cpu():
    buffer = parallel_state.get_global_memory_buffer().get_tensor([2, 3], torch.float32, "of this test")
    assert buffer.device == torch.device("cpu")


@without_gpu
def test_waiting_for_the_device_returns_at_once():
    assert torch.cuda.synchronize() is None


@without_gpu
def test_recomputation_draws_the_same_numbers_again():
    inputs = torch.ones(1000, requires_grad=True)
    outputs = checkpoint(lambda hidden: torch.nn.functional.dropout(hidden, 0.5), False, inputs)
    outputs.sum().backward()
    assert torch.equal(inputs.grad, outputs.detach())


@without_gpu
def test_recomputation_leaves_the_generator_as_it_found_it():
    inputs = torch.ones(4, requires_grad=True)
    outputs = checkpoint(lambda hidden: torch.nn.functional.dropout(hidden, 0.5), False, inputs)
    before = torch.get_rng_state()
    outputs.sum().backward()
    assert torch.equal(torch.get_rng_state(), before)


@without_gpu
def test_applying_the_shims_again_keeps_the_streams():
    tracker = megatron_random.get_cuda_rng_tracker()
    apply_cpu_shims()
    assert megatron_random.get_cuda_rng_tracker() is tracker


def test_a_stream_starts_at_its_seed():
    tracker = CpuRandomTracker()
    tracker.add("of this test", 5)
    with tracker.fork("of this test"):
        drawn = torch.rand(1)
    assert torch.equal(drawn, torch.rand(1, generator=torch.Generator().manual_seed(5)))


def test_a_stream_is_not_forked_within_itself():
    tracker = CpuRandomTracker()
    tracker.add("of this test", 5)
    with tracker.fork("of this test"), pytest.raises(AssertionError), tracker.fork("of this test"):
        pass


def test_another_stream_can_be_forked_within_one():
    tracker = CpuRandomTracker()
    tracker.add("outer", 5)
    tracker.add("inner", 6)
    with tracker.fork("outer"):
        with tracker.fork("inner"):
            torch.rand(1)
        drawn = torch.rand(1)
    assert torch.equal(drawn, torch.rand(1, generator=torch.Generator().manual_seed(5)))


def test_an_error_inside_a_stream_restores_the_outer_one():
    tracker = CpuRandomTracker()
    tracker.add("of this test", 5)
    before = torch.get_rng_state()
    with contextlib.suppress(ZeroDivisionError), tracker.fork("of this test"):
        torch.rand(1 // 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_with_a_gpu_nothing_is_replaced(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    before = megatron_random._CUDA_RNG_STATE_TRACKER
    apply_cpu_shims()
    assert megatron_random._CUDA_RNG_STATE_TRACKER is before
