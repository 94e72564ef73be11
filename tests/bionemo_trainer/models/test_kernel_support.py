"""Our kernels run where Triton does, on GPUs and in 16 bit."""

import pytest
import torch

from bionemo_trainer.models.attention import kernel_for, triton_attention, variable_length_attention
from bionemo_trainer.models.build import build_model
from bionemo_trainer.models.kernel_support import has_kernels, kernels_work, permit_kernels, triton_works
from bionemo_trainer.models.residual import FusedResidual, PlainResidual, residual_for
from bionemo_trainer.models.transformer_config import transformer_config
from testkit.networks import CPU, ESM1NV, small_config

pytest.importorskip("triton")


def test_what_triton_lacks_is_said_once(monkeypatch, caplog):
    monkeypatch.setenv("PATH", "")
    triton_works.cache_clear()
    assert [triton_works(), triton_works()] == [False, False]
    triton_works.cache_clear()
    assert [record.getMessage() for record in caplog.records] == [
        "training runs slower than it could: a C compiler (gcc or clang) is missing; install it in the image"
    ]


@pytest.fixture
def permission():
    yield
    permit_kernels(are_permitted=True)


@pytest.mark.usefixtures("permission")
def test_a_network_may_ask_for_none_of_them():
    on_gpu = layers_of("cuda", torch.bfloat16)
    build_model(small_config(ESM1NV, "model.fused_kernels=False"), CPU)
    assert (kernels_work(), has_kernels(on_gpu)) == (False, False)
    assert kernel_for("cuda", torch.bfloat16, 64, 0.0) is variable_length_attention
    build_model(small_config(ESM1NV), CPU)
    assert (kernels_work(), has_kernels(on_gpu)) == (True, True)
    assert kernel_for("cuda", torch.bfloat16, 64, 0.0) is triton_attention


def layers_of(device, dtype, *overrides):
    return transformer_config(small_config(ESM1NV, *overrides).model, dtype=dtype, device=torch.device(device))


@pytest.mark.parametrize(
    ("device", "dtype", "is_ours"),
    [
        pytest.param("cuda", torch.bfloat16, True, id="bf16"),
        pytest.param("cuda", torch.float16, True, id="fp16"),
        pytest.param("cuda", torch.float32, False, id="32 bit"),
        pytest.param("cpu", torch.bfloat16, False, id="a CPU"),
    ],
)
def test_blocks_join_the_stream_by_our_kernels(device, dtype, is_ours):
    config = layers_of(device, dtype)
    assert has_kernels(config) == is_ours
    assert isinstance(residual_for(config, 0), FusedResidual if is_ours else PlainResidual)


def test_without_biases_blocks_join_the_stream_by_torch():
    assert isinstance(residual_for(layers_of("cuda", torch.bfloat16, "model.bias=False"), 0), PlainResidual)


def test_a_rank_of_sequence_parallelism_numbers_its_own_tokens():
    shared = ("trainer.devices=2", "model.tensor_model_parallel_size=2")
    whole = layers_of("cuda", torch.bfloat16, *shared)
    split = layers_of("cuda", torch.bfloat16, *shared, "model.sequence_parallel=True")
    assert [residual_for(config, 1) for config in (whole, split)] == [FusedResidual(shard=0), FusedResidual(shard=1)]
