"""The same networks as others wrote them, with our weights: what logits and losses are compared with.

ESM's are Hugging Face's `EsmForMaskedLM`, pre-norm like ours. An encoder-decoder like ours, with learned positions, exact
GELU and LayerNorm, is no model there (its T5 has relative positions and RMSNorm, its BART norms after each block), so the
reference is torch's own encoder and decoder with `norm_first`.
"""

import torch
from torch import Tensor, nn
from transformers import EsmConfig, EsmForMaskedLM

from bionemo_trainer.models.bert import Bert
from bionemo_trainer.models.encoder_decoder import EncoderDecoder

PAD_ID, MASK_ID = 1, 32
"""Of Hugging Face's ESM-2 tokenizer."""


def esm_like(network: Bert) -> EsmForMaskedLM:
    """Hugging Face's model of a network's size, with its weights."""
    config, rows = network.config, network.rows.tokens
    learned = network.embedding.positions
    esm = EsmForMaskedLM(
        EsmConfig(
            vocab_size=rows,
            mask_token_id=MASK_ID,
            pad_token_id=PAD_ID,
            hidden_size=config.hidden_size,
            num_hidden_layers=config.num_layers,
            num_attention_heads=config.num_attention_heads,
            intermediate_size=config.ffn_hidden_size,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            max_position_embeddings=PAD_ID + 1 + (learned.num_embeddings if learned is not None else 0),
            layer_norm_eps=config.layernorm_epsilon,
            position_embedding_type="rotary" if learned is None else "absolute",
            emb_layer_norm_before=False,
            token_dropout=network.mask_id is not None,
        )
    )
    nn.Module.eval(esm)
    esm.load_state_dict(esm.state_dict() | _esm_weights(network), strict=True)
    return esm


class TorchTransformer(nn.Module):
    """torch's encoder-decoder with shared tables of tokens and positions; batches are rows of equal length [B, S]."""

    def __init__(self, network: EncoderDecoder) -> None:
        """Copies the size and the weights of a network."""
        super().__init__()
        config = network.config
        sizes = (config.hidden_size, config.num_attention_heads, config.ffn_hidden_size)
        kind = {
            "dropout": 0.0,
            "activation": nn.functional.gelu,
            "layer_norm_eps": config.layernorm_epsilon,
            "batch_first": True,
            "norm_first": True,
        }
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(*sizes, **kind),
            config.num_layers,
            norm=nn.LayerNorm(config.hidden_size, config.layernorm_epsilon),
            enable_nested_tensor=False,
        )
        self.decoder = nn.TransformerDecoder(
            nn.TransformerDecoderLayer(*sizes, **kind),
            config.num_layers,
            norm=nn.LayerNorm(config.hidden_size, config.layernorm_epsilon),
        )
        state = network.state_dict()
        self.load_state_dict(_transformer_weights(network), strict=True)
        self.tokens, self.positions = state["embedding.tokens.weight"], state["embedding.positions.weight"]
        self.output = state.get("output.weight", self.tokens)[: network.rows.tokens]
        self.bias = state["output.bias"][: network.rows.tokens] if "output.bias" in state else None

    def forward(self, read: Tensor, written: Tensor) -> Tensor:
        """Logits of the vocabulary [B, S, V] for rows of tokens [B, S] on either side."""
        causal = nn.Transformer.generate_square_subsequent_mask(written.shape[1])
        memory = self.encoder(self._embedded(read))
        hidden = self.decoder(self._embedded(written), memory, tgt_mask=causal)
        return nn.functional.linear(hidden, self.output, self.bias)

    def _embedded(self, tokens: Tensor) -> Tensor:
        return self.tokens[tokens] + self.positions[: tokens.shape[1]]


def _esm_weights(network: Bert) -> dict[str, Tensor]:
    state, rows = network.state_dict(), network.rows.tokens
    table = state["embedding.tokens.weight"][:rows]
    weights = {
        "esm.embeddings.word_embeddings.weight": table,
        "lm_head.decoder.weight": table,
        "lm_head.bias": state["head.output.bias"][:rows],
        "lm_head.dense.weight": state["head.dense.weight"],
        "lm_head.dense.bias": state["head.dense.bias"],
        "lm_head.layer_norm.weight": state["head.norm.weight"],
        "lm_head.layer_norm.bias": state["head.norm.bias"],
        "esm.encoder.emb_layer_norm_after.weight": state["encoder.final_layernorm.weight"],
        "esm.encoder.emb_layer_norm_after.bias": state["encoder.final_layernorm.bias"],
    }
    if network.embedding.positions is not None:
        learned = state["embedding.positions.weight"]  # they count from the padding's id on
        weights["esm.embeddings.position_embeddings.weight"] = nn.functional.pad(learned, (0, 0, PAD_ID + 1, 0))
    for layer in range(network.config.num_layers):
        weights |= _esm_layer(network, f"encoder.layers.{layer}.", f"esm.encoder.layer.{layer}.")
    return weights


def _esm_layer(network: Bert, ours: str, theirs: str) -> dict[str, Tensor]:
    state, weights = network.state_dict(), {}
    for kind in ("weight", "bias"):
        parts = _parts_of_heads(network, state[f"{ours}self_attention.linear_qkv.{kind}"], 3)
        for name, part in zip(("query", "key", "value"), parts, strict=True):
            weights[f"{theirs}attention.self.{name}.{kind}"] = part
        weights |= {
            f"{theirs}attention.LayerNorm.{kind}": state[f"{ours}input_layernorm.{kind}"],
            f"{theirs}attention.output.dense.{kind}": state[f"{ours}self_attention.linear_proj.{kind}"],
            f"{theirs}LayerNorm.{kind}": state[f"{ours}pre_mlp_layernorm.{kind}"],
            f"{theirs}intermediate.dense.{kind}": state[f"{ours}mlp.linear_fc1.{kind}"],
            f"{theirs}output.dense.{kind}": state[f"{ours}mlp.linear_fc2.{kind}"],
        }
    return weights


def _transformer_weights(network: EncoderDecoder) -> dict[str, Tensor]:
    state, weights = network.state_dict(), {}
    for kind in ("weight", "bias"):
        for stack in ("encoder", "decoder"):
            weights[f"{stack}.norm.{kind}"] = state[f"{stack}.final_layernorm.{kind}"]
        for layer in range(network.config.num_layers):
            weights |= _transformer_layer(network, f"encoder.layers.{layer}.", kind, ff_norm="norm2")
            weights |= _transformer_layer(network, f"decoder.layers.{layer}.", kind, ff_norm="norm3")
            weights |= _cross_attention(network, f"decoder.layers.{layer}.", kind)
    return weights


def _transformer_layer(network: EncoderDecoder, layer: str, kind: str, *, ff_norm: str) -> dict[str, Tensor]:
    state = network.state_dict()
    qkv = torch.cat(_parts_of_heads(network, state[f"{layer}self_attention.linear_qkv.{kind}"], 3))
    return {
        f"{layer}self_attn.in_proj_{kind}": qkv,
        f"{layer}self_attn.out_proj.{kind}": state[f"{layer}self_attention.linear_proj.{kind}"],
        f"{layer}norm1.{kind}": state[f"{layer}input_layernorm.{kind}"],
        f"{layer}{ff_norm}.{kind}": state[f"{layer}pre_mlp_layernorm.{kind}"],
        f"{layer}linear1.{kind}": state[f"{layer}mlp.linear_fc1.{kind}"],
        f"{layer}linear2.{kind}": state[f"{layer}mlp.linear_fc2.{kind}"],
    }


def _cross_attention(network: EncoderDecoder, layer: str, kind: str) -> dict[str, Tensor]:
    state = network.state_dict()
    query = state[f"{layer}cross_attention.linear_q.{kind}"]
    key_value = _parts_of_heads(network, state[f"{layer}cross_attention.linear_kv.{kind}"], 2)
    return {
        f"{layer}multihead_attn.in_proj_{kind}": torch.cat((query, *key_value)),
        f"{layer}multihead_attn.out_proj.{kind}": state[f"{layer}cross_attention.linear_proj.{kind}"],
        f"{layer}norm2.{kind}": state[f"{layer}pre_cross_attn_layernorm.{kind}"],
    }


def _parts_of_heads(network: Bert | EncoderDecoder, projection: Tensor, num_parts: int) -> list[Tensor]:
    """Ours hold the parts of a head side by side; theirs hold the heads of a part."""
    heads = projection.view(network.config.num_attention_heads, num_parts, network.config.kv_channels, -1)
    parts = [heads[:, part].flatten(0, 1) for part in range(num_parts)]
    return [part.squeeze(-1) for part in parts] if projection.dim() == 1 else parts
