"""What this machine has for a training, and whether it suffices. Needs neither torch nor a driver's tools."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from bionemo_operator.api.training import BioNeMoTraining
from bionemo_operator.planning.torchx_app import VISIBLE_GPUS
from bionemo_trainer.config.layout import counted
from bionemo_trainer.errors import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Workstation:
    """The parts of a machine that trainings share."""

    cores: int
    """That this process may use."""
    gpus: tuple[str, ...]
    """As CUDA_VISIBLE_DEVICES names them."""


def this_workstation(environment: Mapping[str, str], devices: Path = Path("/dev")) -> Workstation:
    """What there is here: the GPUs that CUDA_VISIBLE_DEVICES names, or else those with a device file."""
    if VISIBLE_GPUS in environment:
        named = (name.strip() for name in environment[VISIBLE_GPUS].split(","))
        gpus = tuple(takewhile(lambda name: name not in ("", "-1"), named))  # CUDA stops at the first that is none
    else:
        gpus = tuple(str(number) for number, _ in enumerate(devices.glob("nvidia[0-9]*")))
    return Workstation(cores=len(os.sched_getaffinity(0)), gpus=gpus)


def shortage(training: BioNeMoTraining, here: Workstation) -> Problem | None:
    """Why a training can't run here, or None if it can."""
    spec = training.spec
    wanted = spec.nodes * spec.gpus_per_node
    if wanted <= len(here.gpus):
        return None
    rule = f"on {counted(spec.nodes, 'node')} asks for {counted(wanted, 'GPU')}, and this machine has {len(here.gpus)}"
    fewer = f"--nodes 1 --gpus {len(here.gpus)}, or with " if here.gpus else ""
    mend = f"run with {fewer}--gpus 0 --processes 2 to train on its CPU"
    field = f"{training.metadata.name}: spec.gpusPerNode"
    return Problem(field=field, value=spec.gpus_per_node, rule=rule, mend=mend)
