"""What a block adds to the residual stream, with its bias and dropout, and the layer norm that follows: operators of torch, in Triton.

Called by `models.residual` on GPUs. Forward is one pass, and backward another, which also sums the gradients of bias, weight and shift; the
compiler reads its inputs once more for every sum. Dropout stores no mask: see `dropout`. Shapes: T tokens, H features of the stream;
dimensions of a tensor before its last count as one.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from bionemo_trainer.kernels.column_sums import column_sums
from bionemo_trainer.kernels.dropout import is_kept, row_bits, threshold_of

MOST_ROWS, TILE = 4, 4096
"""Tokens that a program holds at a time, and features of all of them together; the second bounds the first."""
FEATURES_PER_WARP = 512
"""Sixteen per thread: two accesses to memory of the widest kind in 16 bit."""
PROGRAMS = 528
"""Programs of the backward pass, each of which leaves one row of sums: four for each of the 132 multiprocessors of an H100 or H200."""


def added(
    output_TH: Tensor, bias_H: Tensor, residual_TH: Tensor, seed: Tensor | None,
    *, share: float, site: int, first_row: int = 0,
) -> Tensor:  # fmt: skip
    """The stream after a block [T, H]: residual + dropout(output + bias), in the residual's precision, computed in 32 bit.

    Args:
        output_TH: Contiguous.
        bias_H: Of the output's precision.
        residual_TH: Contiguous; it may be more precise.
        seed: With site, token and feature it decides what is dropped, 32 bit, on the device [1]; None where nothing is.
        share: Of the features to drop.
        site: Which of the places that share the seed it is.
        first_row: Number of the first token, where ranks share the tokens of a sequence.
    """
    result: Tensor = torch.ops.bionemo.add(output_TH, bias_H, residual_TH, seed, share, site, first_row)
    return result


def added_and_normed(
    output_TH: Tensor, bias_H: Tensor, residual_TH: Tensor, weight_H: Tensor, shift_H: Tensor, seed: Tensor | None,
    *, share: float, site: int, eps: float, first_row: int = 0,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The stream as from `added`, and its layer norm in the precision of the norm's weight [T, H].

    Args:
        output_TH: Contiguous.
        bias_H: Of the output's precision.
        residual_TH: Contiguous; it may be more precise.
        weight_H: Of the norm.
        shift_H: Of the norm.
        seed: With site, token and feature it decides what is dropped, 32 bit, on the device [1]; None where nothing is.
        share: Of the features to drop.
        site: Which of the places that share the seed it is.
        eps: Added to the variance of a token's features.
        first_row: Number of the first token, where ranks share the tokens of a sequence.
    """
    stream: Tensor
    normed: Tensor
    stream, normed, _ = torch.ops.bionemo.add_and_normalise(
        output_TH, bias_H, residual_TH, weight_H, shift_H, seed, share, site, first_row, eps
    )
    return stream, normed


@torch.library.custom_op("bionemo::add", mutates_args=())
def _add(
    output: Tensor, bias: Tensor, residual: Tensor, seed: Tensor | None, share: float, site: int, first_row: int
) -> Tensor:
    stream = torch.empty_like(residual)
    rows, width = output.numel() // len(bias), len(bias)
    shape = _shape(width)
    add_rows[(triton.cdiv(rows, shape["ROWS"]),)](
        output, bias, residual, None, None, seed, stream, None, None, rows, site, first_row, 0.0,
        **shape, **_dropping(share),
    )  # fmt: skip
    return stream


@_add.register_fake
def _(_output: Tensor, _bias: Tensor, residual: Tensor, *_others: object) -> Tensor:
    return torch.empty_like(residual)


@torch.library.custom_op("bionemo::add_backward", mutates_args=())
def _add_backward(
    gradient: Tensor, bias: Tensor, seed: Tensor, share: float, site: int, first_row: int
) -> tuple[Tensor, Tensor]:
    gradient, found = gradient.contiguous(), torch.empty_like(gradient, dtype=bias.dtype)
    rows, width = gradient.numel() // len(bias), len(bias)
    shape = _shape(width)
    sums = gradient.new_empty((min(triton.cdiv(rows, shape["ROWS"]), PROGRAMS), width), dtype=torch.float32)
    differentiate_rows[(len(sums),)](
        gradient, None, None, None, None, seed, None, found, sums, rows, site, first_row, **shape, **_dropping(share)
    )
    return found, column_sums(sums, bias.dtype)


@_add_backward.register_fake
def _(gradient: Tensor, bias: Tensor, *_others: object) -> tuple[Tensor, Tensor]:
    return torch.empty_like(gradient, dtype=bias.dtype), torch.empty_like(bias)


def _remember_add(ctx: torch.autograd.function.FunctionCtx, inputs: tuple[object, ...], output: Tensor) -> None:  # noqa: ARG001 - torch's signature
    _, bias, _, seed, *ctx.settings = inputs  # type: ignore[attr-defined]  # as torch's documentation does
    ctx.save_for_backward(bias, seed)  # type: ignore[arg-type]  # both are tensors, or the seed is None


def _differentiate_add(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
    bias, seed = ctx.saved_tensors  # type: ignore[attr-defined]  # see above
    share, *place = ctx.settings  # type: ignore[attr-defined]  # see above
    if share:
        of_output, of_bias = torch.ops.bionemo.add_backward(gradient, bias, seed, share, *place)
    else:
        of_output, of_bias = gradient.to(bias.dtype), gradient.flatten(0, -2).sum(0, dtype=torch.float32).to(bias.dtype)
    return of_output, of_bias, gradient, None, None, None, None


_add.register_autograd(_differentiate_add, setup_context=_remember_add)


@torch.library.custom_op("bionemo::add_and_normalise", mutates_args=())
def _add_and_normalise(
    output: Tensor, bias: Tensor, residual: Tensor, weight: Tensor, shift: Tensor, seed: Tensor | None,
    share: float, site: int, first_row: int, eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    stream, normed = torch.empty_like(residual), torch.empty_like(residual, dtype=weight.dtype)
    rows, width = output.numel() // len(bias), len(bias)
    statistics = residual.new_empty((2, rows), dtype=torch.float32)
    shape = _shape(width)
    add_rows[(triton.cdiv(rows, shape["ROWS"]),)](
        output, bias, residual, weight, shift, seed, stream, normed, statistics, rows, site, first_row, eps,
        **shape, **_dropping(share),
    )  # fmt: skip
    return stream, normed, statistics


@_add_and_normalise.register_fake
def _(
    output: Tensor, bias: Tensor, residual: Tensor, weight: Tensor, *_others: object
) -> tuple[Tensor, Tensor, Tensor]:
    statistics = residual.new_empty((2, output.numel() // len(bias)), dtype=torch.float32)
    return torch.empty_like(residual), torch.empty_like(residual, dtype=weight.dtype), statistics


@torch.library.custom_op("bionemo::add_and_normalise_backward", mutates_args=())
def _add_and_normalise_backward(
    gradient: Tensor, normed_gradient: Tensor, stream: Tensor, statistics: Tensor, weight: Tensor, seed: Tensor | None,
    share: float, site: int, first_row: int,
) -> list[Tensor]:  # fmt: skip
    """Gradients of bias, weight and shift [3, H], of the residual and, where some of it is dropped, of the output."""
    gradient, normed_gradient = gradient.contiguous(), normed_gradient.contiguous()
    of_residual = torch.empty_like(stream)
    of_output = torch.empty_like(stream, dtype=weight.dtype) if share else None
    rows, width = stream.numel() // len(weight), len(weight)
    shape = _shape(width)
    sums = stream.new_empty((min(triton.cdiv(rows, shape["ROWS"]), PROGRAMS), 3, width), dtype=torch.float32)
    differentiate_rows[(len(sums),)](
        gradient, normed_gradient, stream, statistics, weight, seed, of_residual, of_output, sums, rows, site, first_row,
        **shape, **_dropping(share),
    )  # fmt: skip
    return [column_sums(sums, weight.dtype), of_residual, *([] if of_output is None else [of_output])]


@_add_and_normalise_backward.register_fake
def _(
    _gradient: Tensor, _normed_gradient: Tensor, stream: Tensor, _statistics: Tensor, weight: Tensor, _seed: Tensor | None,
    share: float, *_others: object,
) -> list[Tensor]:  # fmt: skip
    of_output = [torch.empty_like(stream, dtype=weight.dtype)] if share else []
    return [weight.new_empty((3, len(weight))), torch.empty_like(stream), *of_output]


def _remember(
    ctx: torch.autograd.function.FunctionCtx, inputs: tuple[object, ...], output: tuple[Tensor, Tensor, Tensor]
) -> None:
    _, _, _, weight, _, seed, *settings, _ = inputs
    stream, _, statistics = output
    ctx.save_for_backward(stream, statistics, weight, seed)  # type: ignore[arg-type]  # tensors, or the seed is None
    ctx.settings = settings  # type: ignore[attr-defined]  # as torch's documentation does


def _differentiate(
    ctx: torch.autograd.function.FunctionCtx, gradient: Tensor, normed_gradient: Tensor, _of_statistics: Tensor
) -> tuple[Tensor | None, ...]:
    found: list[Tensor]
    found = torch.ops.bionemo.add_and_normalise_backward(
        gradient, normed_gradient, *ctx.saved_tensors, *ctx.settings  # type: ignore[attr-defined]  # see above
    )  # fmt: skip
    sums, of_residual, *of_output = found
    of_bias, of_weight, of_shift = sums.unbind()
    of_output_TH = of_output[0] if of_output else of_residual.to(sums.dtype)
    return of_output_TH, of_bias, of_residual, of_weight, of_shift, None, None, None, None, None


_add_and_normalise.register_autograd(_differentiate, setup_context=_remember)


def _shape(width: int) -> dict[str, int]:
    """How a program holds features."""
    filled = triton.next_power_of_2(width)
    rows = max(min(MOST_ROWS, TILE // filled), 1)
    return {"WIDTH": width, "FILLED": filled, "ROWS": rows, "num_warps": max(rows * filled // FEATURES_PER_WARP, 1)}


def _dropping(share: float) -> dict[str, float]:
    return {"THRESHOLD": threshold_of(share), "KEPT_SCALE": 1.0 / (1.0 - share)}


@triton.jit(do_not_specialize=["rows", "site", "first_row"])
def add_rows(
    output, bias, residual, weight, shift, seed, stream, normed, statistics, rows, site, first_row, eps,
    WIDTH: tl.constexpr, FILLED: tl.constexpr, ROWS: tl.constexpr, THRESHOLD: tl.constexpr, KEPT_SCALE: tl.constexpr,
):  # fmt: skip
    """Some tokens after a block, and where there is a norm, normalised, with its means and inverse deviations [2, T]."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    column = tl.arange(0, FILLED)
    is_column = column < WIDTH
    is_real = (row < rows)[:, None] & is_column[None, :]
    places = row.to(tl.int64)[:, None] * WIDTH + column[None, :]
    bias_F = tl.load(bias + column, mask=is_column, other=0.0).to(tl.float32)
    added_RF = tl.load(output + places, mask=is_real, other=0.0).to(tl.float32) + bias_F[None, :]
    if THRESHOLD > 0:
        bits_R = row_bits(seed, site, first_row + row, THRESHOLD)
        added_RF = tl.where(is_kept(bits_R[:, None], column[None, :], THRESHOLD), added_RF * KEPT_SCALE, 0.0)
    stream_RF = tl.load(residual + places, mask=is_real, other=0.0).to(tl.float32) + added_RF
    stored_RF = stream_RF.to(stream.dtype.element_ty)
    tl.store(stream + places, stored_RF, mask=is_real)
    if normed is not None:
        stream_RF = tl.where(is_real, stored_RF.to(tl.float32), 0.0)  # as the backward pass reads it
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
    gradient, normed_gradient, stream, statistics, weight, seed, of_residual, of_output, sums, rows, site, first_row,
    WIDTH: tl.constexpr, FILLED: tl.constexpr, ROWS: tl.constexpr, THRESHOLD: tl.constexpr, KEPT_SCALE: tl.constexpr,
):  # fmt: skip
    """Gradients of every so manieth tile of tokens, and their sums for bias and, where there is a norm, weight and shift."""
    column = tl.arange(0, FILLED)
    is_column = column < WIDTH
    of_bias_RF = tl.zeros([ROWS, FILLED], tl.float32)
    if normed_gradient is not None:
        of_weight_RF = tl.zeros([ROWS, FILLED], tl.float32)
        of_shift_RF = tl.zeros([ROWS, FILLED], tl.float32)
        weight_F = tl.load(weight + column, mask=is_column, other=0.0).to(tl.float32)
    for first in range(tl.program_id(0) * ROWS, rows, tl.num_programs(0) * ROWS):
        row = first + tl.arange(0, ROWS)
        is_real = (row < rows)[:, None] & is_column[None, :]
        places = row.to(tl.int64)[:, None] * WIDTH + column[None, :]
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
            tl.store(of_residual + places, found_RF.to(of_residual.dtype.element_ty), mask=is_real)
        if of_output is not None:
            bits_R = row_bits(seed, site, first_row + row, THRESHOLD)
            found_RF = tl.where(is_kept(bits_R[:, None], column[None, :], THRESHOLD), found_RF * KEPT_SCALE, 0.0)
            tl.store(of_output + places, found_RF.to(of_output.dtype.element_ty), mask=is_real)
        of_bias_RF += found_RF
    if normed_gradient is not None:
        sums_here = sums + tl.program_id(0).to(tl.int64) * 3 * WIDTH + column
        tl.store(sums_here, tl.sum(of_bias_RF, 0), mask=is_column)
        tl.store(sums_here + WIDTH, tl.sum(of_weight_RF, 0), mask=is_column)
        tl.store(sums_here + 2 * WIDTH, tl.sum(of_shift_RF, 0), mask=is_column)
    else:
        tl.store(sums + tl.program_id(0).to(tl.int64) * WIDTH + column, tl.sum(of_bias_RF, 0), mask=is_column)
