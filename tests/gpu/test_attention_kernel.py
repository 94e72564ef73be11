"""The attention kernel without padding, which exists on GPUs only, computes what the one with padding does."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("the kernel without padding needs a GPU", allow_module_level=True)

from bionemo_trainer.data.packing import packed  # noqa: E402  after the skips, since these need torch
from bionemo_trainer.models.attention import (  # noqa: E402
    Bounds,
    Sight,
    padded_attention,
    variable_length_attention,
)
from bionemo_trainer.models.batch import PackedTokens  # noqa: E402

GPU = torch.device("cuda")


def bounds_of(lengths):
    sequences = [np.zeros(length, dtype=np.uint16) for length in lengths]
    return Bounds.of(PackedTokens.from_numpy(packed(sequences)).to(GPU))


def random_heads(lengths, seed):
    generator = torch.Generator(GPU).manual_seed(seed)
    heads = torch.randn(sum(lengths), 4, 64, generator=generator, device=GPU, dtype=torch.bfloat16)
    return heads.requires_grad_()


@pytest.mark.parametrize(
    ("query_lengths", "key_lengths", "is_causal"),
    [
        pytest.param([5, 1, 130, 64], [5, 1, 130, 64], False, id="bidirectional"),
        pytest.param([5, 1, 130, 64], [5, 1, 130, 64], True, id="causal"),
        pytest.param([5, 1, 130, 64], [7, 90, 2, 64], False, id="cross"),
        pytest.param([5, 3], [0, 4], False, id="nothing to see"),
    ],
)
def test_the_kernel_without_padding_computes_the_same(query_lengths, key_lengths, is_causal):
    heads = [random_heads(query_lengths, 0), random_heads(key_lengths, 1), random_heads(key_lengths, 2)]
    sight = Sight(queries=bounds_of(query_lengths), keys=bounds_of(key_lengths), is_causal=is_causal)
    without, padded = variable_length_attention(*heads, sight), padded_attention(*heads, sight)
    torch.testing.assert_close(without, padded, rtol=2e-2, atol=2e-2)
    gradients = [torch.autograd.grad(attended.float().square().sum(), heads) for attended in (without, padded)]
    torch.testing.assert_close(gradients[0], gradients[1], rtol=5e-2, atol=5e-2)
