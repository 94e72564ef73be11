"""What a block adds to the residual stream, with its bias and dropout, and the layer norm that follows: operators of torch, in Triton.

Called by `models.residual` on GPUs. Forward is one pass, and backward another, which also sums the gradients of bias, weight and shift; the
compiler reads its inputs once more for every sum. Dropout stores no mask: see `dropout`. Shapes: T tokens, H features of the stream;
dimensions of a tensor before its last count as one.
"""

import torch
import triton
from torch import Tensor

from bionemo_trainer.kernels.residual_rows import add_rows, differentiate, dropping
from bionemo_trainer.kernels.row_tiles import shape_for


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
    rows, shape = output.numel() // len(bias), shape_for(len(bias))
    add_rows[(triton.cdiv(rows, shape["ROWS"]),)](
        output, bias, residual, None, None, seed, stream, None, None, rows, site, first_row, 0.0,
        **shape, **dropping(share),
    )  # fmt: skip
    return stream


@_add.register_fake
def _(_output: Tensor, _bias: Tensor, residual: Tensor, *_others: object) -> Tensor:
    return torch.empty_like(residual)


@torch.library.custom_op("bionemo::add_backward", mutates_args=())
def _add_backward(
    gradient: Tensor, bias: Tensor, seed: Tensor, share: float, site: int, first_row: int
) -> tuple[Tensor, Tensor]:
    """Gradients of the output, and of the bias [1, H]."""
    found = gradient.new_empty(gradient.shape, dtype=bias.dtype)
    sums = differentiate(
        gradient.contiguous(), None, None, None, bias, seed, None, found, share=share, site=site, first_row=first_row
    )
    return found, sums


@_add_backward.register_fake
def _(gradient: Tensor, bias: Tensor, *_others: object) -> tuple[Tensor, Tensor]:
    return gradient.new_empty(gradient.shape, dtype=bias.dtype), bias.new_empty((1, len(bias)))


def _remember_add(ctx: torch.autograd.function.FunctionCtx, inputs: tuple[object, ...], output: Tensor) -> None:  # noqa: ARG001 - torch's signature
    _, bias, _, seed, *ctx.settings = inputs  # type: ignore[attr-defined]  # as torch's documentation does
    ctx.save_for_backward(bias, seed)  # type: ignore[arg-type]  # both are tensors, or the seed is None


def _differentiate_add(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor | None, ...]:
    bias, seed = ctx.saved_tensors  # type: ignore[attr-defined]  # see above
    share, *place = ctx.settings  # type: ignore[attr-defined]  # see above
    if share:
        of_output, sums = torch.ops.bionemo.add_backward(gradient, bias, seed, share, *place)
    else:
        of_output = gradient.to(bias.dtype)
        sums = gradient.flatten(0, -2).sum(0, keepdim=True, dtype=torch.float32).to(bias.dtype)
    return of_output, sums[0], gradient, None, None, None, None


_add.register_autograd(_differentiate_add, setup_context=_remember_add)


@torch.library.custom_op("bionemo::add_and_normalise", mutates_args=())
def _add_and_normalise(
    output: Tensor, bias: Tensor, residual: Tensor, weight: Tensor, shift: Tensor, seed: Tensor | None,
    share: float, site: int, first_row: int, eps: float,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    stream, normed = torch.empty_like(residual), torch.empty_like(residual, dtype=weight.dtype)
    rows, shape = output.numel() // len(bias), shape_for(len(bias))
    statistics = residual.new_empty((2, rows), dtype=torch.float32)
    add_rows[(triton.cdiv(rows, shape["ROWS"]),)](
        output, bias, residual, weight, shift, seed, stream, normed, statistics, rows, site, first_row, eps,
        **shape, **dropping(share),
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
    """Gradients of weight, shift and bias [3, H], of the residual and, where some of it is dropped, of the output."""
    of_residual = torch.empty_like(stream)
    of_output = torch.empty_like(stream, dtype=weight.dtype) if share else None
    sums = differentiate(
        gradient.contiguous(), normed_gradient.contiguous(), stream, statistics, weight, seed, of_residual, of_output,
        share=share, site=site, first_row=first_row,
    )  # fmt: skip
    return [sums, of_residual, *([] if of_output is None else [of_output])]


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
    of_weight, of_shift, of_bias = sums.unbind()
    of_output_TH = of_output[0] if of_output else of_residual.to(sums.dtype)
    return of_output_TH, of_bias, of_residual, of_weight, of_shift, None, None, None, None, None


_add_and_normalise.register_autograd(_differentiate, setup_context=_remember)
