"""Some rows of a tensor, as an operator of torch. Called by the layer that only some tokens pass whole, compiled and not.

The compiler would take its gradient apart into a sum that it has no atomic addition for in 16 bit, and sort the rows instead.
"""

import torch
from torch import Tensor


def selected(whole: Tensor, places_N: Tensor) -> Tensor:
    """Those at some indexes, which may repeat: [T, ...] to [N, ...].

    Args:
        whole: Of any precision.
        places_N: Below T, 64 bit.
    """
    rows: Tensor = torch.ops.bionemo.select_rows(whole, places_N)
    return rows


@torch.library.custom_op("bionemo::select_rows", mutates_args=())
def _forward(whole: Tensor, places_N: Tensor) -> Tensor:
    return whole.index_select(0, places_N)


@_forward.register_fake
def _(whole: Tensor, places_N: Tensor) -> Tensor:
    return whole.new_empty((places_N.shape[0], *whole.shape[1:]))


@torch.library.custom_op("bionemo::select_rows_backward", mutates_args=())
def _backward(gradient: Tensor, places_N: Tensor, count: int) -> Tensor:
    """With respect to all rows."""
    return gradient.new_zeros((count, *gradient.shape[1:])).index_add_(0, places_N, gradient)


@_backward.register_fake
def _(gradient: Tensor, _places_N: Tensor, count: int) -> Tensor:
    return gradient.new_empty((count, *gradient.shape[1:]))


def _remember(ctx: torch.autograd.function.FunctionCtx, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:  # noqa: ARG001 - torch's signature
    whole, places_N = inputs
    ctx.save_for_backward(places_N)
    ctx.count = whole.shape[0]  # type: ignore[attr-defined]  # as torch's own documentation does


def _differentiate(ctx: torch.autograd.function.FunctionCtx, gradient: Tensor) -> tuple[Tensor, None]:
    (places_N,) = ctx.saved_tensors  # type: ignore[attr-defined]  # see above
    return torch.ops.bionemo.select_rows_backward(gradient, places_N, ctx.count), None  # type: ignore[attr-defined]  # see above


_forward.register_autograd(_differentiate, setup_context=_remember)
