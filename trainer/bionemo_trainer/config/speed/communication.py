"""What one rank sends in a step, and how long that takes. Pure.

Nothing of it is taken to run beside computation on the GPU: the engine sums gradients and shares updates after the last
backward pass, and what megatron-core starts beside products of matrices under tensor parallelism was not measured.
"""

from dataclasses import dataclass

from bionemo_trainer.config.layout import Layout, layout_of
from bionemo_trainer.config.parameters import num_parameters, padded_vocabulary_size
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.config.speed.links import Ring, hand_over_seconds
from bionemo_trainer.config.speed.rings import Rings
from bionemo_trainer.config.speed.workload import Workload

HIDDEN_BYTES = 2
"""Of an element of hidden states and weights in 16-bit precision."""
GRADIENT_BYTES = 4
"""The engine sums gradients in 32 bit."""
_WHOLE_VECTORS, _WHOLE_DECODER_VECTORS = 6, 9
"""Of a layer: two for each norm, and a bias for each block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Communication:
    """Seconds of one rank."""

    tensor_seconds: float
    """In each micro batch, between the ranks that share its layers."""
    hand_over_seconds: float
    """Each, between pipeline stages; 0 without a pipeline."""
    update_seconds: float
    """At the end of a step: sums of gradients, and the updated weights of the other copies."""


SILENCE = Communication(tensor_seconds=0.0, hand_over_seconds=0.0, update_seconds=0.0)
"""Of a GPU alone."""


def communication_of(config: TrainConfig, work: Workload, rings: Rings) -> Communication:
    """Of the busiest rank."""
    layout = layout_of(config)
    hand_over = 0.0
    if layout.pipeline > 1:
        message_bytes = _hidden_bytes(config, work.encoder_tokens / work.micro_batches)
        share = layout.tensor if config.model.sequence_parallel else 1
        hand_over = hand_over_seconds(message_bytes / share, rings.stage)
    return Communication(
        tensor_seconds=_tensor_seconds(config, work, layout, rings),
        hand_over_seconds=hand_over,
        update_seconds=_update_seconds(config, work, layout, rings),
    )


def _tensor_seconds(config: TrainConfig, work: Workload, layout: Layout, rings: Rings) -> float:
    layers, ring = config.model.num_layers / layout.pipeline, rings.tensor
    encoder, decoder = work.encoder_tokens / work.micro_batches, work.decoder_tokens / work.micro_batches
    # Attention and the feed-forward block each sum once forward and once backward, and recomputation sums forward once
    # more. Embeddings and heads, one sum each, are on the end stages.
    passes = 3 if config.model.activations_checkpoint_granularity == "full" else 2
    if not decoder:
        return _sums_seconds(config, ring, encoder, sums=layers * 2 * passes + 2, inputs=layers * 2)
    # A decoder has two attentions; the keys and values of the second are of the encoder's tokens.
    read = _sums_seconds(config, ring, encoder, sums=layers * (2 * passes + 1) + 2, inputs=layers * 3)
    written = _sums_seconds(config, ring, decoder, sums=layers * 3 * passes + 1, inputs=layers * 3)
    return read + written


def _sums_seconds(config: TrainConfig, ring: Ring, tokens: float, *, sums: float, inputs: float) -> float:
    """Of the hidden states of some tokens.

    Under sequence parallelism each sum is a scatter and a gather, and the input of each product whose columns are split
    is gathered once more, for the gradient of its weights.
    """
    message_bytes = _hidden_bytes(config, tokens)
    if config.model.sequence_parallel:
        return (2 * sums + inputs) * ring.part_seconds(message_bytes)
    return sums * ring.sum_seconds(message_bytes)


def _update_seconds(config: TrainConfig, work: Workload, layout: Layout, rings: Rings) -> float:
    model = config.model
    share = num_parameters(model) / layout.model_parallel
    update = rings.data.part_seconds(share * GRADIENT_BYTES) + rings.data.part_seconds(share * HIDDEN_BYTES)
    if model.sequence_parallel:
        # Norms, and biases after a sum, are whole on every rank, which saw a part of the tokens: each is summed alone.
        vectors = 2 + model.num_layers / layout.pipeline * _WHOLE_VECTORS
        if work.decoder_tokens:
            vectors += 2 + model.num_layers * _WHOLE_DECODER_VECTORS
        update += vectors * rings.tensor.sum_seconds(model.hidden_size * GRADIENT_BYTES)
    if layout.pipeline > 1:
        table = padded_vocabulary_size(model) * model.hidden_size / layout.tensor
        update += rings.ends.sum_seconds(table * GRADIENT_BYTES)
    return update


def _hidden_bytes(config: TrainConfig, tokens: float) -> float:
    return tokens * config.model.hidden_size * HIDDEN_BYTES
