"""The same networks as others wrote them, with our weights: what logits and losses are compared with.

All are Hugging Face's: ESM for the encoders, and Blenderbot for the encoder-decoders, which has what BioNeMo's T5 and BART have:
norms before each block and at the end, LayerNorm with biases, learned positions, exact GELU. Its T5 has relative positions,
RMSNorm and no biases; its BART has norms behind each block; neither can hold our weights.
"""

import torch
from torch import Tensor, nn
from transformers import BlenderbotConfig, BlenderbotForConditionalGeneration, EsmConfig, EsmForMaskedLM

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


def blenderbot_like(network: EncoderDecoder) -> BlenderbotForConditionalGeneration:
    """Hugging Face's model of a network's size, with its weights."""
    config, rows = network.config, network.rows.tokens
    sizes = {
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in (
            ("layers", config.num_layers),
            ("attention_heads", config.num_attention_heads),
            ("ffn_dim", config.ffn_hidden_size),
        )
    }
    blenderbot = BlenderbotForConditionalGeneration(
        BlenderbotConfig(
            vocab_size=rows,
            max_position_embeddings=network.max_positions,
            d_model=config.hidden_size,
            tie_word_embeddings="output.weight" not in network.state_dict(),
            **sizes,
        )
    )
    nn.Module.eval(blenderbot)
    for module in blenderbot.modules():
        if isinstance(module, nn.LayerNorm):
            module.eps = config.layernorm_epsilon  # fixed there
    blenderbot.load_state_dict(_blenderbot_weights(network), strict=True)
    return blenderbot


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


def _blenderbot_weights(network: EncoderDecoder) -> dict[str, Tensor]:
    state, rows = network.state_dict(), network.rows.tokens
    table = state["embedding.tokens.weight"][:rows]
    bias = state.get("output.bias", torch.zeros(rows))[:rows]
    output = state.get("output.weight", table)[:rows]
    weights = {"model.shared.weight": table, "lm_head.weight": output, "final_logits_bias": bias.view(1, rows)}
    for stack in ("encoder", "decoder"):
        weights[f"model.{stack}.embed_tokens.weight"] = table
        weights[f"model.{stack}.embed_positions.weight"] = state["embedding.positions.weight"]
        for kind in ("weight", "bias"):
            weights[f"model.{stack}.layer_norm.{kind}"] = state[f"{stack}.final_layernorm.{kind}"]
        for layer in range(network.config.num_layers):
            weights |= _blenderbot_layer(network, f"{stack}.layers.{layer}.")
    for layer in range(network.config.num_layers):
        weights |= _cross_attention(network, f"decoder.layers.{layer}.")
    return weights


def _blenderbot_layer(network: EncoderDecoder, layer: str) -> dict[str, Tensor]:
    state, weights = network.state_dict(), {}
    for kind in ("weight", "bias"):
        parts = _parts_of_heads(network, state[f"{layer}self_attention.linear_qkv.{kind}"], 3)
        for name, part in zip(("q_proj", "k_proj", "v_proj"), parts, strict=True):
            weights[f"model.{layer}self_attn.{name}.{kind}"] = part
        weights |= {
            f"model.{layer}self_attn.out_proj.{kind}": state[f"{layer}self_attention.linear_proj.{kind}"],
            f"model.{layer}self_attn_layer_norm.{kind}": state[f"{layer}input_layernorm.{kind}"],
            f"model.{layer}final_layer_norm.{kind}": state[f"{layer}pre_mlp_layernorm.{kind}"],
            f"model.{layer}fc1.{kind}": state[f"{layer}mlp.linear_fc1.{kind}"],
            f"model.{layer}fc2.{kind}": state[f"{layer}mlp.linear_fc2.{kind}"],
        }
    return weights


def _cross_attention(network: EncoderDecoder, layer: str) -> dict[str, Tensor]:
    state = network.state_dict()
    weights: dict[str, Tensor] = {}
    for kind in ("weight", "bias"):
        key, value = _parts_of_heads(network, state[f"{layer}cross_attention.linear_kv.{kind}"], 2)
        weights |= {
            f"model.{layer}encoder_attn.q_proj.{kind}": state[f"{layer}cross_attention.linear_q.{kind}"],
            f"model.{layer}encoder_attn.k_proj.{kind}": key,
            f"model.{layer}encoder_attn.v_proj.{kind}": value,
            f"model.{layer}encoder_attn.out_proj.{kind}": state[f"{layer}cross_attention.linear_proj.{kind}"],
            f"model.{layer}encoder_attn_layer_norm.{kind}": state[f"{layer}pre_cross_attn_layernorm.{kind}"],
        }
    return weights


def _parts_of_heads(network: Bert | EncoderDecoder, projection: Tensor, num_parts: int) -> list[Tensor]:
    """Ours hold the parts of a head side by side; theirs hold the heads of a part."""
    heads = projection.view(network.config.num_attention_heads, num_parts, network.config.kv_channels, -1)
    parts = [heads[:, part].flatten(0, 1) for part in range(num_parts)]
    return [part.squeeze(-1) for part in parts] if projection.dim() == 1 else parts
