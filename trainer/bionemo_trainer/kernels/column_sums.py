"""Sums over what the programs of a kernel left, one row each, in Triton. Called by the backward passes that share out their tokens."""

import torch
import triton
import triton.language as tl
from torch import Tensor

ROWS, COLUMNS = 128, 32
"""Of a tile: its columns are one access to memory."""


def column_sums(parts: Tensor, dtype: torch.dtype) -> Tensor:
    """Sums over the first dimension, which may be empty: [P, ...] in 32 bit to [...] in a precision of choice, in one launch."""
    sums = parts.new_empty(parts.shape[1:], dtype=dtype)
    sum_rows[(triton.cdiv(sums.numel(), COLUMNS),)](parts, sums, len(parts), sums.numel(), ROWS=ROWS, COLUMNS=COLUMNS)
    return sums


@triton.jit(do_not_specialize=["rows"])
def sum_rows(parts, sums, rows, columns, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """The sums of some columns."""
    column = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    sums_RC = tl.zeros([ROWS, COLUMNS], tl.float32)
    for first in range(0, rows, ROWS):
        row = first + tl.arange(0, ROWS)
        is_real = (row < rows)[:, None] & (column < columns)[None, :]
        sums_RC += tl.load(parts + row[:, None] * columns + column[None, :], mask=is_real, other=0.0)
    tl.store(sums + column, tl.sum(sums_RC, 0).to(sums.dtype.element_ty), mask=column < columns)
