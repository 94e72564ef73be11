"""The costs of a step follow from operations, from bytes that are moved, and from how many layers the host starts."""

import pytest

from bionemo_trainer.config.layout import Layout
from bionemo_trainer.config.load import load_recipe
from bionemo_trainer.config.parameters import num_parameters
from bionemo_trainer.config.speed.costs import costs_of
from bionemo_trainer.config.speed.gpus import GPUS, GpuName
from bionemo_trainer.config.speed.measured import working_seconds
from bionemo_trainer.config.speed.workload import workload_of

GPU = GPUS[GpuName.H100]
CONFIG = load_recipe("protein/esm2nv/pretrain_esm2_650M", ["model.micro_batch_size=8"]).config
WORK = workload_of(CONFIG, 264.0)
PARAMETERS = num_parameters(CONFIG.model)
ACCUMULATION = 2 + 4 + 4
"""Bytes per parameter: its 16-bit gradient is read, the 32-bit sum read and written."""
ADAMW = 4 * 4 + 3 * 4
"""Bytes per parameter: gradient, weight and two means are read, all but the gradient written."""


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
    zeros, norm, copy, sent = 4, 4, 4 + 2, 2 + 2
    moved = PARAMETERS * (zeros + norm + ADAMW + copy + sent)
    assert costs().update_seconds == pytest.approx(moved / GPU.memory_bytes_per_second)


def test_copies_of_the_model_share_the_update_but_not_the_zeroing():
    zeros, shared = 4, 4 + ADAMW + 6 + 4
    moved = PARAMETERS * (zeros + shared / 8)
    assert costs(data=8).update_seconds == pytest.approx(moved / GPU.memory_bytes_per_second)


def test_the_host_starts_every_layer_however_many_ranks_share_it():
    assert costs(tensor=4).host_seconds == costs().host_seconds == pytest.approx(33 * 5.25e-3)
