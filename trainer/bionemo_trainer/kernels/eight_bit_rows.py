"""Rows of a matrix rounded to 8-bit floats with a scale each, in Triton: one pass over memory. Called by `models.eight_bit` on GPUs.

Shapes: M rows of K features.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from bionemo_trainer.kernels.row_tiles import shape_for


def rounded_rows(rows_MK: Tensor, dtype: torch.dtype, smallest_maximum: float) -> tuple[Tensor, Tensor]:
    """Values of which the largest of a row is the largest of `dtype`, and what multiplies a row back, 32 bit [M, 1].

    Args:
        rows_MK: Contiguous.
        dtype: An 8-bit float.
        smallest_maximum: Taken for the largest value of a row that is smaller.
    """
    count, width = rows_MK.shape
    values, scales = torch.empty_like(rows_MK, dtype=dtype), rows_MK.new_empty((count, 1), dtype=torch.float32)
    shape = shape_for(width)
    round_rows[(triton.cdiv(count, shape["ROWS"]),)](
        rows_MK, values, scales, count, torch.finfo(dtype).max, smallest_maximum, **shape
    )
    return values, scales


@triton.jit(do_not_specialize=["count"])
def round_rows(
    rows, values, scales, count, largest, smallest_maximum,
    WIDTH: tl.constexpr, FILLED: tl.constexpr, ROWS: tl.constexpr,
):  # fmt: skip
    """One tile of rows."""
    row, column = tl.program_id(0) * ROWS + tl.arange(0, ROWS), tl.arange(0, FILLED)
    is_real = (row < count)[:, None] & (column < WIDTH)[None, :]
    places = row.to(tl.int64)[:, None] * WIDTH + column[None, :]
    values_RF = tl.load(rows + places, mask=is_real, other=0.0).to(tl.float32)
    largest_R = tl.maximum(tl.max(tl.abs(values_RF), 1), smallest_maximum)
    scaled_RF = values_RF * tl.div_rn(tl.zeros_like(largest_R) + largest, largest_R)[:, None]
    tl.store(values + places, scaled_RF.to(values.dtype.element_ty), mask=is_real)
    tl.store(scales + row, tl.div_rn(largest_R, tl.zeros_like(largest_R) + largest), mask=row < count)
