"""Joins the ranks of a run into the groups that megatron-core communicates in.

Called by the strategy and by inference before a model is built. Reads no environment but what torch's own `env://`
rendezvous reads when no store is given.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import torch
from megatron.core import parallel_state
from torch import distributed
from torch.distributed.distributed_c10d import Store

from bionemo_trainer.config.layout import Layout
from bionemo_trainer.engine.cpu import apply_cpu_shims
from bionemo_trainer.engine.seeds import seed_dropout
from bionemo_trainer.errors import ConfigError, Problem

type Backend = Literal["nccl", "gloo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """Where this process stands in the run, counted from 0 in each group."""

    world: int
    """Among all."""
    data: int
    """Among the replicas of the model."""
    tensor: int
    """Among those that share each layer."""
    pipeline: int
    """Among the stages of successive layers."""
    device: torch.device
    """What it computes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendezvous:
    """How this process finds the others."""

    rank: int = 0
    """Its number among all ranks of the run."""
    local_rank: int = 0
    """Its number on this node, which is also the number of its GPU."""
    store: Store | None = None
    """Where the ranks meet; None takes MASTER_ADDR and MASTER_PORT from the environment, as torchrun sets them."""
    timeout_seconds: float = 1800.0
    """How long a collective waits for a rank before it fails."""
    backend: Backend | None = None
    """None is NCCL for GPUs and Gloo for CPUs; Gloo also lets several ranks share one GPU."""


def join_process_groups(layout: Layout, rendezvous: Rendezvous) -> Ranks:
    """Waits for all ranks of the run and forms the groups of its layout.

    Raises:
        ConfigError: The layout's accelerator is not what this process sees.
    """
    device = _device(layout, rendezvous.local_rank)
    distributed.init_process_group(
        rendezvous.backend or ("nccl" if device.type == "cuda" else "gloo"),
        rank=rendezvous.rank,
        world_size=layout.world_size,
        store=rendezvous.store,
        timeout=timedelta(seconds=rendezvous.timeout_seconds),
    )
    form_model_groups(layout, rendezvous.timeout_seconds)
    ranks = Ranks(
        world=rendezvous.rank,
        data=parallel_state.get_data_parallel_rank(),
        tensor=parallel_state.get_tensor_model_parallel_rank(),
        pipeline=parallel_state.get_pipeline_model_parallel_rank(),
        device=device,
    )
    seed_dropout(0, 0, ranks)  # the streams exist from here on; the engine seeds them anew at every step
    return ranks


def form_model_groups(layout: Layout, timeout_seconds: float = 1800.0) -> None:
    """Divides ranks that have met into data, tensor and pipeline groups; an earlier division is forgotten."""
    parallel_state.destroy_model_parallel()
    parallel_state.initialize_model_parallel(
        tensor_model_parallel_size=layout.tensor,
        pipeline_model_parallel_size=layout.pipeline,
        distributed_timeout_minutes=max(1, round(timeout_seconds / 60)),
    )


def leave_process_groups() -> None:
    """Parts from the other ranks; nothing may be communicated after it."""
    parallel_state.destroy_model_parallel()
    distributed.destroy_process_group()


def _device(layout: Layout, local_rank: int) -> torch.device:
    has_gpu = torch.cuda.is_available()
    if layout.accelerator == "cpu":
        if has_gpu:
            # megatron-core takes its buffers from the GPU as soon as it sees one, and the shims would hide all of them.
            raise ConfigError(
                [_wrong_device(layout, "is for a process that sees no GPU", "set CUDA_VISIBLE_DEVICES=''")]
            )
        apply_cpu_shims()
        return torch.device("cpu")
    if not has_gpu:
        raise ConfigError([_wrong_device(layout, "needs a GPU, and torch sees none", "set trainer.accelerator=cpu")])
    device = torch.device("cuda", local_rank)
    torch.cuda.set_device(device)
    return device


def _wrong_device(layout: Layout, rule: str, mend: str) -> Problem:
    return Problem(field="trainer.accelerator", value=layout.accelerator, rule=rule, mend=mend)
