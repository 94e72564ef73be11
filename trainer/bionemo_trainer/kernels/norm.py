"""Layer norm as an operator of torch, in Triton: one pass forward, and one backward with the sums for its weight and shift.

Called by `models.norm` on GPUs. Shapes: T tokens, H features; dimensions before the last count as one.
"""

import torch
import triton
from torch import Tensor

from bionemo_trainer.kernels.residual_rows import add_rows, differentiate, dropping
from bionemo_trainer.kernels.row_tiles import shape_for


def layer_norm(stream_TH: Tensor, weight_H: Tensor, shift_H: Tensor, *, eps: float) -> Tensor:
    """The tokens, normalised in 32 bit, in the precision of the weight [T, H].

    Args:
        stream_TH: Contiguous; it may be more precise than the weight.
        weight_H: What the normalised features are multiplied by.
        shift_H: What is added to them.
        eps: Added to the variance of a token's features.
    """
    normed: Tensor
    normed, _ = torch.ops.bionemo.layer_norm(stream_TH, weight_H, shift_H, eps)
    return normed


@torch.library.custom_op("bionemo::layer_norm", mutates_args=())
def _forward(stream: Tensor, weight: Tensor, shift: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    normed = torch.empty_like(stream, dtype=weight.dtype)
    rows, shape = stream.numel() // len(weight), shape_for(len(weight))
    statistics = stream.new_empty((2, rows), dtype=torch.float32)
    add_rows[(triton.cdiv(rows, shape["ROWS"]),)](
        None, None, stream, weight, shift, None, None, normed, statistics, rows, 0, 0, eps, **shape, **dropping(0.0)
    )
    return normed, statistics


@_forward.register_fake
def _(stream: Tensor, weight: Tensor, _shift: Tensor, _eps: float) -> tuple[Tensor, Tensor]:
    statistics = stream.new_empty((2, stream.numel() // len(weight)), dtype=torch.float32)
    return torch.empty_like(stream, dtype=weight.dtype), statistics


@torch.library.custom_op("bionemo::layer_norm_backward", mutates_args=())
def _backward(gradient: Tensor, stream: Tensor, statistics: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of the stream, and of weight and shift [2, H]."""
    found = torch.empty_like(stream)
    return found, differentiate(None, gradient.contiguous(), stream, statistics, weight, None, found, None)


@_backward.register_fake
def _(_gradient: Tensor, stream: Tensor, _statistics: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    return torch.empty_like(stream), weight.new_empty((2, len(weight)))


def _remember(
    ctx: torch.autograd.function.FunctionCtx,
    inputs: tuple[Tensor, Tensor, Tensor, float],
    output: tuple[Tensor, Tensor],
) -> None:
    stream, weight, _, _ = inputs
    ctx.save_for_backward(stream, output[1], weight)


def _differentiate(
    ctx: torch.autograd.function.FunctionCtx, gradient: Tensor, _of_statistics: Tensor
) -> tuple[Tensor | None, ...]:
    of_stream, sums = torch.ops.bionemo.layer_norm_backward(gradient, *ctx.saved_tensors)  # type: ignore[attr-defined]  # as torch's documentation does
    return of_stream, *sums.unbind(), None


_forward.register_autograd(_differentiate, setup_context=_remember)
