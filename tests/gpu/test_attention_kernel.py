"""The kernels that exist on GPUs only compute what attention written out does."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("the kernels without padding need a GPU", allow_module_level=True)

from bionemo_trainer.models.attention import (  # noqa: E402  after the skips, since these need torch
    Bounds,
    Sight,
    padded_attention,
    triton_attention,
    variable_length_attention,
)
from testkit.attention_cases import CASES, Case, errors_of  # noqa: E402
from testkit.networks import tokens_of  # noqa: E402

GPU = torch.device("cuda")


def bounds_of(lengths):
    sequences = [np.zeros(length, dtype=np.uint16) for length in lengths]
    return Bounds.of(tokens_of(sequences, GPU))


def random_heads(lengths, seed):
    generator = torch.Generator(GPU).manual_seed(seed)
    heads = torch.randn(sum(lengths), 4, 64, generator=generator, device=GPU, dtype=torch.bfloat16)
    return heads.requires_grad_()


def ragged(seed):
    """Lengths from 1 to the longest of the recipes, in any order."""
    draw = np.random.default_rng(seed)
    lengths = tuple(
        int(length) for length in draw.integers(1, [20, 80, 300, 1025][seed % 4], size=draw.integers(1, 12))
    )
    return Case(queries=lengths, keys=lengths, width=16, is_causal=bool(seed & 4), dropout=0.1 * (seed % 2))


@pytest.mark.parametrize(
    "case", [name for name, case in CASES.items() if case.width <= 16]
)  # wider ones compile for minutes
def test_it_is_attention_written_out(case):
    assert max(errors_of(CASES[case], GPU, torch.float32)) < 2e-5


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
@pytest.mark.parametrize("case", CASES)
def test_sixteen_bit_stays_close(case, dtype):
    assert max(errors_of(CASES[case], GPU, dtype)) < 2e-2


@pytest.mark.parametrize("seed", range(16))
def test_any_ragged_lengths_serve(seed):
    assert max(errors_of(ragged(seed), GPU, torch.float32)) < 5e-5


@pytest.mark.parametrize("kernel", [triton_attention, variable_length_attention], ids=["ours", "torch's"])
@pytest.mark.parametrize(
    ("query_lengths", "key_lengths", "is_causal"),
    [
        pytest.param([5, 1, 130, 64], [5, 1, 130, 64], False, id="bidirectional"),
        pytest.param([5, 1, 130, 64], [5, 1, 130, 64], True, id="causal"),
        pytest.param([5, 1, 130, 64], [7, 90, 2, 64], False, id="cross"),
        pytest.param([5, 3], [0, 4], False, id="nothing to see"),
    ],
)
def test_kernels_without_padding_compute_the_same(kernel, query_lengths, key_lengths, is_causal):
    heads = [random_heads(query_lengths, 0), random_heads(key_lengths, 1), random_heads(key_lengths, 2)]
    sight = Sight(queries=bounds_of(query_lengths), keys=bounds_of(key_lengths), is_causal=is_causal)
    sources = tuple(part.unsqueeze(2) for part in heads)
    without, padded = kernel(sources, sight), padded_attention(sources, sight)
    torch.testing.assert_close(without, padded, rtol=2e-2, atol=2e-2)
    gradients = [torch.autograd.grad(attended.float().square().sum(), heads) for attended in (without, padded)]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=5e-2, atol=5e-2)
