"""Cross entropy as an operator of torch, in Triton: logits are read once forward, and once backward. Called by `models.losses` on GPUs.

Shapes: N targets, V logits of each.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from bionemo_trainer.kernels.row_tiles import shape_for


def cross_entropy(logits_NV: Tensor, ids_N: Tensor) -> Tensor:
    """Negative log-likelihoods in nats, computed in 32 bit [N].

    Args:
        logits_NV: Contiguous; -inf where there is no probability.
        ids_N: What is right, contiguous; where it is negative the loss is 0, and so is its gradient.
    """
    losses: Tensor
    losses, _ = torch.ops.bionemo.cross_entropy(logits_NV, ids_N)
    return losses


@torch.library.custom_op("bionemo::cross_entropy", mutates_args=())
def _forward(logits: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
    rows, width = logits.shape
    losses, log_sums = (logits.new_empty(rows, dtype=torch.float32) for _ in range(2))
    shape = shape_for(width)
    lose_rows[(triton.cdiv(rows, shape["ROWS"]),)](logits, ids, losses, log_sums, rows, **shape)
    return losses, log_sums


@torch.library.custom_op("bionemo::cross_entropy_backward", mutates_args=())
def _backward(gradient: Tensor, logits: Tensor, ids: Tensor, log_sums: Tensor) -> Tensor:
    found = torch.empty_like(logits)
    rows, width = logits.shape
    shape = shape_for(width)
    differentiate_losses[(triton.cdiv(rows, shape["ROWS"]),)](
        gradient.contiguous(), logits, ids, log_sums, found, rows, **shape
    )
    return found


def _remember(
    ctx: torch.autograd.function.FunctionCtx, inputs: tuple[Tensor, Tensor], output: tuple[Tensor, Tensor]
) -> None:
    ctx.save_for_backward(*inputs, output[1])


def _differentiate(
    ctx: torch.autograd.function.FunctionCtx, gradient: Tensor, _of_log_sums: Tensor
) -> tuple[Tensor, None]:
    return torch.ops.bionemo.cross_entropy_backward(gradient, *ctx.saved_tensors), None  # type: ignore[attr-defined]  # as torch's documentation does


_forward.register_autograd(_differentiate, setup_context=_remember)


@triton.jit
def logits_of(logits, ids, row, count, WIDTH: tl.constexpr, FILLED: tl.constexpr):
    """Logits of some targets in 32 bit, their ids, and where the logits stand and are right."""
    column = tl.arange(0, FILLED)
    is_real = (row < count)[:, None] & (column < WIDTH)[None, :]
    places = row.to(tl.int64)[:, None] * WIDTH + column[None, :]
    id_R = tl.load(ids + row, mask=row < count, other=-1)
    logits_RV = tl.load(logits + places, mask=is_real, other=-float("inf")).to(tl.float32)
    return logits_RV, id_R, places, is_real, column[None, :] == id_R[:, None]


@triton.jit(do_not_specialize=["count"])
def lose_rows(
    logits, ids, losses, log_sums, count, WIDTH: tl.constexpr, FILLED: tl.constexpr, ROWS: tl.constexpr
):  # fmt: skip
    """Losses of a tile of targets, and the logarithms of their softmax sums."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    logits_RV, id_R, _, _, is_right = logits_of(logits, ids, row, count, WIDTH, FILLED)
    largest_R = tl.where(row < count, tl.max(logits_RV, 1), 0.0)
    log_sum_R = largest_R + tl.log(tl.sum(tl.exp(logits_RV - largest_R[:, None]), 1))
    right_R = tl.sum(tl.where(is_right, logits_RV, 0.0), 1)
    tl.store(losses + row, tl.where(id_R < 0, 0.0, log_sum_R - right_R), mask=row < count)
    tl.store(log_sums + row, log_sum_R, mask=row < count)


@triton.jit(do_not_specialize=["count"])
def differentiate_losses(
    gradient, logits, ids, log_sums, found, count, WIDTH: tl.constexpr, FILLED: tl.constexpr, ROWS: tl.constexpr
):  # fmt: skip
    """Gradients of the logits of a tile of targets."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    logits_RV, id_R, places, is_real, is_right = logits_of(logits, ids, row, count, WIDTH, FILLED)
    gradient_R = tl.where(id_R < 0, 0.0, tl.load(gradient + row, mask=row < count, other=0.0))
    log_sum_R = tl.load(log_sums + row, mask=row < count, other=0.0)
    weights_RV = tl.exp(logits_RV - log_sum_R[:, None]) - is_right.to(tl.float32)
    tl.store(found + places, (weights_RV * gradient_R[:, None]).to(found.dtype.element_ty), mask=is_real)
