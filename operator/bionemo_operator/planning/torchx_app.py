"""A plan as an application of TorchX's local scheduler, which takes every node for a process on this machine.

The only place that knows TorchX's types. Called by `bionemo run`, and imported only when something runs.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from torchx.specs import AppDef, Role

from bionemo_operator.planning.plan import Plan
from bionemo_trainer import settings

VISIBLE_GPUS = "CUDA_VISIBLE_DEVICES"
THREADS = "OMP_NUM_THREADS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an application runs: what this machine gives it."""

    cores: int
    gpus: tuple[str, ...]
    """GPUs as CUDA_VISIBLE_DEVICES names them."""
    master_port: int
    """A free port where several nodes find each other; 0 for a single one, which finds its own."""
    folder: Path
    """Where each node leaves its last words."""


def app_for(plan: Plan, place: Place) -> AppDef:
    """The application: one role of one replica for each node.

    A role holds one environment for all its replicas, and nodes differ in more than their number. Resources are left out: the
    scheduler would divide the GPUs by itself, and take no notice of which ones the user made visible.
    """
    return AppDef(name=plan.name, roles=[_role(plan, place, rank) for rank in range(plan.nodes)])


def role_name(rank: int) -> str:
    """Of the node of that rank."""
    return f"node-{rank}"


def last_words_file(folder: Path, rank: int) -> Path:
    """Where the launcher of a node says how it ended."""
    return folder / f"{role_name(rank)}.json"


def _role(plan: Plan, place: Place, rank: int) -> Role:
    return Role(
        name=role_name(rank),
        image="",
        entrypoint=sys.executable,
        args=["-m", plan.module, *plan.arguments],
        env={
            **plan.environment,
            settings.NODE_RANK: str(rank),
            settings.MASTER_ADDRESS: "127.0.0.1",
            settings.MASTER_PORT: str(place.master_port),
            settings.TERMINATION_LOG: str(last_words_file(place.folder, rank)),
            **_share(plan, place, rank),
        },
    )


def _share(plan: Plan, place: Place, rank: int) -> dict[str, str]:
    """Which part of the machine a node takes: its own GPUs, or as many cores as there are for each process."""
    if plan.gpus_per_node:
        first = rank * plan.gpus_per_node
        return {VISIBLE_GPUS: ",".join(place.gpus[first : first + plan.gpus_per_node])}
    threads = max(1, place.cores // (plan.nodes * plan.processes_per_node))
    return {VISIBLE_GPUS: "", THREADS: str(threads)}
