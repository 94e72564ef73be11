"""Self- and cross-attention with their projections, split over the ranks by heads.

Called by `layers`. Projections and recomputation are megatron-core's; its own attention can't take packed sequences without
Transformer Engine. Shapes: hidden states are [T, 1, H], under sequence parallelism [T / tensor size, 1, H]; N heads of
width D are those of this rank.
"""

from dataclasses import dataclass
from typing import Literal, Self

import torch
from megatron.core.process_groups_config import ProcessGroupCollection
from megatron.core.tensor_parallel import checkpoint
from megatron.core.tensor_parallel.random import get_cuda_rng_tracker
from megatron.core.transformer.module import MegatronModule
from megatron.core.transformer.transformer_config import TransformerConfig
from torch import Tensor

from bionemo_trainer.models.attention import (
    Bounds,
    DropoutKey,
    Heads,
    Kernel,
    Sight,
    kernel_for,
    triton_attention,
    turned_parts,
)
from bionemo_trainer.models.batch import PackedTokens
from bionemo_trainer.models.key_value_cache import KeyValueCache, attend_to_cached
from bionemo_trainer.models.projections import ColumnLinear, RowLinear
from bionemo_trainer.models.residual import is_fused
from bionemo_trainer.models.rotary import Rotation
from bionemo_trainer.models.selection import selected
from bionemo_trainer.models.transformer_config import allocation_device


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LayerContext:
    """What every layer of a stack is told about the batch."""

    bounds: Bounds
    """Of the sequences that pass through the layers."""
    memory_bounds: Bounds | None = None
    """Of the encoder's sequences; None in an encoder."""
    rotation: Rotation | None = None
    """None for learned positions, which the embeddings already hold."""
    kernel: Kernel
    """What computes attention: chosen here, outside of what is compiled."""
    dropout_seed: Tensor | None = None
    """Drawn anew for every micro batch, 32 bit [1]; None where nothing is dropped or torch's generator decides."""
    read_N: Tensor | None = None
    """Indexes of the tokens whose output the last layer is asked for, 64 bit [N]; None for all."""

    @classmethod
    def of(
        cls,
        pack: PackedTokens,
        config: TransformerConfig,
        *,
        is_rotary: bool,
        drops: bool,
        memory: Bounds | None = None,
        read_N: Tensor | None = None,
    ) -> Self:
        """What follows from a batch.

        Args:
            pack: The sequences that pass through the layers.
            config: Of the network.
            is_rotary: Whether queries and keys are turned.
            drops: Whether the network is training.
            memory: Where the encoder's sequences lie; for a decoder.
            read_N: Tokens whose output is read; None for all.
        """
        device = pack.tokens_T.device
        dropout = config.attention_dropout if drops else 0.0
        kernel = kernel_for(device.type, config.params_dtype, config.kv_channels, dropout)
        draws = (dropout and kernel is triton_attention) or (drops and config.hidden_dropout and is_fused(config))
        return cls(
            bounds=Bounds.of(pack),
            memory_bounds=memory,
            rotation=Rotation.of(pack.positions_T, config.kv_channels) if is_rotary else None,
            kernel=kernel,
            dropout_seed=torch.randint(2**31 - 1, (1,), dtype=torch.int32, device=device) if draws else None,
            read_N=read_N,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """Which attention of a network it is."""

    layer_number: int
    """From 1, over all pipeline stages."""
    looks_at: Literal["encoder", "decoder", "memory"]

    @property
    def is_causal(self) -> bool:
        """Whether a token sees only those before it."""
        return self.looks_at == "decoder"

    @property
    def stream(self) -> int:
        """A number of its own, below 2^31, spread so that the sums with nearby seeds differ."""
        number = 3 * self.layer_number + ("encoder", "decoder", "memory").index(self.looks_at)
        return number * 0x9E3779B9 % 2**31


class _Attention(MegatronModule):
    """What self- and cross-attention share: the output projection, and the kernel with its dropout and recomputation."""

    def __init__(self, config: TransformerConfig, groups: ProcessGroupCollection, place: Place) -> None:
        super().__init__(config)
        self.is_causal = place.is_causal
        stream = torch.tensor([place.stream], dtype=torch.int32, device=allocation_device(config))
        self.register_buffer("stream", stream, persistent=False)  # no number: it would be compiled into the layer
        self.tp_group = groups.tp
        self.num_heads = config.num_attention_heads // groups.tp.size()
        self.first_head = self.num_heads * groups.tp.rank()
        self.width = config.kv_channels * config.num_attention_heads
        self.linear_proj = RowLinear(
            self.width,
            config.hidden_size,
            config=config,
            init_method=config.output_layer_init_method,
            bias=config.add_bias_linear,
            input_is_parallel=True,
            skip_bias_add=True,
            tp_group=groups.tp,
        )

    def dropout_seed(self, context: LayerContext) -> Tensor | None:
        """What decides, with a place, what is dropped here, 32 bit [1]; None where torch's generator does, or nothing is."""
        return None if context.dropout_seed is None else context.dropout_seed + self.stream

    def _projection(self, num_parts: int) -> ColumnLinear:
        """Hidden states to `num_parts` vectors per head, with the heads split over the ranks."""
        return ColumnLinear(
            self.config.hidden_size,
            num_parts * self.width,
            config=self.config,
            init_method=self.config.init_method,
            bias=self.config.add_bias_linear,
            tp_group=self.tp_group,
        )

    def _projected(self, projection: ColumnLinear, hidden_T1H: Tensor, num_parts: int) -> Tensor:
        """The parts of every head of this rank [T, N, parts, D]."""
        projected: Tensor
        projected, _ = projection(hidden_T1H)
        return projected.view(-1, self.num_heads, num_parts, self.config.kv_channels)

    def _attend(self, heads: Heads, keys: Bounds, context: LayerContext, rotation: Rotation | None = None) -> Tensor:
        dropout = self.config.attention_dropout if self.training else 0.0
        dropout_key = None
        if dropout and context.kernel is triton_attention:
            seed = self.dropout_seed(context)
            assert seed is not None, "a context for training has a seed where a kernel needs one"
            dropout_key = DropoutKey(seed=seed, first_head=self.first_head)
        sight = Sight(
            queries=context.bounds,
            keys=keys,
            is_causal=self.is_causal,
            rotation=rotation,
            dropout=dropout,
            dropout_key=dropout_key,
        )

        def attend(*heads: Tensor) -> Tensor:
            no_stream_needed = not dropout or dropout_key is not None
            if no_stream_needed or self.config.sequence_parallel:  # then the block has forked the stream already
                return context.kernel(heads, sight)
            with get_cuda_rng_tracker().fork():  # each rank drops weights of its own heads
                return context.kernel(heads, sight)

        if self.training and self.config.recompute_granularity == "selective":
            return checkpoint(attend, False, *heads)
        return attend(*heads)

    def _output(self, attended_QND: Tensor, read_N: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """The projected heads of all tokens or of some, and the bias that is still to be added."""
        attended_Q1P = attended_QND.flatten(1)[:, None]
        return self.linear_proj(attended_Q1P if read_N is None else selected(attended_Q1P, read_N))


class SelfAttention(_Attention):
    """Attention of sequences to themselves."""

    def __init__(
        self,
        config: TransformerConfig,
        pg_collection: ProcessGroupCollection,
        *,
        layer_number: int,
        is_causal: bool = False,
        **_not_ours: object,
    ) -> None:
        """Arguments are named as megatron-core's layer names them; it also gives a name."""
        super().__init__(config, pg_collection, Place(layer_number, "decoder" if is_causal else "encoder"))
        self.linear_qkv = self._projection(3)

    def forward(
        self, hidden_T1H: Tensor, context: LayerContext, cache: KeyValueCache | None, read_N: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Attended hidden states, of all tokens or of some, and the bias to add; with a cache, of one token per sequence after those cached."""
        projected_TN3D = self._projected(self.linear_qkv, hidden_T1H, 3)
        if cache is None:
            return self._output(self._attend((projected_TN3D,), context.bounds, context, context.rotation), read_N)
        query, key, value = turned_parts((projected_TN3D,), context.rotation)
        return self._output(attend_to_cached(query, cache.extended(key, value)))


class CrossAttention(_Attention):
    """Attention of the decoder's sequences to the encoder's."""

    def __init__(
        self,
        config: TransformerConfig,
        pg_collection: ProcessGroupCollection,
        *,
        layer_number: int,
        **_not_ours: object,
    ) -> None:
        """Arguments are named as megatron-core's layer names them; it also gives a name."""
        super().__init__(config, pg_collection, Place(layer_number, "memory"))
        self.linear_q = self._projection(1)
        self.linear_kv = self._projection(2)

    def forward(
        self, hidden_T1H: Tensor, memory_M1H: Tensor, context: LayerContext, cache: KeyValueCache | None
    ) -> tuple[Tensor, Tensor | None]:
        """Attended hidden states and the bias to add; a cache keeps what the encoder's output [M, 1, H] projects to."""
        query_TN1D = self._projected(self.linear_q, hidden_T1H, 1)
        assert context.memory_bounds is not None, "a decoder is told where its encoder's sequences lie"
        if cache is not None:
            memory = cache.memory or cache.with_memory(self._memory(memory_M1H).unbind(2), context.memory_bounds)
            return self._output(attend_to_cached(query_TN1D.squeeze(2), memory))
        return self._output(self._attend((query_TN1D, self._memory(memory_M1H)), context.memory_bounds, context))

    def _memory(self, memory_M1H: Tensor) -> Tensor:
        """Keys and values of the encoder's tokens [M, N, 2, D]."""
        return self._projected(self.linear_kv, memory_M1H, 2)
