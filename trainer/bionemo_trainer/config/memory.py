"""Estimate the GPU memory that a training needs, before a GPU is taken.

Weights, gradients and optimizer states are counted exactly; activations follow Korthikanti et al., "Reducing Activation
Recomputation in Large Transformer Models" (2022), for attention that never stores its score matrix.
"""

from dataclasses import dataclass

from bionemo_trainer.config.flops import share_read
from bionemo_trainer.config.layout import batches_of, layout_of
from bionemo_trainer.config.parameters import (
    head_width,
    num_parameters,
    padded_vocabulary_size,
)
from bionemo_trainer.config.schema.model import MegaMolBARTModel, ProtT5nvModel
from bionemo_trainer.config.schema.root import TrainConfig

GIB = 2**30
_ADAM_BYTES = 8
"""Two running means of 4 bytes each."""
_MASTER_BYTES = 4
"""A 32-bit copy of each weight, when the weights themselves have 16 bit."""
_EIGHT_BIT_BYTES = 2
"""Two copies of each weight in fp8-mixed, one of them transposed; tables and norms, which have none, are small beside the rest."""
_RESERVED_BYTES = int(1.5 * GIB)
"""CUDA context, communication buffers and the allocator's slack."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEstimate:
    """Bytes on the fullest rank."""

    weights_bytes: int
    gradients_bytes: int
    optimizer_bytes: int
    activations_bytes: int
    reserved_bytes: int = _RESERVED_BYTES

    @property
    def total_bytes(self) -> int:
        """All of it."""
        parts = self.weights_bytes + self.gradients_bytes + self.optimizer_bytes
        return parts + self.activations_bytes + self.reserved_bytes

    def __str__(self) -> str:
        """For example `12.3 GiB per GPU (weights 1.20, gradients 2.40, optimizer 3.60, activations 3.60, reserved 1.50)`."""
        parts = ", ".join(
            f"{name} {size / GIB:.2f}"
            for name, size in (
                ("weights", self.weights_bytes),
                ("gradients", self.gradients_bytes),
                ("optimizer", self.optimizer_bytes),
                ("activations", self.activations_bytes),
                ("reserved", self.reserved_bytes),
            )
        )
        return f"{self.total_bytes / GIB:.1f} GiB per GPU ({parts})"


def estimate_memory(config: TrainConfig) -> MemoryEstimate:
    """Memory on one GPU, in bytes, with full micro batches of the longest sequences."""
    model = config.model
    return memory_with(
        config,
        encoder_tokens=model.micro_batch_size * model.seq_length,
        decoder_tokens=model.micro_batch_size * _decoder_length(config),
    )


def memory_with(config: TrainConfig, *, encoder_tokens: int, decoder_tokens: int) -> MemoryEstimate:
    """Memory on one GPU, in bytes, with micro batches of so many tokens on either side."""
    layout = layout_of(config)
    share = -(-num_parameters(config.model) // layout.model_parallel)
    width = 4 if config.trainer.precision == "32" else 2
    master = 0 if width == 4 else _MASTER_BYTES
    eight_bit = _EIGHT_BIT_BYTES if config.trainer.precision == "fp8-mixed" else 0
    return MemoryEstimate(
        weights_bytes=share * (width + eight_bit),
        gradients_bytes=share * 4,
        optimizer_bytes=share * (_ADAM_BYTES + master) // max(layout.data, 1),
        activations_bytes=_activations_bytes(config, width, encoder_tokens, decoder_tokens),
    )


def _activations_bytes(config: TrainConfig, width: int, encoder_tokens: int, decoder_tokens: int) -> int:
    model = config.model
    layout = layout_of(config)
    # A pipeline's first stage holds as many micro batches as there are stages before the first one returns.
    layers = -(-model.num_layers // layout.pipeline) * min(layout.pipeline, batches_of(config).micro_batches)
    layers -= _is_last_layer_light(config)
    encoder = layers * encoder_tokens * _layer_bytes(config, width, attentions=1)
    decoder = layers * decoder_tokens * _layer_bytes(config, width, attentions=2)
    # Logits and their gradient; a masked model computes them for its targets, at worst all.
    logits = (decoder_tokens or encoder_tokens) * padded_vocabulary_size(model) * 2 * width // layout.tensor
    return encoder + decoder + logits + max(encoder_tokens, decoder_tokens) * _working_bytes(config, width)


def _is_last_layer_light(config: TrainConfig) -> bool:
    """Whether few tokens pass the last layer whole, so that it is differentiated and forgotten before memory is fullest."""
    return share_read(config) < 1 and config.model.activations_checkpoint_granularity != "full"


def _decoder_length(config: TrainConfig) -> int:
    match config.model:
        case MegaMolBARTModel() as model:
            return model.seq_length
        case ProtT5nvModel() as model:
            return model.data.seq_length_dec
        case _:
            return 0


def _layer_bytes(config: TrainConfig, width: int, *, attentions: int) -> int:
    """Bytes that one layer keeps per token for its backward pass."""
    model = config.model
    if model.activations_checkpoint_granularity == "full":
        return width * model.hidden_size
    projected = head_width(model) * model.num_attention_heads
    turned = 2 * projected if model.position_embedding_type == "rope" else 0  # queries and keys of self-attention
    sharded = attentions * 4 * projected + turned + 2 * model.ffn_hidden_size
    whole = (attentions + 1) * 2 * model.hidden_size
    split = model.tensor_model_parallel_size if model.sequence_parallel else 1
    return width * (sharded // model.tensor_model_parallel_size + whole // split)


def _working_bytes(config: TrainConfig, width: int) -> int:
    """Bytes per token of the gradients that are there at once while a feed-forward part is differentiated.

    Of its inner values before and after the activation, and of the stream before and after the part and its norm. What is dropped takes no
    room: it is drawn anew.
    """
    model = config.model
    return width * (2 * model.ffn_hidden_size // model.tensor_model_parallel_size + 4 * model.hidden_size)
