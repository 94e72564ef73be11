"""GELU of a projection and its bias as an operator of torch, in Triton: one pass forward, and one backward with the bias's gradient.

Called by `models.feed_forward` on GPUs. What the compiler makes of the same lines reads its inputs twice in the backward pass, once for
the gradient and once for its sum over tokens. Shapes: T tokens, F features.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from bionemo_trainer.kernels.column_sums import column_sums

ROWS, COLUMNS = 32, 128
"""Tokens and features that a program holds; a row of them is one access to memory."""
BACKWARD_ROWS, BACKWARD_WARPS = 8, 2
"""In the backward pass, which needs more registers for each."""
NUM_TILES = 16
"""Tiles that a program of the backward pass walks over, one below the other; it leaves one row of sums."""
MINUS_HALF_LOG2_E = tl.constexpr(-0.7213475204444817)
P_SQRT_HALF = tl.constexpr(0.3275911 * 0.7071067811865476)
INVERSE_SQRT_2_PI = tl.constexpr(0.3989422804014327)


def biased_gelu(hidden_TF: Tensor, bias_F: Tensor) -> Tensor:
    """GELU(hidden + bias), in its exact form; computed in 32 bit.

    Args:
        hidden_TF: Contiguous; dimensions before the last count as one.
        bias_F: Of the same precision.
    """
    result: Tensor = torch.ops.bionemo.biased_gelu(hidden_TF, bias_F)
    return result


@torch.library.custom_op("bionemo::biased_gelu", mutates_args=())
def _forward(hidden: Tensor, bias: Tensor) -> Tensor:
    result = torch.empty_like(hidden)
    rows, columns = hidden.numel() // len(bias), len(bias)
    grid = (triton.cdiv(columns, COLUMNS), triton.cdiv(rows, ROWS))
    activate_tiles[grid](hidden, bias, result, rows, columns, ROWS=ROWS, COLUMNS=COLUMNS)
    return result


@_forward.register_fake
def _(hidden: Tensor, _bias: Tensor) -> Tensor:
    return torch.empty_like(hidden)


@torch.library.custom_op("bionemo::biased_gelu_backward", mutates_args=())
def _backward(gradient: Tensor, hidden: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    gradient, found = gradient.contiguous(), torch.empty_like(hidden)
    rows, columns = hidden.numel() // len(bias), len(bias)
    num_sums = triton.cdiv(rows, BACKWARD_ROWS * NUM_TILES)
    sums = hidden.new_empty((num_sums, columns), dtype=torch.float32)
    differentiate_tiles[(triton.cdiv(columns, COLUMNS), num_sums)](
        gradient, hidden, bias, found, sums, rows, columns,
        ROWS=BACKWARD_ROWS, COLUMNS=COLUMNS, NUM_TILES=NUM_TILES, num_warps=BACKWARD_WARPS,
    )  # fmt: skip
    return found, column_sums(sums, bias.dtype)


@_backward.register_fake
def _(_gradient: Tensor, hidden: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(hidden), torch.empty_like(bias)


def _remember(ctx: torch.autograd.function.FunctionCtx, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:  # noqa: ARG001 - torch's signature
    ctx.save_for_backward(*inputs)


def _differentiate(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor]:
    found: tuple[Tensor, Tensor]
    found = torch.ops.bionemo.biased_gelu_backward(gradient, *ctx.saved_tensors)  # type: ignore[attr-defined]  # as torch's documentation does
    return found


_forward.register_autograd(_differentiate, setup_context=_remember)


@triton.jit
def share_below(values, powers):
    """The normal distribution's share below some values, of which exp(-value^2 / 2) is known, to 1e-7.

    Abramowitz and Stegun, "Handbook of Mathematical Functions", 7.1.26: the library's erf takes longer than memory does.
    """
    t = 1.0 / (tl.abs(values) * P_SQRT_HALF + 1.0)
    polynomial = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    above = 0.5 * polynomial * powers  # of the absolute value
    return tl.where(values > 0, 1.0 - above, above)


@triton.jit(do_not_specialize=["rows"])
def activate_tiles(hidden, bias, result, rows, columns, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """One tile of results."""
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    is_real = (row < rows)[:, None] & (column < columns)[None, :]
    places = row.to(tl.int64)[:, None] * columns + column[None, :]
    bias_F = tl.load(bias + column, mask=column < columns, other=0.0).to(tl.float32)
    value_TF = tl.load(hidden + places, mask=is_real, other=0.0).to(tl.float32) + bias_F[None, :]
    below_TF = share_below(value_TF, tl.exp2(value_TF * value_TF * MINUS_HALF_LOG2_E))
    tl.store(result + places, (value_TF * below_TF).to(result.dtype.element_ty), mask=is_real)


@triton.jit(do_not_specialize=["rows"])
def differentiate_tiles(
    gradient, hidden, bias, found, sums, rows, columns,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, NUM_TILES: tl.constexpr,
):  # fmt: skip
    """Tiles of gradients, one below the other, and the sum of each of their columns."""
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    is_column = column < columns
    bias_F = tl.load(bias + column, mask=is_column, other=0.0).to(tl.float32)
    sum_F = tl.zeros([COLUMNS], tl.float32)
    for tile in range(NUM_TILES):
        row = (tl.program_id(1) * NUM_TILES + tile) * ROWS + tl.arange(0, ROWS)
        is_real = (row < rows)[:, None] & is_column[None, :]
        places = row.to(tl.int64)[:, None] * columns + column[None, :]
        value_TF = tl.load(hidden + places, mask=is_real, other=0.0).to(tl.float32) + bias_F[None, :]
        gradient_TF = tl.load(gradient + places, mask=is_real, other=0.0).to(tl.float32)
        power_TF = tl.exp2(value_TF * value_TF * MINUS_HALF_LOG2_E)
        slope_TF = share_below(value_TF, power_TF) + value_TF * power_TF * INVERSE_SQRT_2_PI
        found_TF = gradient_TF * slope_TF
        sum_F += tl.sum(found_TF, 0)
        tl.store(found + places, found_TF.to(found.dtype.element_ty), mask=is_real)
    tl.store(sums + tl.program_id(1) * columns + column, sum_F, mask=is_column)
