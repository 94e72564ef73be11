"""The costs of a step follow from operations, from bytes that are moved, and from how many layers the host starts."""

import pytest

from bionemo_trainer.config.layout import Layout
from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.config.parameters import num_parameters
from bionemo_trainer.config.speed.costs import costs_of
from bionemo_trainer.config.speed.gpus import GPUS, GpuName
from bionemo_trainer.config.speed.measured import EIGHT_BIT_SHARE, PRODUCTS_SHARE, ROUNDED_BYTES, working_seconds
from bionemo_trainer.config.speed.workload import workload_of

GPU = GPUS[GpuName.H100]
CONFIG = load_recipe("protein/esm2nv/pretrain_esm2_650M", ["model.micro_batch_size=8"]).config
WORK = workload_of(CONFIG, 264.0)
PARAMETERS = num_parameters(CONFIG.model)
ACCUMULATION = 2 + 4 + 4
"""Bytes per parameter: its 16-bit gradient is read, the 32-bit sum read and written."""
ADAMW = 4 * 4 + 3 * 4 + 2
"""Bytes per parameter: gradient, weight and two means are read, all but the gradient written, and the weight in 16 bit too."""


def costs_in(precision, *overrides):
    config = load_recipe("protein/esm2nv/pretrain_esm2_650M", [f"trainer.precision={precision}", *overrides]).config
    layout = Layout(num_nodes=1, devices_per_node=1, tensor=1, pipeline=1)
    return costs_of(config, layout, workload_of(config, 264.0), GPU).compute_seconds


def costs(*, tensor=1, pipeline=1, data=1):
    layout = Layout(num_nodes=1, devices_per_node=tensor * pipeline * data, tensor=tensor, pipeline=pipeline)
    return costs_of(CONFIG, layout, WORK, GPU)


def test_one_gpu_works_on_all_operations_and_adds_up_all_gradients():
    moved = PARAMETERS * ACCUMULATION / GPU.memory_bytes_per_second
    assert costs().compute_seconds == pytest.approx(working_seconds(WORK.flops, 1280, GPU) + moved)


def test_ranks_that_share_layers_divide_their_products_and_repeat_the_rest():
    moved = PARAMETERS / 4 * ACCUMULATION / GPU.memory_bytes_per_second
    expected = working_seconds(WORK.flops / 4, 1280 / 4, GPU) + moved
    assert costs(tensor=4).compute_seconds == pytest.approx(expected)


def test_stages_divide_everything():
    one, third = costs(), costs(pipeline=3)
    assert third.compute_seconds == pytest.approx(one.compute_seconds / 3)
    assert (third.host_seconds, third.update_seconds) == pytest.approx((one.host_seconds / 3, one.update_seconds / 3))


def test_an_update_reads_and_writes_what_adamw_keeps():
    zeros, norm, sent = 4, 4, 2 + 2
    moved = PARAMETERS * (zeros + norm + ADAMW + sent)
    assert costs().update_seconds == pytest.approx(moved / GPU.memory_bytes_per_second)


def test_copies_of_the_model_share_the_update_but_not_the_zeroing():
    zeros, shared = 4, 4 + ADAMW + 4
    moved = PARAMETERS * (zeros + shared / 8)
    assert costs(data=8).update_seconds == pytest.approx(moved / GPU.memory_bytes_per_second)


def test_the_host_starts_every_layer_however_many_ranks_share_it():
    assert costs(tensor=4).host_seconds == costs().host_seconds == pytest.approx(33 * 5.25e-3)


def test_in_eight_bit_forward_passes_and_gradients_of_inputs_take_half_as_long():
    work = workload_of(load_recipe("protein/esm2nv/pretrain_esm2_650M").config, 264.0)
    projections = work.flops - work.product_flops
    halved = projections * 2 / 3 / GPU.peak_flops
    saved = halved / PRODUCTS_SHARE - halved / 2 / EIGHT_BIT_SHARE
    rounded = work.flops * ROUNDED_BYTES / 1280 / GPU.memory_bytes_per_second
    assert costs_in("bf16-mixed") - costs_in("fp8-mixed") == pytest.approx(saved - rounded)


def test_what_is_recomputed_in_eight_bit_takes_half_as_long_too():
    full = "model.activations_checkpoint_granularity=full"
    repeated = [costs_in(precision, full) - costs_in(precision) for precision in ("bf16-mixed", "fp8-mixed")]
    assert 0 < repeated[1] < repeated[0]
