"""GELU of a projection and its bias as an operator of torch, in Triton: one pass forward, and one backward with the bias's gradient.

Called by `models.feed_forward` on GPUs. What the compiler makes of the same lines reads its inputs twice in the backward pass, once for
the gradient and once for its sum over tokens. Shapes: T tokens, F features.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from bionemo_trainer.kernels.column_sums import column_sums
from bionemo_trainer.kernels.row_tiles import stages_for

ROWS, COLUMNS, WARPS = 16, 128, 2
"""Tokens and features that a program holds; a row of them is one access to memory."""
BACKWARD_ROWS, BACKWARD_WARPS = 8, 2
"""In the backward pass, which needs more registers for each."""
NUM_TILES = 16
"""Tiles that a program of the backward pass walks over, one below the other; it leaves one row of sums."""
MINUS_HALF_LOG2_E = tl.constexpr(-0.7213475204444817)
TWICE_INVERSE_FARTHEST_SQUARED = tl.constexpr(2.0 / 5.0**2)
"""Of the value beyond which the share below is 0 or 1, by 3e-7."""
LOG2_INVERSE_SQRT_2_PI = tl.constexpr(-1.3257480647361593)


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
    activate_tiles[grid](hidden, bias, result, rows, columns, ROWS=ROWS, COLUMNS=COLUMNS, num_warps=WARPS)
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
        ROWS=BACKWARD_ROWS, COLUMNS=COLUMNS, NUM_TILES=NUM_TILES,
        STAGES=stages_for(2 * BACKWARD_ROWS * COLUMNS * hidden.element_size()), num_warps=BACKWARD_WARPS,
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
def share_below(values, squares):
    """The normal distribution's share below some values, to 4e-7, as 1/2 + value p(2 value^2 / 25 - 1).

    p has degree 12; of all that give 0 and 1 at -5 and 5 its largest error between them is the least (fitted by iterated weights: Lawson
    1961). The library's erf takes longer than memory does, and so do formulas with a division and an exponential.
    """
    t = tl.minimum(squares * TWICE_INVERSE_FARTHEST_SQUARED - 1.0, 1.0)
    p = 0.0007554127 * t - 0.0017228910
    p = p * t + 0.0013503670
    p = p * t - 0.0024221891
    p = p * t + 0.0067570060
    p = p * t - 0.0113908071
    p = p * t + 0.0162579007
    p = p * t - 0.0231850985
    p = p * t + 0.0314682908
    p = p * t - 0.0404548906
    p = p * t + 0.0515188836
    p = p * t - 0.0702957883
    p = p * t + 0.1413637996
    return tl.minimum(tl.maximum(values * p + 0.5, 0.0), 1.0)


@triton.jit(do_not_specialize=["rows"])
def activate_tiles(hidden, bias, result, rows, columns, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """One tile of results."""
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    row = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    is_real = (row < rows)[:, None] & (column < columns)[None, :]
    places = row.to(tl.int64)[:, None] * columns + column[None, :]
    bias_F = tl.load(bias + column, mask=column < columns, other=0.0).to(tl.float32)
    value_TF = tl.load(hidden + places, mask=is_real, other=0.0).to(tl.float32) + bias_F[None, :]
    below_TF = share_below(value_TF, value_TF * value_TF)
    tl.store(result + places, (value_TF * below_TF).to(result.dtype.element_ty), mask=is_real)


@triton.jit(do_not_specialize=["rows"])
def differentiate_tiles(
    gradient, hidden, bias, found, sums, rows, columns,
    ROWS: tl.constexpr, COLUMNS: tl.constexpr, NUM_TILES: tl.constexpr, STAGES: tl.constexpr,
):  # fmt: skip
    """Tiles of gradients, one below the other, and the sum of each of their columns."""
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    is_column = column < columns
    bias_F = tl.load(bias + column, mask=is_column, other=0.0).to(tl.float32)
    sum_TF = tl.zeros([ROWS, COLUMNS], tl.float32)
    for tile in tl.range(NUM_TILES, num_stages=STAGES):
        row = (tl.program_id(1) * NUM_TILES + tile) * ROWS + tl.arange(0, ROWS)
        is_real = (row < rows)[:, None] & is_column[None, :]
        places = row.to(tl.int64)[:, None] * columns + column[None, :]
        value_TF = tl.load(hidden + places, mask=is_real, other=0.0).to(tl.float32) + bias_F[None, :]
        gradient_TF = tl.load(gradient + places, mask=is_real, other=0.0).to(tl.float32)
        square_TF = value_TF * value_TF
        density_TF = tl.exp2(square_TF * MINUS_HALF_LOG2_E + LOG2_INVERSE_SQRT_2_PI)
        slope_TF = share_below(value_TF, square_TF) + value_TF * density_TF
        found_TF = gradient_TF * slope_TF
        sum_TF += found_TF  # joined at the end, since threads wait for each other then
        tl.store(found + places, found_TF.to(found.dtype.element_ty), mask=is_real)
    tl.store(sums + tl.program_id(1) * columns + column, tl.sum(sum_TF, 0), mask=is_column)
