"""How BioNeMo 0.3 trained: megatron-core's own models with its own layers, on rows of the full length."""

from collections.abc import Sequence
from itertools import combinations_with_replacement
from typing import Any

import torch
from megatron.core.models.bert.bert_layer_specs import bert_layer_local_spec
from megatron.core.models.bert.bert_model import BertModel
from megatron.core.models.T5.t5_model import T5Model
from megatron.core.models.T5.t5_spec import decoder_model_with_local_spec, encoder_model_with_local_spec
from megatron.core.transformer.transformer_config import TransformerConfig
from rivals import Rival, Rows
from torch import Tensor, nn

from bionemo_trainer.config.parameters import padded_vocabulary_size
from bionemo_trainer.config.schema.model import MegaMolBARTModel, ProtT5nvModel

BYTES_FOR_PAIRS = 30e9
"""Of the GPU's memory that may hold what is kept for pairs of tokens, so that the others have room beside it."""
BYTES_PER_PAIR = 10
"""Kept for the backward pass for every head and pair of tokens: scores, weights in 32 and 16 bit, the mask of dropout."""


class Megatron(Rival):
    """megatron-core's own, on rows of the full length, as BioNeMo 0.3 trained."""

    casts_itself = False

    def build(self) -> nn.Module:
        """The network of the family."""
        model = self.config.model
        sizes: dict[str, Any] = {
            "vocab_size": padded_vocabulary_size(model),
            "max_sequence_length": model.max_position_embeddings,
            "position_embedding_type": model.position_embedding_type,
            "share_embeddings_and_output_weights": True,
        }
        network: nn.Module
        config = TransformerConfig(
            num_layers=model.num_layers,
            hidden_size=model.hidden_size,
            ffn_hidden_size=model.ffn_hidden_size,
            num_attention_heads=model.num_attention_heads,
            hidden_dropout=model.hidden_dropout,
            attention_dropout=model.attention_dropout,
            layernorm_epsilon=model.layernorm_epsilon,
            bias_activation_fusion=True,
            bias_dropout_fusion=True,
            attention_softmax_in_fp32=True,
            use_cpu_initialization=True,
        )
        if isinstance(model, MegaMolBARTModel | ProtT5nvModel):
            encoder, decoder = encoder_model_with_local_spec(), decoder_model_with_local_spec()
            network = T5Model(config, config, encoder, decoder, **sizes)
        else:
            network = BertModel(config, 0, bert_layer_local_spec, add_binary_head=False, **sizes)
        return network.bfloat16()

    def master_weights(self) -> list[Tensor]:
        """Copies in 32 bit."""
        return [parameter.detach().float() for parameter in self.network.parameters()]

    def update(self) -> None:
        """Clips and updates the copies, and rounds them to the parameters."""
        parameters: list[Tensor] = list(self.network.parameters())
        for master, parameter in zip(self.masters, parameters, strict=True):
            assert parameter.grad is not None, "every parameter is used"
            master.grad, parameter.grad = parameter.grad.float(), None
        super().update()
        with torch.no_grad():
            torch._foreach_copy_(parameters, self.masters)

    def logits(self, rows: Rows) -> Tensor:
        """Of the last side; megatron-core's masks are true where nothing is to be seen."""
        first = rows.sides[0]
        if len(rows.sides) == 1:
            found: Tensor = self.network(first.ids_BS, first.is_real_BS)[0]  # without labels it has the batch first
            return found
        last = rows.sides[1]
        length = last.ids_BS.shape[1]
        future = torch.ones(length, length, dtype=torch.bool, device=self.device).triu(1)
        decoded: Tensor = self.network(  # batch first, as above
            first.ids_BS,
            last.ids_BS,
            ~first.is_real_BS[:, None, None, :],
            (future | ~last.is_real_BS[:, None, :])[:, None],
            ~first.is_real_BS[:, None, None, :],
        )
        return decoded

    def lengths(self, longest: Sequence[int]) -> tuple[int, ...]:
        """Always the same."""
        model = self.config.model
        last = model.data.seq_length_dec if isinstance(model, ProtT5nvModel) else model.seq_length
        return (model.seq_length, last)[: len(longest)]

    def most_rows(self, lengths: Sequence[int]) -> int:
        """Fewer where what is kept for pairs of tokens would not fit."""
        model = self.config.model
        own_and_across = combinations_with_replacement(lengths, 2)
        pairs = sum(one * other for one, other in own_and_across)
        bytes_of_row = model.num_layers * model.num_attention_heads * pairs * BYTES_PER_PAIR
        return max(1, min(super().most_rows(lengths), int(BYTES_FOR_PAIRS // bytes_of_row)))
