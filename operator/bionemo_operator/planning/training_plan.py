"""The plan of one attempt of a BioNeMoTraining. Pure; called by `starting` for a cluster and by `bionemo run` here."""

from dataclasses import dataclass
from pathlib import Path

from bionemo_operator.api.training import BioNeMoTraining
from bionemo_operator.planning.plan import Plan
from bionemo_trainer import settings
from bionemo_trainer.contract import MAIN_MODULE


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of a training."""

    number: int
    """From 1; a later one has the right to save."""
    config_file: Path
    """The checked, resolved configuration that all its processes read."""
    metrics_port: int
    """Where rank 0 serves `/metrics` and `/progress`."""
    grace_seconds: int
    """Seconds that it gets to save after SIGTERM."""
    overrides: tuple[str, ...] = ()
    """What differs from the file here, such as folders."""


def plan_for(training: BioNeMoTraining, attempt: Attempt, module: str = MAIN_MODULE) -> Plan:
    """What an attempt starts.

    Args:
        training: What its user wrote.
        attempt: Which try of it this is.
        module: What trains.
    """
    spec = training.spec
    processes = spec.gpus_per_node or spec.processes_per_node or 1
    return Plan(
        name=training.metadata.name,
        module=module,
        arguments=(
            f"--config-path={attempt.config_file.parent}",
            f"--config-name={attempt.config_file.stem}",
            f"--recipe={spec.recipe}",
            *attempt.overrides,
        ),
        nodes=spec.nodes,
        processes_per_node=processes,
        gpus_per_node=spec.gpus_per_node,
        environment={
            settings.NODES: str(spec.nodes),
            settings.PROCESSES: str(processes),
            settings.RUN_ID: f"{training.metadata.name}-{attempt.number}",
            settings.ATTEMPT: str(attempt.number),
            settings.METRICS_PORT: str(attempt.metrics_port),
            settings.GRACE: str(attempt.grace_seconds),
        },
    )
