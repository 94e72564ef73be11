"""What a user would pick instead of the trainer: Hugging Face's networks, compiled, on rows as long as their batch needs.

They are compiled layer by layer, as their documentation advises for large networks: a whole T5 of 24 layers was not compiled after 150 s.
"""

from collections.abc import Callable, Sequence

import torch._dynamo
from rivals import Rival, Rows
from torch import Tensor, nn
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    EsmConfig,
    EsmForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
)
from transformers.modeling_layers import GradientCheckpointingLayer

from bionemo_trainer.config.parameters import padded_vocabulary_size
from bionemo_trainer.config.schema.model import Esm2nvModel, MegaMolBARTModel, ProtT5nvModel
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.tokenizers.vocabulary import esm2_vocabulary

LENGTH_MULTIPLE = 64
"""Rows are padded to a multiple of it, so that few shapes are compiled."""
MOST_FORMS = 64
"""Of a layer, that are compiled; by default 8, of which T5's has more: the first and the others, of the encoder and the decoder, by sizes."""


class Transformers(Rival):
    """Hugging Face's, compiled, on rows as long as their batch needs."""

    def build(self) -> nn.Module:
        """The network of the family."""
        model, vocabulary = self.config.model, padded_vocabulary_size(self.config.model)
        network = (
            _PEER_OF[type(model)](self.config, vocabulary) if type(model) in _PEER_OF else _esm(self.config, vocabulary)
        )
        if self.device.type == "cuda":
            torch._dynamo.config.recompile_limit = MOST_FORMS  # noqa: SLF001 - where torch documents it
            for layer in network.modules():
                if isinstance(layer, GradientCheckpointingLayer):
                    layer.compile()
        return network

    def logits(self, rows: Rows) -> Tensor:
        """Of the last side."""
        first = rows.sides[0]
        inputs = {"input_ids": first.ids_BS, "attention_mask": first.is_real_BS.long()}
        if len(rows.sides) > 1:
            inputs |= {
                "decoder_input_ids": rows.sides[1].ids_BS,
                "decoder_attention_mask": rows.sides[1].is_real_BS.long(),
            }
        found: Tensor = self.network(**inputs).logits
        return found

    def lengths(self, longest: Sequence[int]) -> tuple[int, ...]:
        """Rounded up."""
        most = self.config.model.seq_length
        return tuple(min(-(-length // LENGTH_MULTIPLE) * LENGTH_MULTIPLE, most) for length in longest)


def _bart(config: TrainConfig, vocabulary: int) -> nn.Module:
    model = config.model
    return BartForConditionalGeneration(
        BartConfig(
            vocab_size=vocabulary,
            d_model=model.hidden_size,
            encoder_layers=model.num_layers,
            decoder_layers=model.num_layers,
            encoder_ffn_dim=model.ffn_hidden_size,
            decoder_ffn_dim=model.ffn_hidden_size,
            encoder_attention_heads=model.num_attention_heads,
            decoder_attention_heads=model.num_attention_heads,
            max_position_embeddings=model.max_position_embeddings,
            dropout=model.hidden_dropout,
            attention_dropout=model.attention_dropout,
            use_cache=False,
        )
    )


def _t5(config: TrainConfig, vocabulary: int) -> nn.Module:
    model = config.model
    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=vocabulary,
            d_model=model.hidden_size,
            d_kv=model.hidden_size // model.num_attention_heads,
            d_ff=model.ffn_hidden_size,
            num_layers=model.num_layers,
            num_heads=model.num_attention_heads,
            dropout_rate=model.hidden_dropout,
            feed_forward_proj="gelu",
            use_cache=False,
        )
    )


def _esm(config: TrainConfig, vocabulary: int) -> nn.Module:
    model, vocabulary_of_esm = config.model, esm2_vocabulary()
    is_esm2 = isinstance(model, Esm2nvModel)
    return EsmForMaskedLM(
        EsmConfig(
            vocab_size=vocabulary,
            pad_token_id=vocabulary_of_esm.pad_id,
            mask_token_id=vocabulary_of_esm.mask_id,
            hidden_size=model.hidden_size,
            num_hidden_layers=model.num_layers,
            num_attention_heads=model.num_attention_heads,
            intermediate_size=model.ffn_hidden_size,
            max_position_embeddings=model.max_position_embeddings + 2,
            hidden_dropout_prob=model.hidden_dropout,
            attention_probs_dropout_prob=model.attention_dropout,
            position_embedding_type="rotary" if is_esm2 else "absolute",
            token_dropout=is_esm2,
        )
    )


_PEER_OF: dict[type, Callable[[TrainConfig, int], nn.Module]] = {MegaMolBARTModel: _bart, ProtT5nvModel: _t5}
