"""Rows of a matrix rounded to 8-bit floats with a scale each, in Triton: one pass over memory. Called by `models.eight_bit` on GPUs.

Shapes: M rows of K features.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

NUM_WARPS = 8


def rounded_rows(rows_MK: Tensor, dtype: torch.dtype, smallest_maximum: float) -> tuple[Tensor, Tensor]:
    """Values of which the largest of a row is the largest of `dtype`, and what multiplies a row back, 32 bit [M, 1].

    Args:
        rows_MK: Contiguous.
        dtype: An 8-bit float.
        smallest_maximum: Taken for the largest value of a row that is smaller.
    """
    count, width = rows_MK.shape
    values, scales = torch.empty_like(rows_MK, dtype=dtype), rows_MK.new_empty((count, 1), dtype=torch.float32)
    round_rows[(count,)](
        rows_MK, values, scales, torch.finfo(dtype).max, smallest_maximum,
        WIDTH=width, FILLED=triton.next_power_of_2(width), num_warps=NUM_WARPS,
    )  # fmt: skip
    return values, scales


@triton.jit
def round_rows(rows, values, scales, largest, smallest_maximum, WIDTH: tl.constexpr, FILLED: tl.constexpr):
    """One row."""
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, FILLED)
    is_feature = columns < WIDTH
    row_K = tl.load(rows + row * WIDTH + columns, mask=is_feature, other=0.0).to(tl.float32)
    scale = tl.div_rn(tl.maximum(tl.max(tl.abs(row_K)), smallest_maximum), largest)
    tl.store(values + row * WIDTH + columns, tl.div_rn(row_K, scale).to(values.dtype.element_ty), mask=is_feature)
    tl.store(scales + row, scale)
