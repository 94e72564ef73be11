"""ESM-1nv and ESM-2: a bidirectional encoder that says what stood at the masked places.

Built by `build`, run by the engine's forward-backward schedule. Positions are learned (ESM-1nv) or rotary (ESM-2); the
output layer reads the token table. Shapes: T packed tokens, N targets, H hidden, V this rank's share of the vocabulary.
"""

from dataclasses import replace

from megatron.core.dist_checkpointing import ShardedTensor
from megatron.core.process_groups_config import ProcessGroupCollection
from megatron.core.transformer.module import MegatronModule
from megatron.core.transformer.transformer_config import TransformerConfig
from torch import Tensor

from bionemo_trainer.config.parameters import padded_vocabulary_size, vocabulary_size
from bionemo_trainer.config.schema.model import Esm1nvModel, Esm2nvModel
from bionemo_trainer.models.attention_layers import LayerContext
from bionemo_trainer.models.batch import EncoderBatch, PackedTokens
from bionemo_trainer.models.embeddings import Embedding
from bionemo_trainer.models.heads import MaskedHead, VocabularyRows, rows_at, whole_logits
from bionemo_trainer.models.layers import PackedStack, encoder_layers
from bionemo_trainer.models.losses import TokenLosses, token_losses
from bionemo_trainer.tokenizers.vocabulary import esm2_vocabulary


class Bert(MegatronModule):
    """One pipeline stage of the encoder, or all of it."""

    share_embeddings_and_output_weights = True
    """Read by megatron-core, which sums the gradients of the table's two copies when stages hold one each."""

    def __init__(
        self,
        model: Esm1nvModel | Esm2nvModel,
        config: TransformerConfig,
        groups: ProcessGroupCollection,
        *,
        is_first_stage: bool,
        is_last_stage: bool,
    ) -> None:
        super().__init__(config)
        self.groups = groups
        self.pre_process, self.post_process = is_first_stage, is_last_stage  # names that megatron-core's schedules read
        self.rows = VocabularyRows(tokens=vocabulary_size(model), padded=padded_vocabulary_size(model))
        self.is_rotary = model.position_embedding_type == "rope"
        self.mask_id = esm2_vocabulary().mask_id if _drops_masked(model) else None
        if is_first_stage or is_last_stage:
            num_positions = model.max_position_embeddings if is_first_stage and not self.is_rotary else 0
            self.embedding = Embedding(config, groups, num_tokens=self.rows.padded, num_positions=num_positions)
        self.encoder = PackedStack(
            config,
            encoder_layers(config),
            pre_process=is_first_stage,
            post_process=is_last_stage,
            pg_collection=groups,
        )
        if is_last_stage:
            self.head = MaskedHead(config, groups, self.rows)

    def forward(self, batch: EncoderBatch) -> TokenLosses | Tensor:
        """The losses of a micro batch; from a stage before the last, its hidden states [T, 1, H]."""
        if not self.post_process:
            return self.hidden_states(batch.inputs)
        logits_NV = self._logits(batch)
        return token_losses(logits_NV, batch.targets, self.groups, with_accuracy=not self.training)

    def hidden_states(self, inputs: PackedTokens, read_N: Tensor | None = None) -> Tensor:
        """The output of this stage's layers [T, 1, H], or of the last stage at some places only [N, 1, H].

        Under sequence parallelism it is this rank's share of T tokens, filled up to a multiple of the tensor size.

        Args:
            inputs: Of the first stage; elsewhere they tell where sequences lie.
            read_N: These places, 64 bit; not under sequence parallelism.
        """
        pack = inputs.filled_up(self.groups.tp.size()) if self.config.sequence_parallel else inputs
        embedded = self.embedding(pack, self.mask_id) if self.pre_process else None
        context = LayerContext.of(pack, self.config, is_rotary=self.is_rotary, drops=self.training, read_N=read_N)
        hidden_T1H: Tensor = self.encoder(embedded, attention_mask=None, packed_seq_params=context)
        return hidden_T1H

    def logits(self, batch: EncoderBatch) -> Tensor:
        """Logits of the vocabulary at the targets, on every rank; for models of one stage [N, vocabulary]."""
        return whole_logits(self._logits(batch), self.rows, self.groups)

    def set_input_tensor(self, input_tensor: Tensor | list[Tensor]) -> None:
        """Takes the hidden states of the stage before; called by megatron-core's schedules."""
        self.encoder.set_input_tensor(input_tensor[0] if isinstance(input_tensor, list) else input_tensor)

    def shared_embedding_or_output_weight(self) -> Tensor | None:
        """The token table, which the first and the last stage hold; called by megatron-core to sum its gradients."""
        return self.embedding.tokens.weight if self.pre_process or self.post_process else None

    def sharded_state_dict(
        self, prefix: str = "", sharded_offsets: tuple[()] = (), metadata: dict[str, object] | None = None
    ) -> dict[str, ShardedTensor]:
        """The parameters as shards of the whole; a last stage marks its copy of the token table as one to leave out."""
        shards: dict[str, ShardedTensor] = super().sharded_state_dict(prefix, sharded_offsets, metadata)
        if self.post_process and not self.pre_process:
            table = f"{prefix}embedding.tokens.weight"
            shards[table] = replace(shards[table], replica_id=(1, 0, self.groups.dp_cp.rank()))
        return shards

    def _logits(self, batch: EncoderBatch) -> Tensor:
        logits_NV: Tensor = self.head(self._rows(batch), self.embedding.tokens.weight)
        return logits_NV

    def _rows(self, batch: EncoderBatch) -> Tensor:
        """The hidden states of the targets [N, H]; the last layer makes no others where ranks hold tokens whole."""
        places = batch.targets.places
        if isinstance(places, Tensor) and not self.config.sequence_parallel:
            return self.hidden_states(batch.inputs, places)[:, 0]
        return rows_at(self.hidden_states(batch.inputs), places, self.config, self.groups)


def _drops_masked(model: Esm1nvModel | Esm2nvModel) -> bool:
    return isinstance(model, Esm2nvModel) and model.embedding_token_dropout
