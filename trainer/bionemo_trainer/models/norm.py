"""Layer normalisation of all networks. Called by the layers and heads."""

from megatron.core.transformer.transformer_config import TransformerConfig
from torch import Tensor, nn
from torch.nn import functional

from bionemo_trainer.models.kernel_support import has_kernels
from bionemo_trainer.models.transformer_config import allocation_device


class Norm(nn.LayerNorm):
    """Layer normalisation in the precision of the residual stream, by our kernel in 32 bit, with its output in that of the weights.

    Expected: megatron-core's `WrappedTorchNorm` serves. Actual: it refuses sequence parallelism. Can go when it marks its
    weights for the reduction over tensor-parallel ranks, as is done here.
    """

    def __init__(
        self, config: TransformerConfig, hidden_size: int, eps: float, *, sees_all_tokens: bool = False
    ) -> None:
        """`sees_all_tokens` is for a norm that even under sequence parallelism gets every token on every rank."""
        super().__init__(hidden_size, eps=eps, dtype=config.params_dtype, device=allocation_device(config))
        self.has_kernel = has_kernels(config)
        for parameter in self.parameters():
            parameter.sequence_parallel = config.sequence_parallel and not sees_all_tokens  # type: ignore[attr-defined]  # a mark

    def forward(self, hidden: Tensor) -> Tensor:
        """Normalised over the last dimension."""
        if self.has_kernel:
            from bionemo_trainer.kernels.norm import layer_norm  # noqa: PLC0415 - Triton comes with CUDA

            return layer_norm(hidden.contiguous(), self.weight, self.bias, eps=self.eps)
        weight, bias = self.weight.to(hidden.dtype), self.bias.to(hidden.dtype)
        return functional.layer_norm(hidden, self.normalized_shape, weight, bias, self.eps).to(self.weight.dtype)
