"""AdamW over a flat part of the weights, in Triton: one pass over memory that also writes the weights in 16 bit.

Called by `engine.optimizer` on GPUs. torch's fused kernel writes the gradients it has scaled as well, and leaves the 16-bit weights to a second
pass: 38 bytes of each weight are moved where these are 30. Shapes: N weights.
"""

import triton
import triton.language as tl
from torch import Tensor

TILE, WARPS = 2048, 4
"""Weights that a program updates; four of them are one access to memory of a thread."""


def update_weights(
    masters_N: Tensor, weights_N: Tensor, gradients_N: Tensor, first_moments_N: Tensor, second_moments_N: Tensor,
    corrections_2: Tensor, is_skipped: Tensor, divisor: Tensor,
    *, lr: float, betas: tuple[float, float], eps: float, weight_decay: float,
) -> None:  # fmt: skip
    """One step of decoupled weight decay and Adam (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101), as torch.optim.AdamW does it.

    Args:
        masters_N: The weights, 32 bit.
        weights_N: Where they are written in 16 bit.
        gradients_N: Their gradients times `divisor`, 32 bit.
        first_moments_N: Running mean of the gradients, 32 bit.
        second_moments_N: Running mean of their squares, 32 bit.
        corrections_2: One minus each beta to the power of this step's number, counted from 1, 32 bit, on the device.
        is_skipped: One where nothing is to change, else zero, 32 bit, on the device.
        divisor: Of the gradients, 32 bit, on the device.
        lr: Learning rate.
        betas: Decay of both means.
        eps: Added to the root.
        weight_decay: Per unit of the learning rate.
    """
    update_tile[(triton.cdiv(len(masters_N), TILE),)](
        masters_N, weights_N, gradients_N, first_moments_N, second_moments_N, corrections_2, is_skipped, divisor, len(masters_N),
        lr, *betas, eps, weight_decay, TILE=TILE, num_warps=WARPS,
    )  # fmt: skip


@triton.jit(do_not_specialize=["lr", "first_beta", "second_beta", "eps", "weight_decay"])
def update_tile(
    masters, weights, gradients, first_moments, second_moments, corrections, is_skipped, divisor, count,
    lr, first_beta, second_beta, eps, weight_decay, TILE: tl.constexpr,
):  # fmt: skip
    """Some weights."""
    if tl.load(is_skipped) != 0.0:
        return
    place = tl.program_id(0).to(tl.int64) * TILE + tl.arange(0, TILE)
    is_real = place < count
    rate, inverse_root = lr / tl.load(corrections), 1.0 / tl.sqrt(tl.load(corrections + 1))
    gradient_N = tl.load(gradients + place, mask=is_real) * (1.0 / tl.load(divisor))
    first_N = tl.load(first_moments + place, mask=is_real)
    second_N = tl.load(second_moments + place, mask=is_real)
    master_N = tl.load(masters + place, mask=is_real) * (1.0 - lr * weight_decay)
    first_N += (1.0 - first_beta) * (gradient_N - first_N)
    second_N = second_beta * second_N + (1.0 - second_beta) * gradient_N * gradient_N
    master_N -= rate * first_N / (tl.sqrt(second_N) * inverse_root + eps)
    tl.store(first_moments + place, first_N, mask=is_real)
    tl.store(second_moments + place, second_N, mask=is_real)
    tl.store(masters + place, master_N, mask=is_real)
    tl.store(weights + place, master_N.to(weights.dtype.element_ty), mask=is_real)
