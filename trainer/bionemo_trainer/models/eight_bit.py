"""Products of matrices in 8-bit floats, for the projections of layers: `trainer.precision` fp8-mixed. Called by the engine.

Every row is rounded to e4m3 (1 sign, 4 exponent and 3 mantissa bits: Micikevicius et al., "FP8 formats for deep learning", 2022) with
a scale of its own, under which its largest value is the largest that the format has. So one outlier coarsens its token or its feature
alone. A product's gradient with respect to its inputs is made so too, that with respect to its weights in 16 bit, since it sums over
all tokens and small terms count there.

A weight is rounded once per step. The gradient's product sums over the weight's rows, so their scales are multiplied into the
gradient before that is rounded, and the very same 8-bit values serve, transposed. Shapes: T tokens, K features in, N features out.
"""

import torch
from torch import Tensor, nn

from bionemo_trainer.errors import ConfigError, Problem
from bionemo_trainer.models.kernel_support import can_launch_on
from bionemo_trainer.models.projections import ColumnLinear, RowLinear

EIGHT_BIT = torch.float8_e4m3fn
"""e4m3 without infinities."""
LARGEST = torch.finfo(EIGHT_BIT).max
"""Its largest number, 448."""
SMALLEST_MAXIMUM = 1e-30
"""Taken for the largest value of a row that is smaller, for instance of one without any but zeros; its inverse is a 32-bit number."""
FIRST_CAPABILITY = (9, 0)
"""Of CUDA devices whose products take a scale per row: Hopper's."""


class EightBitWeight:
    """A projection's weight as its products read it in training, and what multiplies with it."""

    def __init__(self, weight_NK: nn.Parameter) -> None:
        self._weight_NK = weight_NK
        self.values_NK = torch.empty_like(weight_NK, dtype=EIGHT_BIT, requires_grad=False)
        self.transposed_KN = self.values_NK.new_empty(weight_NK.shape[::-1])
        self.scales_N1 = torch.empty(len(weight_NK), 1, dtype=torch.float32, device=weight_NK.device)
        self.ones_K1 = torch.ones(weight_NK.shape[1], 1, dtype=torch.float32, device=weight_NK.device)
        self.refresh()

    @torch.no_grad()
    def refresh(self) -> None:
        """Rounds the weight as it is now, in place: recorded graphs read from there."""
        round_into(self._weight_NK, self.values_NK, self.scales_N1)
        transpose_into(self.values_NK, self.transposed_KN)

    def __call__(self, inputs: Tensor, weight_NK: Tensor, bias_N: Tensor | None = None) -> Tensor:
        """`inputs` [..., K] times the weight's transpose, plus the bias, in 16 bit [..., N].

        K and N are multiples of 16. What is not contiguous is copied.

        Args:
            inputs: In 16 bit.
            weight_NK: What gets the gradient; its numbers are those of the last `refresh`.
            bias_N: In 16 bit.
        """
        found: Tensor = torch.ops.bionemo.eight_bit_linear(
            inputs.flatten(0, -2),
            weight_NK,
            bias_N,
            self.values_NK,
            self.scales_N1,
            self.transposed_KN,
            self.ones_K1,
        )
        return found.view(*inputs.shape[:-1], len(weight_NK))


def multiply_in_eight_bit(network: nn.Module) -> list[EightBitWeight]:
    """Lets the projections of all layers multiply so while they are trained; their weights are to be refreshed before every step."""
    weights = []
    for projection in network.modules():
        if isinstance(projection, ColumnLinear | RowLinear):
            projection.multiply = EightBitWeight(projection.weight)
            weights.append(projection.multiply)
    return weights


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


@torch.library.custom_op("bionemo::eight_bit_linear", mutates_args=())
def _forward(
    inputs_TK: Tensor, _weight_NK: Tensor, bias_N: Tensor | None,
    values_NK: Tensor, scales_N1: Tensor, _transposed_KN: Tensor, _ones_K1: Tensor,
) -> Tensor:  # fmt: skip
    return product(inputs_TK, values_NK, scales_N1, bias_N)


@_forward.register_fake
def _(inputs_TK: Tensor, weight_NK: Tensor, *_others: object) -> Tensor:
    return inputs_TK.new_empty((inputs_TK.shape[0], weight_NK.shape[0]))


@torch.library.custom_op("bionemo::eight_bit_linear_backward", mutates_args=())
def _backward(gradient_TN: Tensor, scales_N1: Tensor, transposed_KN: Tensor, ones_K1: Tensor) -> Tensor:
    """With respect to the inputs [T, K]."""
    return product(gradient_TN, transposed_KN, ones_K1, factors_K1=scales_N1)


@_backward.register_fake
def _(gradient_TN: Tensor, _scales_N1: Tensor, transposed_KN: Tensor, _ones_K1: Tensor) -> Tensor:
    return gradient_TN.new_empty((gradient_TN.shape[0], transposed_KN.shape[0]))


def _remember(ctx: torch.autograd.function.FunctionCtx, inputs: tuple[Tensor | None, ...], output: Tensor) -> None:
    del output
    inputs_TK, _, bias_N, _, *for_gradient = inputs
    ctx.save_for_backward(inputs_TK, *for_gradient)  # type: ignore[arg-type]  # only the bias may be missing
    ctx.has_bias = bias_N is not None  # type: ignore[attr-defined]  # as torch's own documentation does


def _differentiate(ctx: torch.autograd.function.FunctionCtx, gradient_TN: Tensor) -> tuple[Tensor | None, ...]:
    inputs_TK, *for_gradient = ctx.saved_tensors  # type: ignore[attr-defined]  # see above
    return (
        torch.ops.bionemo.eight_bit_linear_backward(gradient_TN, *for_gradient),
        gradient_TN.t() @ inputs_TK,
        gradient_TN.sum(0) if ctx.has_bias else None,  # type: ignore[attr-defined]  # see above
        *(None,) * 4,
    )


_forward.register_autograd(_differentiate, setup_context=_remember)


def product(
    left_TK: Tensor,
    right_NK: Tensor,
    scales_N1: Tensor,
    bias_N: Tensor | None = None,
    *,
    factors_K1: Tensor | None = None,
) -> Tensor:
    """`left`, rounded to 8 bit by rows, times the transpose of `right`, which is rounded already, in left's precision [T, N].

    Args:
        left_TK: In 16 bit.
        right_NK: In 8 bit.
        scales_N1: What multiplies the rows of `right` back, 32 bit.
        bias_N: In left's precision.
        factors_K1: Multiplied into the columns of `left` before they are rounded, 32 bit.
    """
    if not len(left_TK):
        return left_TK.new_empty((0, len(right_NK)))  # torch's product takes no empty ones
    left_TK = left_TK.contiguous()
    left, left_scales_T1 = torch.empty_like(left_TK, dtype=EIGHT_BIT), scales_N1.new_empty((len(left_TK), 1))
    round_into(left_TK, left, left_scales_T1, factors_K1)
    found: Tensor = torch._scaled_mm(  # noqa: SLF001 - the public function of newer torch is not there in 2.11
        left, right_NK.t(), scale_a=left_scales_T1, scale_b=scales_N1.t(), bias=bias_N, out_dtype=left_TK.dtype
    )
    return found


def round_into(rows_MK: Tensor, values_MK: Tensor, scales_M1: Tensor, factors_K1: Tensor | None = None) -> None:
    """Writes 8-bit values, and what multiplies a row back, 32 bit.

    Args:
        rows_MK: Contiguous, in 16 bit.
        values_MK: Contiguous, for the values.
        scales_M1: For the other factors.
        factors_K1: Multiplied into the columns first, 32 bit.
    """
    if can_launch_on(rows_MK):
        from bionemo_trainer.kernels.eight_bit_rows import round_rows_into  # noqa: PLC0415 - Triton comes with CUDA

        round_rows_into(rows_MK, values_MK, scales_M1, factors_K1, SMALLEST_MAXIMUM)
        return
    exact_MK = rows_MK.float() if factors_K1 is None else rows_MK.float() * factors_K1.t()
    largest_M1 = exact_MK.abs().amax(dim=1, keepdim=True).clamp(min=SMALLEST_MAXIMUM)
    inverse_M1 = largest_M1.new_tensor(LARGEST) / largest_M1  # of a number, torch would multiply the rounded reciprocal
    values_MK.copy_(exact_MK * inverse_M1)
    scales_M1.copy_(largest_M1 / LARGEST)


def transpose_into(values_MK: Tensor, transposed_KM: Tensor) -> None:
    """Writes a matrix in 8 bit, transposed; both are contiguous."""
    if can_launch_on(values_MK):
        from bionemo_trainer.kernels import eight_bit_rows  # noqa: PLC0415 - Triton comes with CUDA

        eight_bit_rows.transpose_into(values_MK, transposed_KM)
        return
    transposed_KM.view(torch.uint8).copy_(values_MK.view(torch.uint8).t())
