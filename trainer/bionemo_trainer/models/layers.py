"""The layers of all four networks, as submodules for megatron-core's transformer block.

Called by `bert` and `encoder_decoder`. The loop over layers and full recomputation are megatron-core's.
Shapes: hidden states are [T, 1, H], under sequence parallelism [T / tensor size, 1, H].
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from megatron.core.transformer.mlp import MLPSubmodules
from megatron.core.transformer.spec_utils import ModuleSpec
from megatron.core.transformer.transformer_block import TransformerBlockSubmodules
from megatron.core.transformer.transformer_config import TransformerConfig
from megatron.core.transformer.transformer_layer import TransformerLayer, TransformerLayerSubmodules
from torch import Tensor

from bionemo_trainer.models.attention_layers import CrossAttention, LayerContext, SelfAttention
from bionemo_trainer.models.feed_forward import FeedForward
from bionemo_trainer.models.key_value_cache import KeyValueCache
from bionemo_trainer.models.norm import Norm
from bionemo_trainer.models.projections import ColumnLinear, RowLinear
from bionemo_trainer.models.residual import AFTER_ATTENTION, AFTER_FEED_FORWARD, Addend, residual_for

type Run = Callable[[Tensor, Tensor | None, LayerContext], Tensor]


class PackedLayer(TransformerLayer):
    """megatron-core's pre-norm layer, with a forward pass that knows packed sequences only.

    The base class builds, checkpoints and shards the submodules. Its own forward pass can hand neither bounds to
    cross-attention nor anything but tensors through recomputation.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:  # noqa: ANN401  the base class's own
        super().__init__(*arguments, **settings)
        self.residual = residual_for(self.config, self.tp_group.rank())
        self.run: Run = self.layer
        """What runs whole batches: `layer`, or what `compilation` made of it."""

    def forward(
        self,
        hidden_states: Tensor,
        packed_seq_params: LayerContext,
        context: Tensor | None = None,
        inference_context: tuple[KeyValueCache, ...] | None = None,
        **_not_ours: object,
    ) -> tuple[Tensor, Tensor | None]:
        """Hidden states after the layer, and the encoder's output as it came; names are the transformer block's.

        Args:
            hidden_states: Of the packed tokens [T, 1, H].
            packed_seq_params: Where the sequences lie.
            context: The encoder's output [M, 1, H]; None in an encoder.
            inference_context: One cache per layer when decoding step by step.
        """
        if inference_context is None:
            return self.run(hidden_states, context, packed_seq_params), context
        cache = inference_context[self.layer_number - 1]
        return self.layer(hidden_states, context, packed_seq_params, cache), context

    def layer(
        self, hidden_T1H: Tensor, memory_M1H: Tensor | None, batch: LayerContext, cache: KeyValueCache | None = None
    ) -> Tensor:
        """Hidden states after the layer."""
        normed = self.input_layernorm(hidden_T1H)
        seed = self.self_attention.dropout_seed(batch)
        addend = self._addend(self.self_attention(normed, batch, cache), seed, AFTER_ATTENTION)
        if memory_M1H is not None:
            hidden_T1H, normed = self.residual.added_and_normed(hidden_T1H, addend, self.pre_cross_attn_layernorm)
            block = self.cross_attention(normed, memory_M1H, batch, cache)
            addend = self._addend(block, self.cross_attention.dropout_seed(batch), AFTER_ATTENTION)
        hidden_T1H, normed = self.residual.added_and_normed(hidden_T1H, addend, self.pre_mlp_layernorm)
        return self.residual.added(hidden_T1H, self._addend(self.mlp(normed), seed, AFTER_FEED_FORWARD))

    def _addend(self, block: tuple[Tensor, Tensor | None], seed: Tensor | None, site: int) -> Addend:
        output_T1H, bias_H = block
        return Addend(
            output_T1H=output_T1H,
            bias_H=bias_H,
            dropout=self.hidden_dropout,
            is_training=self.training,
            seed=seed,
            site=site,
        )


def encoder_layers(config: TransformerConfig) -> TransformerBlockSubmodules:
    """This pipeline stage's layers, in which every token of a sequence sees every other."""
    return _stack(config, ModuleSpec(module=SelfAttention))


def decoder_layers(config: TransformerConfig) -> TransformerBlockSubmodules:
    """A stack in which a token sees those before it, and all of the encoder's."""
    own = ModuleSpec(module=SelfAttention, params={"is_causal": True})
    return _stack(config, own, cross_attention=ModuleSpec(module=CrossAttention), pre_cross_attn_layernorm=Norm)


def _stack(config: TransformerConfig, self_attention: ModuleSpec, **cross: object) -> TransformerBlockSubmodules:
    mlp = MLPSubmodules(linear_fc1=ColumnLinear, linear_fc2=RowLinear)
    submodules = TransformerLayerSubmodules(
        input_layernorm=Norm,
        self_attention=self_attention,
        pre_mlp_layernorm=Norm,
        mlp=partial(FeedForward.as_mlp_submodule, submodules=mlp, ffn_hidden_size=config.ffn_hidden_size),
        **cross,
    )
    layer = ModuleSpec(module=PackedLayer, submodules=submodules)
    return TransformerBlockSubmodules(
        layer_specs=[layer] * (config.num_layers // config.pipeline_model_parallel_size), layer_norm=Norm
    )
