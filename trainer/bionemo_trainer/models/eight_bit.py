"""Products of matrices in 8-bit floats, for the projections of layers: `trainer.precision` fp8-mixed. Called by the engine.

Every row is rounded to e4m3 (1 sign, 4 exponent and 3 mantissa bits: Micikevicius et al., "FP8 formats for deep learning", 2022) with
a scale of its own, under which its largest value is the largest that the format has. So one outlier coarsens its token or its feature
alone. A product's gradient with respect to its inputs is made so too, that with respect to its weights in 16 bit, since it sums over
all tokens and small terms count there. Shapes: T tokens, K features in, N features out.
"""

import torch
from torch import Tensor, nn

from bionemo_trainer.errors import ConfigError, Problem
from bionemo_trainer.models.kernel_support import triton_works
from bionemo_trainer.models.projections import ColumnLinear, RowLinear

EIGHT_BIT = torch.float8_e4m3fn
"""e4m3 without infinities."""
LARGEST = torch.finfo(EIGHT_BIT).max
"""Its largest number, 448."""
SMALLEST_MAXIMUM = 1e-12
"""Taken for the largest value of a row that is smaller, for instance of one without any but zeros."""
FIRST_CAPABILITY = (9, 0)
"""Of CUDA devices whose products take a scale per row: Hopper's."""


def multiply_in_eight_bit(network: nn.Module) -> int:
    """Lets the projections of all layers multiply so while they are trained; returns how many there are."""
    projections = [module for module in network.modules() if isinstance(module, ColumnLinear | RowLinear)]
    for projection in projections:
        projection.multiply = eight_bit_linear
    return len(projections)


def refuse_without_eight_bit(capability: tuple[int, int], device_name: str) -> None:
    """Stops a training that its GPU can't run.

    Raises:
        ConfigError: The GPU is older than those whose products take a scale per row.
    """
    if capability < FIRST_CAPABILITY:
        problem = Problem(
            field="trainer.precision",
            value="fp8-mixed",
            rule=f"needs a GPU of compute capability {'.'.join(map(str, FIRST_CAPABILITY))} or newer, such as an H100, "
            f"and {device_name} has {'.'.join(map(str, capability))}",
            mend="set it to bf16-mixed",
        )
        raise ConfigError([problem])


def eight_bit_linear(inputs: Tensor, weight_NK: Tensor, bias_N: Tensor | None = None) -> Tensor:
    """`inputs` [..., K] times the weight's transpose, plus the bias, in 16 bit [..., N].

    K and N are multiples of 16. What is not contiguous is copied.
    """
    found: Tensor = torch.ops.bionemo.eight_bit_linear(inputs.flatten(0, -2), weight_NK, bias_N)
    return found.view(*inputs.shape[:-1], len(weight_NK))


@torch.library.custom_op("bionemo::eight_bit_linear", mutates_args=())
def _forward(inputs_TK: Tensor, weight_NK: Tensor, bias_N: Tensor | None) -> Tensor:
    return product(inputs_TK, weight_NK, bias_N)


@_forward.register_fake
def _(inputs_TK: Tensor, weight_NK: Tensor, _bias_N: Tensor | None) -> Tensor:
    return inputs_TK.new_empty((inputs_TK.shape[0], weight_NK.shape[0]))


@torch.library.custom_op("bionemo::eight_bit_linear_backward", mutates_args=())
def _backward(gradient_TN: Tensor, weight_NK: Tensor) -> Tensor:
    """With respect to the inputs [T, K]."""
    return product(gradient_TN, weight_NK.t())


@_backward.register_fake
def _(gradient_TN: Tensor, weight_NK: Tensor) -> Tensor:
    return gradient_TN.new_empty((gradient_TN.shape[0], weight_NK.shape[1]))


def _remember(
    ctx: torch.autograd.function.FunctionCtx, inputs: tuple[Tensor, Tensor, Tensor | None], output: Tensor
) -> None:
    del output
    ctx.save_for_backward(*inputs[:2])
    ctx.has_bias = inputs[2] is not None  # type: ignore[attr-defined]  # as torch's own documentation does


def _differentiate(
    ctx: torch.autograd.function.FunctionCtx, gradient_TN: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    inputs_TK, weight_NK = ctx.saved_tensors  # type: ignore[attr-defined]  # see above
    bias_gradient_N = gradient_TN.sum(0) if ctx.has_bias else None  # type: ignore[attr-defined]  # see above
    return (
        torch.ops.bionemo.eight_bit_linear_backward(gradient_TN, weight_NK),
        gradient_TN.t() @ inputs_TK,
        bias_gradient_N,
    )


_forward.register_autograd(_differentiate, setup_context=_remember)


def product(left_TK: Tensor, right_NK: Tensor, bias_N: Tensor | None = None) -> Tensor:
    """`left` times the transpose of `right`, of which both are rounded to 8 bit by rows, in their own precision [T, N]."""
    if not len(left_TK):
        return left_TK.new_empty((0, len(right_NK)))  # torch's product takes no empty ones
    (left, left_scales), (right, right_scales) = rounded(left_TK.contiguous()), rounded(right_NK.contiguous())
    found: Tensor = torch._scaled_mm(  # noqa: SLF001 - the public function of newer torch is not there in 2.11
        left, right.t(), scale_a=left_scales, scale_b=right_scales.t(), bias=bias_N, out_dtype=left_TK.dtype
    )
    return found


def rounded(rows_MK: Tensor) -> tuple[Tensor, Tensor]:
    """8-bit values, and what multiplies a row back, 32 bit [M, 1]; `rows` are contiguous."""
    if rows_MK.is_cuda and triton_works():
        from bionemo_trainer.kernels.eight_bit_rows import rounded_rows  # noqa: PLC0415 - Triton comes with CUDA

        return rounded_rows(rows_MK, EIGHT_BIT, SMALLEST_MAXIMUM)
    largest_M1 = rows_MK.abs().amax(dim=1, keepdim=True).float().clamp(min=SMALLEST_MAXIMUM)
    return (rows_MK.float() * (LARGEST / largest_M1)).to(EIGHT_BIT), largest_M1 / LARGEST
