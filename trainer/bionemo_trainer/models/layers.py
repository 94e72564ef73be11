"""The layers of all four networks, and the stacks that they make.

Called by `bert` and `encoder_decoder`. Layers are submodules of megatron-core's transformer block, which builds and shards them,
decodes with them, and recomputes them whole.
Shapes: hidden states are [T, 1, H], under sequence parallelism [T / tensor size, 1, H].
"""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

from megatron.core.tensor_parallel.random import get_cuda_rng_tracker
from megatron.core.transformer.mlp import MLPSubmodules
from megatron.core.transformer.spec_utils import ModuleSpec
from megatron.core.transformer.transformer_block import TransformerBlock, TransformerBlockSubmodules
from megatron.core.transformer.transformer_config import TransformerConfig
from megatron.core.transformer.transformer_layer import TransformerLayer, TransformerLayerSubmodules
from megatron.core.utils import make_viewless_tensor
from torch import Tensor

from bionemo_trainer.models.attention_layers import CrossAttention, LayerContext, SelfAttention
from bionemo_trainer.models.feed_forward import FeedForward
from bionemo_trainer.models.key_value_cache import KeyValueCache
from bionemo_trainer.models.norm import Norm
from bionemo_trainer.models.projections import ColumnLinear, RowLinear
from bionemo_trainer.models.residual import AFTER_ATTENTION, AFTER_FEED_FORWARD, Addend, residual_for
from bionemo_trainer.models.selection import selected

type Run = Callable[[Tensor, Tensor, Tensor | None, LayerContext, Norm | None], tuple[Tensor, Tensor | None]]
"""`PackedLayer.layer`, without a cache."""


class PackedLayer(TransformerLayer):
    """megatron-core's pre-norm layer, with a forward pass that knows packed sequences only.

    The base class builds, checkpoints and shards the submodules. Its own forward pass can hand neither bounds to
    cross-attention nor anything but tensors through recomputation.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:  # noqa: ANN401  the base class's own
        super().__init__(*arguments, **settings)
        self.residual = residual_for(self.config, self.tp_group.rank())
        self.is_last = self.layer_number == self.config.num_layers
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
        normed = self.input_layernorm(hidden_states)
        if inference_context is None:
            stream, _ = self.run(hidden_states, normed, context, packed_seq_params, None)
        else:
            cache = inference_context[self.layer_number - 1]
            stream, _ = self.layer(hidden_states, normed, context, packed_seq_params, None, cache)
        return stream, context

    def layer(
        self,
        hidden_T1H: Tensor,
        normed: Tensor,
        memory_M1H: Tensor | None,
        batch: LayerContext,
        next_norm: Norm | None,
        cache: KeyValueCache | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Hidden states after the layer, and normalised for what follows it if there is a norm; the last layer's are those that are read.

        Args:
            hidden_T1H: Before the layer.
            normed: The same by `input_layernorm` [T, 1, H].
            memory_M1H: The encoder's output; None in an encoder.
            batch: Where the sequences lie.
            next_norm: Of the next layer, or of the stack.
            cache: When decoding step by step.
        """
        seed = self.self_attention.dropout_seed(batch)
        read_N = batch.read_N
        if (
            read_N is not None and not self.is_last
        ):  # in this order: where all are read, last layers are compiled as others are
            read_N = None
        addend = self._addend(self.self_attention(normed, batch, cache, read_N), seed, AFTER_ATTENTION)
        if read_N is not None:  # what comes after attention treats tokens one by one
            hidden_T1H = selected(hidden_T1H, read_N)
        if memory_M1H is not None:
            hidden_T1H, normed = self.residual.added_and_normed(hidden_T1H, addend, self.pre_cross_attn_layernorm)
            block = self.cross_attention(normed, memory_M1H, batch, cache)
            addend = self._addend(block, self.cross_attention.dropout_seed(batch), AFTER_ATTENTION)
        hidden_T1H, normed = self.residual.added_and_normed(hidden_T1H, addend, self.pre_mlp_layernorm)
        addend = self._addend(self.mlp(normed), seed, AFTER_FEED_FORWARD)
        if next_norm is None:
            return self.residual.added(hidden_T1H, addend), None
        return self.residual.added_and_normed(hidden_T1H, addend, next_norm)

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


class PackedStack(TransformerBlock):
    """megatron-core's stack, in which the pass over memory that ends a layer also normalises for the next one.

    Expected: the base class's loop serves. Actual: it hands on one tensor from layer to layer. Where it recomputes whole layers, or
    decodes, it is used as it is.
    """

    def forward(
        self,
        hidden_states: Tensor | None,
        attention_mask: None,
        context: Tensor | None = None,
        *,
        packed_seq_params: LayerContext,
        inference_context: tuple[KeyValueCache, ...] | None = None,
    ) -> Tensor:
        """The output of this stage's layers, normalised by the last of them; names are the base class's.

        Args:
            hidden_states: Embedded tokens [T, 1, H]; None on a stage after the first.
            attention_mask: There is none: sequences are packed.
            context: The encoder's output [M, 1, H]; None in an encoder.
            packed_seq_params: Where the sequences lie.
            inference_context: One cache per layer when decoding step by step.
        """
        recomputes = self.config.recompute_granularity == "full" and self.training
        if recomputes or inference_context is not None:
            output: Tensor = super().forward(
                hidden_states,
                attention_mask,
                context=context,
                packed_seq_params=packed_seq_params,
                inference_context=inference_context,
            )
            return output
        given = hidden_states if self.pre_process else self.input_tensor
        stream = make_viewless_tensor(given, requires_grad=True, keep_graph=True)  # what stages send is no view
        norms = [*(layer.input_layernorm for layer in self.layers), self.final_layernorm]
        normed = norms[0](stream)
        with get_cuda_rng_tracker().fork() if self.config.sequence_parallel else nullcontext():
            for layer, next_norm in zip(self.layers, norms[1:], strict=True):
                stream, normed = layer.run(stream, normed, context, packed_seq_params, next_norm)
        return make_viewless_tensor(stream if normed is None else normed, requires_grad=True, keep_graph=True)


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
