"""Our kernels run where Triton does, on GPUs and in 16 bit."""

import pytest
import torch
from megatron.core.process_groups_config import ProcessGroupCollection
from torch import nn

from bionemo_trainer.models import eight_bit, losses, norm
from bionemo_trainer.models.attention import kernel_for, triton_attention, variable_length_attention
from bionemo_trainer.models.batch import Targets
from bionemo_trainer.models.build import build_model
from bionemo_trainer.models.feed_forward import activation_for, plain_gelu
from bionemo_trainer.models.kernel_support import has_kernels, kernels_work, permit_kernels, triton_works
from bionemo_trainer.models.residual import FusedResidual, PlainResidual, residual_for
from bionemo_trainer.models.transformer_config import transformer_config
from testkit.networks import CPU, ESM1NV, small_config

pytest.importorskip("triton")

from bionemo_trainer.kernels import cross_entropy, eight_bit_rows


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
    assert (activation_for(config) is plain_gelu) != is_ours


@pytest.mark.parametrize("is_ours", [True, False])
def test_norms_are_by_our_kernels(monkeypatch, is_ours):
    monkeypatch.setattr(norm, "has_kernels", lambda _config: is_ours)
    assert norm.Norm(layers_of("cpu", torch.bfloat16), 8, 1e-5).has_kernel == is_ours


def test_losses_and_rounding_are_by_our_kernels_where_they_can_be_launched(monkeypatch):
    asked = []
    for module in (losses, eight_bit):
        monkeypatch.setattr(module, "can_launch_on", lambda _tensor: True)
    monkeypatch.setattr(cross_entropy, "cross_entropy", lambda *_: asked.append("cross entropy") or torch.zeros(3))
    monkeypatch.setattr(eight_bit_rows, "round_rows_into", lambda *_: asked.append("rounding"))
    monkeypatch.setattr(eight_bit_rows, "transpose_into", lambda *_: asked.append("transposing"))
    targets = Targets(places=3, ids_N=torch.zeros(3, dtype=torch.int64))
    groups = ProcessGroupCollection.use_mpu_process_groups()
    losses.token_losses(torch.zeros(3, 8), targets, groups, with_accuracy=False)
    eight_bit.EightBitWeight(nn.Parameter(torch.zeros(16, 16, dtype=torch.bfloat16)))
    assert asked == ["cross entropy", "rounding", "transposing"]


def test_without_biases_blocks_join_the_stream_by_torch():
    assert isinstance(residual_for(layers_of("cuda", torch.bfloat16, "model.bias=False"), 0), PlainResidual)


def test_a_rank_of_sequence_parallelism_numbers_its_own_tokens():
    shared = ("trainer.devices=2", "model.tensor_model_parallel_size=2")
    whole = layers_of("cuda", torch.bfloat16, *shared)
    split = layers_of("cuda", torch.bfloat16, *shared, "model.sequence_parallel=True")
    assert [residual_for(config, 1) for config in (whole, split)] == [FusedResidual(shard=0), FusedResidual(shard=1)]
