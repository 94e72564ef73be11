"""Rows of a matrix rounded to 8-bit floats with a scale each, and such a matrix transposed, in Triton: one pass over memory each.

Called by `models.eight_bit` on GPUs.

Shapes: M rows of K features.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

FEATURES_PER_WARP = 2048
"""Of a row that is rounded: 64 per thread, so that few threads wait for each other and many loads are on their way."""
SIDE, TILE_WARPS = 128, 8
"""Rows and columns of a square that a program transposes: whole lines of the cache on either side, 64 bytes per thread."""


def round_rows_into(
    rows_MK: Tensor, values_MK: Tensor, scales_M1: Tensor, factors_K1: Tensor | None, smallest_maximum: float
) -> None:
    """Writes values of which the largest of a row is the largest of their type, and what multiplies a row back.

    Args:
        rows_MK: Contiguous.
        values_MK: For the values, contiguous, of an 8-bit float.
        scales_M1: For the other factors, contiguous, 32 bit.
        factors_K1: Multiplied into the columns first, contiguous, 32 bit.
        smallest_maximum: Taken for the largest value of a row that is smaller.
    """
    count, width = rows_MK.shape
    filled = triton.next_power_of_2(width)
    round_row[(count,)](
        rows_MK, values_MK, scales_M1, factors_K1, torch.finfo(values_MK.dtype).max, smallest_maximum,
        WIDTH=width, FILLED=filled, num_warps=max(filled // FEATURES_PER_WARP, 1),
    )  # fmt: skip


def transpose_into(values_MK: Tensor, transposed_KM: Tensor) -> None:
    """Writes the transpose; torch's own copy reads or writes single bytes.

    Args:
        values_MK: Contiguous, of an 8-bit type.
        transposed_KM: Likewise.
    """
    rows, columns = values_MK.shape
    transpose_tile[(triton.cdiv(rows, SIDE), triton.cdiv(columns, SIDE))](
        values_MK.view(torch.uint8), transposed_KM.view(torch.uint8), rows, columns, SIDE=SIDE, num_warps=TILE_WARPS
    )


@triton.jit
def transpose_tile(values, transposed, rows, columns, SIDE: tl.constexpr):
    """One square."""
    row, column = tl.program_id(0) * SIDE + tl.arange(0, SIDE), tl.program_id(1) * SIDE + tl.arange(0, SIDE)
    is_real = (row < rows)[:, None] & (column < columns)[None, :]
    tile = tl.load(values + row.to(tl.int64)[:, None] * columns + column[None, :], mask=is_real, other=0)
    places = column.to(tl.int64)[:, None] * rows + row[None, :]
    tl.store(transposed + places, tl.trans(tile), mask=tl.trans(is_real))


@triton.jit
def round_row(
    rows, values, scales, factors, largest, smallest_maximum, WIDTH: tl.constexpr, FILLED: tl.constexpr
):  # fmt: skip
    """One row."""
    row, column = tl.program_id(0), tl.arange(0, FILLED)
    is_column, places = column < WIDTH, row.to(tl.int64) * WIDTH + column
    values_F = tl.load(rows + places, mask=is_column, other=0.0).to(tl.float32)
    if factors is not None:
        values_F *= tl.load(factors + column, mask=is_column, other=0.0)
    most = tl.maximum(tl.max(tl.abs(values_F), 0), smallest_maximum)
    scaled_F = values_F * tl.div_rn(tl.zeros_like(most) + largest, most)
    tl.store(values + places, scaled_F.to(values.dtype.element_ty), mask=is_column)
    tl.store(scales + row, tl.div_rn(most, tl.zeros_like(most) + largest))
