"""The feed-forward block of a layer, as a submodule for megatron-core's layer: its own, in fewer passes over memory.

Called by `layers`. Shapes: F features between the projections.
"""

from collections.abc import Callable

from megatron.core.transformer.mlp import MLP
from megatron.core.transformer.transformer_config import TransformerConfig
from torch import Tensor
from torch.nn import functional

from bionemo_trainer.models.kernel_support import has_kernels

type Activation = Callable[[Tensor, Tensor], Tensor]
"""A projection [T, 1, F] and its bias [F] to what the next projection takes [T, 1, F]."""


class FeedForward(MLP):
    """Two projections with GELU between them."""

    def __init__(self, config: TransformerConfig, *arguments: object, **settings: object) -> None:
        super().__init__(config, *arguments, **settings)
        self.activate = activation_for(config)  # chosen here, outside of what is compiled

    def forward(self, hidden_states: Tensor, **_not_ours: object) -> tuple[Tensor, Tensor | None]:
        """The projected activations, and the bias that is still to be added; names are the layer's."""
        hidden_T1F, bias_F = self.linear_fc1(hidden_states)
        activated_T1F = functional.gelu(hidden_T1F) if bias_F is None else self.activate(hidden_T1F, bias_F)
        output: tuple[Tensor, Tensor | None] = self.linear_fc2(activated_T1F)
        return output


def activation_for(config: TransformerConfig) -> Activation:
    """GELU in its exact form: by our kernel on GPUs in 16 bit, else by torch's."""
    if has_kernels(config):
        from bionemo_trainer.kernels.gelu import biased_gelu  # noqa: PLC0415 - Triton comes with CUDA

        return biased_gelu
    return plain_gelu


def plain_gelu(hidden_T1F: Tensor, bias_F: Tensor) -> Tensor:
    """GELU by torch."""
    return functional.gelu(hidden_T1F + bias_F)
