"""What a layer's blocks add to the residual stream, and the norms that follow. Called by `layers`.

Shapes: hidden states are [T, 1, H], under sequence parallelism [T / tensor size, 1, H].
"""

from dataclasses import dataclass
from typing import Protocol

from megatron.core.fusions.fused_bias_dropout import get_bias_dropout_add
from megatron.core.transformer.transformer_config import TransformerConfig
from torch import Tensor

from bionemo_trainer.models.kernel_support import has_kernels
from bionemo_trainer.models.norm import Norm

AFTER_ATTENTION, AFTER_FEED_FORWARD = -1, -2
"""Sites of dropout that share a seed with the weights of attention; no head has such a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addend:
    """What a block gives, and the dropout on its way to the stream."""

    output_T1H: Tensor
    bias_H: Tensor | None
    """Still to be added to it."""
    dropout: float
    """Share of the features to drop in training."""
    is_training: bool
    seed: Tensor | None
    """Of the layer and the micro batch, 32 bit [1]; None where nothing is dropped or torch's generator decides."""
    site: int
    """Which of the places that share the seed it is."""


class Residual(Protocol):
    """How blocks join the stream."""

    def added(self, stream_T1H: Tensor, addend: Addend) -> Tensor:
        """The stream after a block."""
        ...

    def added_and_normed(self, stream_T1H: Tensor, addend: Addend, norm: Norm) -> tuple[Tensor, Tensor]:
        """The stream after a block, and what the next block reads of it."""
        ...


def is_fused(config: TransformerConfig) -> bool:
    """Whether blocks join the stream by our kernels, which need the bias that every recipe has."""
    return has_kernels(config) and config.add_bias_linear


def residual_for(config: TransformerConfig, tensor_rank: int) -> Residual:
    """What the layers of one rank use."""
    if is_fused(config):
        return FusedResidual(shard=tensor_rank if config.sequence_parallel else 0)
    return PlainResidual(is_precise=config.fp32_residual_connection)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainResidual:
    """By torch."""

    is_precise: bool
    """Whether the stream is in 32 bit."""

    def added(self, stream_T1H: Tensor, addend: Addend) -> Tensor:
        """The stream after a block."""
        stream_T1H = stream_T1H.float() if self.is_precise else stream_T1H
        add = get_bias_dropout_add(training=addend.is_training, fused=False)
        added_T1H: Tensor = add((addend.output_T1H, addend.bias_H), stream_T1H, addend.dropout)
        return added_T1H

    def added_and_normed(self, stream_T1H: Tensor, addend: Addend, norm: Norm) -> tuple[Tensor, Tensor]:
        """The stream after a block, and what the next block reads of it."""
        added_T1H = self.added(stream_T1H, addend)
        return added_T1H, norm(added_T1H)


@dataclass(frozen=True, slots=True, kw_only=True)
class FusedResidual:
    """By our kernels, in one pass over memory; what they drop depends on the seed alone."""

    shard: int
    """Which of the shares of the tokens this rank has."""

    def added(self, stream_T1H: Tensor, addend: Addend) -> Tensor:
        """The stream after a block."""
        from bionemo_trainer.kernels.residual import added  # noqa: PLC0415 - Triton comes with CUDA

        assert addend.bias_H is not None, "see `is_fused`"
        return added(
            addend.output_T1H,
            addend.bias_H,
            stream_T1H.contiguous(),
            addend.seed,
            share=addend.dropout if addend.is_training else 0.0,
            site=addend.site,
            first_row=self.shard * len(stream_T1H),
        )

    def added_and_normed(self, stream_T1H: Tensor, addend: Addend, norm: Norm) -> tuple[Tensor, Tensor]:
        """The stream after a block, and what the next block reads of it."""
        from bionemo_trainer.kernels.residual import added_and_normed  # noqa: PLC0415 - Triton comes with CUDA

        assert addend.bias_H is not None, "see `is_fused`"
        return added_and_normed(
            addend.output_T1H,
            addend.bias_H,
            stream_T1H.contiguous(),
            norm.weight,
            norm.bias,
            addend.seed,
            share=addend.dropout if addend.is_training else 0.0,
            site=addend.site,
            first_row=self.shard * len(stream_T1H),
            eps=norm.eps,
        )
