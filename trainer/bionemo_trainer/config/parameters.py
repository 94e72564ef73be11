"""How many parameters a model has, from its configuration alone.

The models are those of megatron-core with the layers described in `models/`; the trainer asserts that it built as many.
"""

from bionemo_trainer.config.schema.model import Esm1nvModel, Esm2nvModel, MegaMolBARTModel, ProtT5nvModel

type AnyModel = MegaMolBARTModel | Esm1nvModel | Esm2nvModel | ProtT5nvModel

SMILES_VOCABULARY = 523
"""Tokens of MegaMolBART's vocabulary; a test compares these constants with the tokenizers."""
PROTEIN_PIECES = 30
"""Pieces of the protein vocabulary of ESM-1nv and ProtT5nv."""
ESM2_VOCABULARY = 33
"""Tokens of ESM-2."""


def vocabulary_size(model: AnyModel) -> int:
    """Tokens that the model's tokenizer can give."""
    match model:
        case MegaMolBARTModel():
            return SMILES_VOCABULARY
        case Esm2nvModel():
            return ESM2_VOCABULARY
        case _:
            return PROTEIN_PIECES + model.tokenizer.num_sentinel_tokens


def padded_vocabulary_size(model: AnyModel) -> int:
    """Rows of the token table: the vocabulary rounded up to `make_vocab_size_divisible_by` times the tensor size."""
    multiple = model.make_vocab_size_divisible_by * model.tensor_model_parallel_size
    return -(-vocabulary_size(model) // multiple) * multiple


def num_parameters(model: AnyModel) -> int:
    """Trainable parameters over all ranks, each shared one counted once."""
    encoder = model.num_layers * _layer(model, attentions=1) + _norm(model)
    if isinstance(model, MegaMolBARTModel | ProtT5nvModel):
        decoder = model.num_layers * _layer(model, attentions=2) + _norm(model)
        return encoder + decoder + _embeddings(model) + _decoder_head(model)
    return encoder + _embeddings(model) + _masked_head(model)


def head_width(model: AnyModel) -> int:
    """Width of an attention head."""
    return model.kv_channels or model.hidden_size // model.num_attention_heads


def _layer(model: AnyModel, *, attentions: int) -> int:
    hidden, inner, bias = model.hidden_size, model.ffn_hidden_size, int(model.bias)
    projected = head_width(model) * model.num_attention_heads
    attention = 4 * hidden * projected + bias * (3 * projected + hidden)
    feed_forward = 2 * hidden * inner + bias * (inner + hidden)
    return attentions * (attention + _norm(model)) + feed_forward + _norm(model)


def _norm(model: AnyModel) -> int:
    return 2 * model.hidden_size


def _embeddings(model: AnyModel) -> int:
    tokens = padded_vocabulary_size(model) * model.hidden_size
    learned = model.position_embedding_type == "learned_absolute"
    return tokens + learned * model.max_position_embeddings * model.hidden_size


def _masked_head(model: AnyModel) -> int:
    """A dense layer, a norm and the bias of the output, whose weights are the token table."""
    dense = model.hidden_size * model.hidden_size + model.hidden_size
    return dense + _norm(model) + padded_vocabulary_size(model)


def _decoder_head(model: MegaMolBARTModel | ProtT5nvModel) -> int:
    """A table of its own without bias, or the bias alone when the token table is shared."""
    vocabulary = padded_vocabulary_size(model)
    return vocabulary if model.share_decoder_tokens_head_embeddings else vocabulary * model.hidden_size
