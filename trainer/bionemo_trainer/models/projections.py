"""The products of matrices of all blocks, as submodules for megatron-core's layer. Called by `layers` and `attention_layers`.

A rank that holds layers whole multiplies by torch's own function, which adds a bias while it multiplies and is compiled with what is
around it, or by what `eight_bit` puts in its place; megatron-core's communicates between ranks, and adds in a pass of its own.
"""

from collections.abc import Callable

from megatron.core.tensor_parallel import ColumnParallelLinear, RowParallelLinear
from torch import Tensor
from torch.nn import functional

type Multiply = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""Inputs [..., K], a weight [N, K] and perhaps a bias [N] to outputs [..., N]."""


class ColumnLinear(ColumnParallelLinear):
    """megatron-core's projection to this rank's share of the outputs; a rank alone adds the bias while it multiplies."""

    multiply: Multiply = staticmethod(functional.linear)
    """What a rank alone multiplies with in training."""

    def _forward_impl(self, input: Tensor, weight: Tensor, *, bias: Tensor | None, **kwargs: object) -> Tensor:  # noqa: A002  its name
        if self.tp_group.size() == 1:
            multiply = self.multiply if self.training else functional.linear
            return multiply(input, weight, bias)
        product: Tensor = super()._forward_impl(input=input, weight=weight, bias=bias, **kwargs)
        return product


class RowLinear(RowParallelLinear):
    """megatron-core's projection from this rank's share of the inputs, told its group.

    Expected: `RowParallelLinear` hands its group to the product of matrices. Actual: it hands on None, which warns at every
    call and breaks a compiled graph. Can go when it hands on the group.
    """

    multiply: Multiply = staticmethod(functional.linear)
    """What a rank alone multiplies with in training."""

    def _forward_impl(self, input: Tensor, weight: Tensor, **kwargs: object) -> Tensor:  # noqa: A002  its name
        if self.tp_group.size() == 1:
            multiply = self.multiply if self.training else functional.linear
            return multiply(input, weight, None)
        product: Tensor = super()._forward_impl(input=input, weight=weight, **{**kwargs, "tp_group": self.tp_group})
        return product
