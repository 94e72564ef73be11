"""MegaMolBART and ProtT5nv: an encoder reads a corrupted sequence, a decoder writes the whole one or what was cut out.

Built by `build`, run by the engine and by `decoding`. Both sides share the tables of tokens and learned positions; the
output layer is a table of its own (MegaMolBART) or the token table with a bias (ProtT5nv). There is one pipeline stage.
Shapes: M packed tokens of the encoder, T of the decoder, N targets, H hidden, V this rank's share of the vocabulary.
"""

from dataclasses import dataclass

from megatron.core.process_groups_config import ProcessGroupCollection
from megatron.core.transformer.module import MegatronModule
from megatron.core.transformer.transformer_config import TransformerConfig
from torch import Tensor

from bionemo_trainer.config.parameters import padded_vocabulary_size, vocabulary_size
from bionemo_trainer.config.schema.model import MegaMolBARTModel, ProtT5nvModel
from bionemo_trainer.models.attention import Bounds
from bionemo_trainer.models.attention_layers import LayerContext
from bionemo_trainer.models.batch import EncoderDecoderBatch, PackedTokens
from bionemo_trainer.models.embeddings import Embedding
from bionemo_trainer.models.heads import VocabularyOutput, VocabularyRows, rows_at, whole_logits
from bionemo_trainer.models.key_value_cache import KeyValueCache
from bionemo_trainer.models.layers import PackedStack, decoder_layers, encoder_layers
from bionemo_trainer.models.losses import TokenLosses, token_losses


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Memory:
    """What the encoder made of its sequences."""

    hidden_M1H: Tensor
    """Under sequence parallelism this rank's share of the tokens."""
    bounds: Bounds


class EncoderDecoder(MegatronModule):
    """The whole model of one replica, or this rank's share of its layers."""

    pre_process = post_process = True
    """Read by megatron-core's schedules: the only stage is both first and last."""

    def __init__(
        self, model: MegaMolBARTModel | ProtT5nvModel, config: TransformerConfig, groups: ProcessGroupCollection
    ) -> None:
        super().__init__(config)
        self.groups = groups
        self.rows = VocabularyRows(tokens=vocabulary_size(model), padded=padded_vocabulary_size(model))
        self.max_positions = model.max_position_embeddings
        self.is_rotary = model.position_embedding_type == "rope"
        self.share_embeddings_and_output_weights = model.share_decoder_tokens_head_embeddings
        self.embedding = Embedding(
            config, groups, num_tokens=self.rows.padded, num_positions=0 if self.is_rotary else self.max_positions
        )
        self.encoder = PackedStack(config, encoder_layers(config), pg_collection=groups)
        self.decoder = PackedStack(config, decoder_layers(config), pg_collection=groups)
        is_tied = model.share_decoder_tokens_head_embeddings
        self.output = VocabularyOutput(config, groups, self.rows, is_tied=is_tied, has_bias=is_tied)

    def forward(self, batch: EncoderDecoderBatch) -> TokenLosses:
        """The losses of a micro batch."""
        logits_NV = self._logits(self._decoded(batch), batch.targets.places)
        return token_losses(logits_NV, batch.targets, self.groups, with_accuracy=not self.training)

    def logits(self, batch: EncoderDecoderBatch) -> Tensor:
        """Logits of the vocabulary at the targets, on every rank [N, vocabulary]."""
        return self.whole_logits(self._decoded(batch), batch.targets.places)

    def encode(self, pack: PackedTokens) -> Memory:
        """Runs the encoder; under sequence parallelism the tensor size must divide M."""
        context = self._context(pack)
        hidden_M1H = self.encoder(self.embedding(pack), attention_mask=None, packed_seq_params=context)
        return Memory(hidden_M1H=hidden_M1H, bounds=context.bounds)

    def decode(self, pack: PackedTokens, memory: Memory, caches: tuple[KeyValueCache, ...] | None = None) -> Tensor:
        """Runs the decoder [T, 1, H]; with caches, one per layer, over the next token of every sequence.

        Under sequence parallelism the tensor size must divide T.
        """
        hidden_T1H: Tensor = self.decoder(
            self.embedding(pack),
            attention_mask=None,
            context=memory.hidden_M1H,
            packed_seq_params=self._context(pack, memory.bounds),
            inference_context=caches,
        )
        return hidden_T1H

    def whole_logits(self, hidden_T1H: Tensor, places: Tensor | int) -> Tensor:
        """Logits of the vocabulary at some places of the decoder, or at the first N, on every rank [N, vocabulary]."""
        return whole_logits(self._logits(hidden_T1H, places), self.rows, self.groups)

    def _decoded(self, batch: EncoderDecoderBatch) -> Tensor:
        encoder, decoder = batch.encoder, batch.decoder
        if self.config.sequence_parallel:
            num_ranks = self.groups.tp.size()
            encoder, decoder = encoder.filled_up(num_ranks), decoder.filled_up(num_ranks)
        return self.decode(decoder, self.encode(encoder))

    def _logits(self, hidden_T1H: Tensor, places: Tensor | int) -> Tensor:
        rows_NH = rows_at(hidden_T1H, places, self.config, self.groups)
        tied_VH = self.embedding.tokens.weight if self.share_embeddings_and_output_weights else None
        logits_NV: Tensor = self.output(rows_NH, tied_VH)
        return logits_NV

    def _context(self, pack: PackedTokens, memory_bounds: Bounds | None = None) -> LayerContext:
        return LayerContext.of(pack, self.config, is_rotary=self.is_rotary, drops=self.training, memory=memory_bounds)
