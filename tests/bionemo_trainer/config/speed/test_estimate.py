"""The estimate puts a step together from its parts, and moves the right way with every setting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.config.layout import batches_of, layout_of
from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.config.speed.estimate import estimate_speed
from bionemo_trainer.config.speed.gpus import GpuName

ESM2 = "protein/esm2nv/pretrain_esm2_650M"
ONE_BY_ONE = "model.enable_cuda_graph=False"
"""The host starts every kernel by itself."""
LARGE = ("model.micro_batch_size=64",)
"""So large that the GPU, not the host, holds a step back."""


def estimate(*overrides, recipe=ESM2, nodes=1, devices=1, gpu=GpuName.H100, gbit=400, length=264.0):
    places = [f"trainer.num_nodes={nodes}", f"trainer.devices={devices}", "trainer.precision=bf16-mixed"]
    config = load_recipe(recipe, [*places, *overrides]).config
    return estimate_speed(config, gpu, network_gbit=gbit, mean_length=length)


def test_rates_and_days_follow_from_the_step():
    found = estimate("model.micro_batch_size=4", "trainer.max_steps=1000", nodes=2, devices=8)
    assert found.samples_per_second == pytest.approx(64 / found.time.step_seconds)
    assert found.tokens_per_second == pytest.approx(264 * found.samples_per_second)
    assert found.seconds == pytest.approx(1000 * found.time.step_seconds)
    assert found.gpu_days == pytest.approx(16 * found.seconds / 86_400)


def test_a_gpu_alone_scales_as_itself():
    found = estimate()
    assert found.scaling_ratio == pytest.approx(1.0)
    assert (found.time.communication_seconds, found.time.exposed_seconds, found.time.bubble_seconds) == (0, 0, 0)


@pytest.mark.parametrize(
    ("overrides", "why"),
    [
        pytest.param(["trainer.accelerator=cpu", "trainer.precision=32"], "a CPU", id="on a CPU"),
        pytest.param(["trainer.precision=32"], "32 bit", id="in 32 bit"),
    ],
)
def test_there_is_none_where_nothing_was_measured(overrides, why):
    assert estimate(*overrides) is None, why


@pytest.mark.parametrize(("gpu", "is_estimated"), [(GpuName.H200, True), (GpuName.A100, False), (GpuName.L40S, False)])
def test_eight_bit_is_estimated_where_it_can_train(gpu, is_estimated):
    found = estimate("trainer.precision=fp8-mixed", *LARGE, gpu=gpu)
    assert (found is not None) == is_estimated
    if found:
        assert found.time.gpu_seconds < estimate(*LARGE, gpu=gpu).time.gpu_seconds


def test_small_micro_batches_are_held_back_by_the_host():
    small, double = estimate(ONE_BY_ONE), estimate(ONE_BY_ONE, "model.micro_batch_size=4")
    assert small.time.limit == "host"
    assert double.time.step_seconds == small.time.step_seconds


def test_large_micro_batches_are_held_back_by_the_gpu():
    found = estimate(*LARGE)
    assert found.time.limit == "GPU"
    assert found.time.step_seconds == found.time.gpu_seconds


def test_what_is_sent_while_the_host_is_behind_costs_nothing():
    found = estimate(ONE_BY_ONE, devices=8)
    assert found.time.communication_seconds > 0
    assert found.time.exposed_seconds == 0
    assert found.scaling_ratio == pytest.approx(1.0)


def test_what_is_sent_while_the_gpu_is_behind_costs_all_its_time():
    found = estimate(*LARGE, devices=8)
    assert found.time.exposed_seconds == pytest.approx(found.time.communication_seconds)
    assert 0.9 < found.scaling_ratio < 1.0


def test_a_layout_that_sends_more_than_it_computes_is_held_back_by_that():
    cut = ["model.micro_batch_size=64", "model.tensor_model_parallel_size=20"]
    assert estimate(*cut, nodes=20, gbit=10).time.limit == "communication"


def test_a_pipeline_waits_while_it_fills_and_for_its_hand_overs():
    found = estimate(*LARGE, "model.pipeline_model_parallel_size=3", "model.global_batch_size=64", devices=3)
    time = found.time
    assert time.bubble_seconds == pytest.approx(2 * time.gpu_seconds, rel=0.1)
    assert 0 < time.exposed_seconds <= time.communication_seconds
    assert found.scaling_ratio < 0.5


@pytest.mark.parametrize(
    "slower",
    [
        pytest.param({"gpu": GpuName.A100}, id="an older GPU"),
        pytest.param({"length": 300.0}, id="longer sequences"),
        pytest.param({"devices": 8}, id="others to talk to"),
    ],
)
def test_a_step_takes_longer_with(slower):
    assert estimate(*LARGE, **slower).time.step_seconds > estimate(*LARGE).time.step_seconds


@pytest.mark.parametrize("granularity", ["selective", "full"])
def test_recomputation_takes_time_and_no_more_than_a_forward_pass(granularity):
    plain = estimate(*LARGE).time.gpu_seconds
    repeated = estimate(*LARGE, f"model.activations_checkpoint_granularity={granularity}").time.gpu_seconds
    assert plain < repeated <= plain * 4 / 3


def test_recomputed_layers_are_started_again_by_the_host():
    full = estimate("model.activations_checkpoint_granularity=full").time.host_seconds
    assert full == pytest.approx(estimate(ONE_BY_ONE).time.host_seconds * 4 / 3)


def test_a_replay_takes_each_kernel_its_least_time():
    replayed = estimate("model.num_layers=3").time
    assert replayed.host_seconds == pytest.approx(3 * 0.31e-3 + 2.3e-3)
    assert replayed.step_seconds < estimate("model.num_layers=3", ONE_BY_ONE).time.step_seconds


def test_layers_that_are_split_are_started_one_by_one():
    split = estimate("model.tensor_model_parallel_size=2", devices=2).time.host_seconds
    assert split == estimate(ONE_BY_ONE).time.host_seconds


def test_sequence_parallelism_splits_what_tensor_parallelism_repeats():
    cut = [*LARGE, "model.tensor_model_parallel_size=4"]
    split = estimate(*cut, "model.sequence_parallel=True", devices=4).time.gpu_seconds
    assert split < estimate(*cut, devices=4).time.gpu_seconds


def test_a_second_stack_of_layers_is_started_too():
    found = estimate(ONE_BY_ONE, recipe="protein/prott5nv/pretrain_small")
    assert found.time.host_seconds == pytest.approx(24 * 3.95e-3)


@given(
    st.sampled_from(GpuName),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([1, 4, 8]),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([1, 3]),
    st.integers(1, 64),
)
def test_no_layout_promises_more_than_its_gpus_have(gpu, nodes, devices, tensor, pipeline, micro_batch_size):
    nodes *= tensor * pipeline
    overrides = [
        f"model.tensor_model_parallel_size={tensor}",
        f"model.pipeline_model_parallel_size={pipeline}",
        f"model.micro_batch_size={micro_batch_size}",
    ]
    found = estimate(*overrides, nodes=nodes, devices=devices, gpu=gpu)
    assert 0 < found.scaling_ratio <= 1.05  # copies share the optimizer's work, which one GPU does alone
    assert 0 <= found.time.exposed_seconds < found.time.step_seconds
    assert found.time.step_seconds >= max(found.time.host_seconds, found.time.gpu_seconds) * (1 - 1e-9)


def test_the_estimate_keeps_the_arithmetic_of_layout_and_batches():
    config = load_recipe(ESM2, ["trainer.num_nodes=2", "trainer.devices=4", "trainer.precision=bf16-mixed"]).config
    found = estimate_speed(config, GpuName.H100, network_gbit=400, mean_length=264.0)
    assert (found.layout, found.global_batch_size) == (layout_of(config), batches_of(config).global_batch_size)
