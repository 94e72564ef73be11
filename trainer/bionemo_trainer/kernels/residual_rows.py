"""What becomes of some tokens of the residual stream, and of their gradients: the kernels behind `residual` and `norm`, in Triton.

Each is compiled for what it is given: no output of a block, no norm, nothing dropped.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from bionemo_trainer.kernels.column_sums import column_sums
from bionemo_trainer.kernels.dropout import is_kept, row_bits, threshold_of
from bionemo_trainer.kernels.row_tiles import shape_for, stages_for

PROGRAMS = 396
"""Programs of the backward pass, each of which leaves one row of sums: three for each of the 132 multiprocessors of an H100 or H200."""


def dropping(share: float) -> dict[str, float]:
    """What to drop, and how to make up for it."""
    return {"THRESHOLD": threshold_of(share), "KEPT_SCALE": 1.0 / (1.0 - share)}


def differentiate(
    gradient: Tensor | None, normed_gradient: Tensor | None, stream: Tensor | None, statistics: Tensor | None,
    vector: Tensor, seed: Tensor | None, of_stream: Tensor | None, of_output: Tensor | None,
    *, share: float = 0.0, site: int = 0, first_row: int = 0,
) -> Tensor:  # fmt: skip
    """Fills what is given of `of_stream` and `of_output`; the sums for a norm's weight and shift, then those for the bias.

    Args:
        gradient: Of the stream after the block [T, H]; None where there was no block.
        normed_gradient: Of the norm's result [T, H]; None where there was no norm, as for the next three.
        stream: What was normalised [T, H].
        statistics: Means and inverse deviations [2, T].
        vector: The norm's weight, or without a norm any of its width and of the precision of the sums [H].
        seed: Of the layer and the micro batch, 32 bit [1].
        of_stream: For the gradient of what was normalised [T, H].
        of_output: For that of the block's output, where it differs from that of the stream [T, H].
        share: Of the features that were dropped.
        site: Which of the places that share the seed it is.
        first_row: Number of the first token among those of all ranks that share them out.
    """
    some = gradient if normed_gradient is None else normed_gradient
    assert some is not None, "some gradient is given"
    width, num_sums = len(vector), 2 * (normed_gradient is not None) + (gradient is not None)
    rows, shape = some.numel() // width, shape_for(width)
    num_loads = sum(tensor is not None for tensor in (gradient, normed_gradient, stream))
    stages = stages_for(num_loads * shape["ROWS"] * shape["FILLED"] * some.element_size())
    sums = some.new_empty((min(triton.cdiv(rows, shape["ROWS"]), PROGRAMS), num_sums, width), dtype=torch.float32)
    differentiate_rows[(len(sums),)](
        gradient, normed_gradient, stream, statistics, vector, seed, of_stream, of_output, sums, rows, site, first_row,
        **shape, **dropping(share), STAGES=stages,
    )  # fmt: skip
    return column_sums(sums, vector.dtype)


@triton.jit(do_not_specialize=["rows", "site", "first_row"])
def add_rows(
    output, bias, residual, weight, shift, seed, stream, normed, statistics, rows, site, first_row, eps,
    WIDTH: tl.constexpr, FILLED: tl.constexpr, ROWS: tl.constexpr, THRESHOLD: tl.constexpr, KEPT_SCALE: tl.constexpr,
):  # fmt: skip
    """The stream after a block, if there is one; normalised, if there is a norm, with means and inverse deviations [2, T]."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    column = tl.arange(0, FILLED)
    is_column = column < WIDTH
    is_real = (row < rows)[:, None] & is_column[None, :]
    places = row.to(tl.int64)[:, None] * WIDTH + column[None, :]
    stream_RF = tl.load(residual + places, mask=is_real, other=0.0).to(tl.float32)
    if output is not None:
        bias_F = tl.load(bias + column, mask=is_column, other=0.0).to(tl.float32)
        added_RF = tl.load(output + places, mask=is_real, other=0.0).to(tl.float32) + bias_F[None, :]
        if THRESHOLD > 0:
            bits_R = row_bits(seed, site, first_row + row, THRESHOLD)
            added_RF = tl.where(is_kept(bits_R[:, None], column[None, :], THRESHOLD), added_RF * KEPT_SCALE, 0.0)
        stored_RF = (stream_RF + added_RF).to(stream.dtype.element_ty)
        tl.store(stream + places, stored_RF, mask=is_real)
        stream_RF = tl.where(is_real, stored_RF.to(tl.float32), 0.0)  # as the backward pass reads it
    if normed is not None:
        mean_R = tl.sum(stream_RF, 1) / WIDTH
        centred_RF = tl.where(is_real, stream_RF - mean_R[:, None], 0.0)
        inverse_R = 1.0 / tl.sqrt(tl.sum(centred_RF * centred_RF, 1) / WIDTH + eps)
        weight_F = tl.load(weight + column, mask=is_column, other=0.0).to(tl.float32)
        shift_F = tl.load(shift + column, mask=is_column, other=0.0).to(tl.float32)
        normed_RF = centred_RF * inverse_R[:, None] * weight_F[None, :] + shift_F[None, :]
        tl.store(normed + places, normed_RF.to(normed.dtype.element_ty), mask=is_real)
        tl.store(statistics + row, mean_R, mask=row < rows)
        tl.store(statistics + rows + row, inverse_R, mask=row < rows)


@triton.jit(do_not_specialize=["rows", "site", "first_row"])
def differentiate_rows(
    gradient, normed_gradient, stream, statistics, weight, seed, of_stream, of_output, sums, rows, site, first_row,
    WIDTH: tl.constexpr, FILLED: tl.constexpr, ROWS: tl.constexpr, THRESHOLD: tl.constexpr, KEPT_SCALE: tl.constexpr,
    STAGES: tl.constexpr,
):  # fmt: skip
    """Gradients of every n-th tile of tokens, n being the number of programs, and their sums over these tiles."""
    column = tl.arange(0, FILLED)
    is_column = column < WIDTH
    of_bias_RF = tl.zeros([ROWS, FILLED], tl.float32)
    of_weight_RF = tl.zeros([ROWS, FILLED], tl.float32)
    of_shift_RF = tl.zeros([ROWS, FILLED], tl.float32)
    if normed_gradient is not None:
        weight_F = tl.load(weight + column, mask=is_column, other=0.0).to(tl.float32)
    for first in tl.range(tl.program_id(0) * ROWS, rows, tl.num_programs(0) * ROWS, num_stages=STAGES):
        row = first + tl.arange(0, ROWS)
        is_real = (row < rows)[:, None] & is_column[None, :]
        places = row.to(tl.int64)[:, None] * WIDTH + column[None, :]
        found_RF = tl.zeros([ROWS, FILLED], tl.float32)
        if gradient is not None:
            found_RF = tl.load(gradient + places, mask=is_real, other=0.0).to(tl.float32)
        if normed_gradient is not None:
            normed_RF = tl.load(normed_gradient + places, mask=is_real, other=0.0).to(tl.float32)
            stream_RF = tl.load(stream + places, mask=is_real, other=0.0).to(tl.float32)
            mean_R = tl.load(statistics + row, mask=row < rows, other=0.0)
            inverse_R = tl.load(statistics + rows + row, mask=row < rows, other=0.0)
            standard_RF = tl.where(is_real, (stream_RF - mean_R[:, None]) * inverse_R[:, None], 0.0)
            of_weight_RF += normed_RF * standard_RF
            of_shift_RF += normed_RF
            weighted_RF = normed_RF * weight_F[None, :]
            along_R = tl.sum(weighted_RF * standard_RF, 1) / WIDTH
            mean_gradient_R = tl.sum(weighted_RF, 1) / WIDTH
            changed_RF = weighted_RF - mean_gradient_R[:, None] - standard_RF * along_R[:, None]
            found_RF += tl.where(is_real, changed_RF * inverse_R[:, None], 0.0)
            tl.store(of_stream + places, found_RF.to(of_stream.dtype.element_ty), mask=is_real)
        if of_output is not None:
            bits_R = row_bits(seed, site, first_row + row, THRESHOLD)
            found_RF = tl.where(is_kept(bits_R[:, None], column[None, :], THRESHOLD), found_RF * KEPT_SCALE, 0.0)
            tl.store(of_output + places, found_RF.to(of_output.dtype.element_ty), mask=is_real)
        of_bias_RF += found_RF
    num_sums: tl.constexpr = (2 if normed_gradient is not None else 0) + (1 if gradient is not None else 0)
    here = sums + tl.program_id(0).to(tl.int64) * num_sums * WIDTH + column
    if normed_gradient is not None:
        tl.store(here, tl.sum(of_weight_RF, 0), mask=is_column)
        tl.store(here + WIDTH, tl.sum(of_shift_RF, 0), mask=is_column)
    if gradient is not None:
        tl.store(here + (num_sums - 1) * WIDTH, tl.sum(of_bias_RF, 0), mask=is_column)
