"""A configuration to its network, with the initial weights that its seed gives.

Called by the engine, by inference and by tests after the process groups have been joined.
"""

import torch
from megatron.core import parallel_state
from megatron.core.process_groups_config import ProcessGroupCollection
from megatron.core.transformer.transformer_layer import get_transformer_layer_offset
from torch import distributed, nn

from bionemo_trainer.config.parameters import num_parameters
from bionemo_trainer.config.schema.model import MegaMolBARTModel, ProtT5nvModel
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.models.bert import Bert
from bionemo_trainer.models.encoder_decoder import EncoderDecoder
from bionemo_trainer.models.initial_weights import InitialWeights, draw_initial_weights
from bionemo_trainer.models.kernel_support import permit_kernels
from bionemo_trainer.models.transformer_config import transformer_config

type Network = Bert | EncoderDecoder


def build_model(config: TrainConfig, device: torch.device, *, dtype: torch.dtype = torch.float32) -> Network:
    """This rank's part of the network of a configuration.

    Weights are those of `model.seed`, alike for every tensor, pipeline and data-parallel size. They are drawn on the
    device, or on the CPU with `model.use_cpu_initialization`.

    Args:
        config: The run; its tensor and pipeline sizes are those of the process groups.
        device: What this rank computes on.
        dtype: Of the parameters.
    """
    permit_kernels(are_permitted=config.model.fused_kernels)
    groups = ProcessGroupCollection.use_mpu_process_groups()
    network = _network(config, groups, device, dtype)
    weights = InitialWeights(
        std=config.model.init_method_std,
        num_layers=config.model.num_layers,
        rows=network.rows,
        seed=config.model.seed,
        device=torch.device("cpu") if config.model.use_cpu_initialization else device,
        first_layer=get_transformer_layer_offset(network.config),
    )
    draw_initial_weights(network, weights, groups)
    built, described = parameters_over_all_ranks(network, groups, device), num_parameters(config.model)
    assert built == described, f"built {built} parameters where the configuration describes {described}"
    return network


def parameters_over_all_ranks(network: nn.Module, groups: ProcessGroupCollection, device: torch.device) -> int:
    """Parameters of one replica, those that several ranks hold counted once; all its ranks must ask together."""
    count = 0
    for name, parameter in network.named_parameters():
        is_second_copy = name == "embedding.tokens.weight" and not network.pre_process
        shards = groups.tp.size() if getattr(parameter, "tensor_model_parallel", False) else 1
        count += 0 if is_second_copy else parameter.numel() * shards
    total = torch.tensor(count, device=device)
    distributed.all_reduce(total, group=groups.pp)
    return int(total)


def _network(config: TrainConfig, groups: ProcessGroupCollection, device: torch.device, dtype: torch.dtype) -> Network:
    transformer = transformer_config(config.model, dtype=dtype, device=device)
    if isinstance(config.model, MegaMolBARTModel | ProtT5nvModel):
        return EncoderDecoder(config.model, transformer, groups)
    return Bert(
        config.model,
        transformer,
        groups,
        is_first_stage=parallel_state.is_pipeline_first_stage(),
        is_last_stage=parallel_state.is_pipeline_last_stage(),
    )
