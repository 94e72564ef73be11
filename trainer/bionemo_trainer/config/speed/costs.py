"""What a step costs each rank before anything is sent: time of the host, of the GPU, and of the GPU's memory. Pure."""

from dataclasses import dataclass

from bionemo_trainer.config.cuda_graph import obstacle_to_graphs
from bionemo_trainer.config.layout import Layout
from bionemo_trainer.config.parameters import num_parameters
from bionemo_trainer.config.schema.model import MegaMolBARTModel, ProtT5nvModel
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.config.speed.gpus import EIGHT_BIT, Gpu
from bionemo_trainer.config.speed.measured import (
    HOST_SECONDS_PER_LAYER,
    REPLAYED_SECONDS_PER_LAYER,
    REPLAYED_SECONDS_PER_STEP,
    working_seconds,
)
from bionemo_trainer.config.speed.workload import Workload

_ACCUMULATION_BYTES = 10
"""Moved per parameter and micro batch: the 16-bit gradient is added to the 32-bit sum."""
_ZEROING_BYTES = 4
"""Moved per parameter and step: the sums begin at zero."""
_UPDATE_BYTES = 38
"""Moved per parameter that a rank updates: its norm 4, AdamW with the 16-bit copy 30, what is sent to the others 4."""
_REPEATED_FORWARD = 4 / 3
"""A forward pass is a third of a forward and a backward pass; full recomputation does it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Seconds of one rank, of each pipeline stage alike."""

    host_seconds: float
    """In each micro batch, in which the host starts kernels."""
    compute_seconds: float
    """In each micro batch, in which the GPU works."""
    update_seconds: float
    """At the end of a step, on the GPU."""


def costs_of(config: TrainConfig, layout: Layout, work: Workload, gpu: Gpu) -> Costs:
    """Of a copy of the model that the ranks of a layout share.

    Args:
        config: The run; its own layout is not looked at.
        layout: Which ranks share the model.
        work: Of one copy of the model.
        gpu: Of every rank.
    """
    share = num_parameters(config.model) / layout.model_parallel
    shares = work.micro_batches * layout.model_parallel
    flops, eight_bit_flops = _flops(config, work) / shares, _eight_bit_flops(config, work) / shares
    width = config.model.hidden_size / (1 if config.model.sequence_parallel else layout.tensor)
    accumulated = share * _ACCUMULATION_BYTES / gpu.memory_bytes_per_second
    updated = share * (_ZEROING_BYTES + _UPDATE_BYTES / layout.data) / gpu.memory_bytes_per_second
    return Costs(
        host_seconds=_host_seconds(config, layout, work),
        compute_seconds=working_seconds(flops, width, gpu, eight_bit_flops) + accumulated,
        update_seconds=updated,
    )


def _host_seconds(config: TrainConfig, layout: Layout, work: Workload) -> float:
    stacks = 2 if isinstance(config.model, MegaMolBARTModel | ProtT5nvModel) else 1
    layers = stacks * config.model.num_layers / layout.pipeline
    if layout.model_parallel == 1 and obstacle_to_graphs(config) is None:
        return REPLAYED_SECONDS_PER_LAYER * layers + REPLAYED_SECONDS_PER_STEP / work.micro_batches
    repeated = _REPEATED_FORWARD if config.model.activations_checkpoint_granularity == "full" else 1.0
    return HOST_SECONDS_PER_LAYER[config.family] * layers * repeated


def _flops(config: TrainConfig, work: Workload) -> float:
    """Operations of a step, useful or repeated."""
    match config.model.activations_checkpoint_granularity:
        case "full":
            return work.flops * _REPEATED_FORWARD
        case "selective":
            return work.flops + work.product_flops * (_REPEATED_FORWARD - 1)
        case _:
            return work.flops


def _eight_bit_flops(config: TrainConfig, work: Workload) -> float:
    """Those of `_flops` in 8 bit: forward passes of projections, repeated ones too, and the gradients of their inputs."""
    if config.trainer.precision != EIGHT_BIT:
        return 0.0
    passes = _REPEATED_FORWARD if config.model.activations_checkpoint_granularity == "full" else 1.0
    return (work.flops - work.product_flops) * (passes - 1 / 3)
