"""`model` as megatron-core's configuration. Called by `build`; every option of the recipes that shapes a layer is here."""

import torch
from megatron.core.transformer.transformer_config import TransformerConfig
from torch.nn import functional

from bionemo_trainer.config.parameters import AnyModel, head_width

RECOMPUTE_METHOD, RECOMPUTE_LAYERS = "uniform", 1
"""What `full` recomputation does when its method and its number of layers are not given: every layer by itself."""


# Longer than other functions because it is a table: one line per setting.
def transformer_config(model: AnyModel, *, dtype: torch.dtype, device: torch.device) -> TransformerConfig:
    """The layers that a configuration describes.

    Nothing is fused by megatron-core: its fusions need Transformer Engine, apex or a compiler. Weights are left as they
    were allocated, for `initial_weights` to draw.

    Args:
        model: Sizes, dropouts, layout and recomputation.
        dtype: Of the parameters.
        device: Where they are allocated.
    """
    is_full = model.activations_checkpoint_granularity == "full"
    return TransformerConfig(
        num_layers=model.num_layers,
        hidden_size=model.hidden_size,
        ffn_hidden_size=model.ffn_hidden_size,
        num_attention_heads=model.num_attention_heads,
        kv_channels=head_width(model),
        layernorm_epsilon=model.layernorm_epsilon,
        hidden_dropout=model.hidden_dropout,
        attention_dropout=model.attention_dropout,
        add_bias_linear=model.bias,
        activation_func=functional.gelu,
        fp32_residual_connection=model.fp32_residual_connection,
        tensor_model_parallel_size=model.tensor_model_parallel_size,
        pipeline_model_parallel_size=model.pipeline_model_parallel_size,
        sequence_parallel=model.sequence_parallel,
        calculate_per_token_loss=True,  # the engine divides by the targets of the whole global batch
        variable_seq_lengths=model.pipeline_model_parallel_size > 1,  # packed micro batches differ in length
        moe_token_dispatcher_type="alltoall",  # noqa: S106  no experts here, yet the default refuses lengths that vary
        recompute_granularity=model.activations_checkpoint_granularity,
        recompute_modules=[],  # our attention does its own; megatron-core warns of doing it
        recompute_method=(model.activations_checkpoint_method or RECOMPUTE_METHOD) if is_full else None,
        recompute_num_layers=(model.activations_checkpoint_num_layers or RECOMPUTE_LAYERS) if is_full else None,
        params_dtype=dtype,
        pipeline_dtype=torch.float32 if model.fp32_residual_connection else dtype,
        fp16=dtype == torch.float16,
        bf16=dtype == torch.bfloat16,
        transformer_impl="local",  # Transformer Engine is never chosen because a base image has it
        use_cpu_initialization=device.type == "cpu",
        perform_initialization=False,
        persist_layer_norm=False,
        bias_dropout_fusion=False,
        bias_activation_fusion=False,
        masked_softmax_fusion=False,
        gradient_accumulation_fusion=False,
        cuda_graph_modules=[],  # of the whole layer; the default says the same by a name that warns
    )


def allocation_device(config: TransformerConfig) -> torch.device | int:
    """Where megatron-core allocates parameters, for those that we allocate."""
    return torch.device("cpu") if config.use_cpu_initialization else torch.cuda.current_device()
