"""Every environment variable that the trainer obeys; nothing else of ours reads the environment.

The names of the first group are torchrun's, which Kubeflow's training operator also sets; ours begin with BIONEMO_.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bionemo_trainer import contract
from bionemo_trainer.errors import ConfigError, Problem

NODES = "PET_NNODES"
NODE_RANK = "PET_NODE_RANK"
PROCESSES = "PET_NPROC_PER_NODE"
MASTER_ADDRESS = "PET_MASTER_ADDR"
MASTER_PORT = "PET_MASTER_PORT"
RUN_ID = "BIONEMO_RUN_ID"
GRACE = "BIONEMO_GRACE_SECONDS"
TERMINATION_LOG = "BIONEMO_TERMINATION_LOG"
METRICS_PORT = "BIONEMO_METRICS_PORT"
ATTEMPT = "BIONEMO_ATTEMPT"
REPORTS = "BIONEMO_REPORTS"
"""Folder where each rank leaves how it ended; set by the launcher for its workers."""
LAUNCHED_AT = "BIONEMO_LAUNCHED_AT_MILLISECONDS"
"""When the launcher began, since the epoch; set by it for its workers, who tell how long a start takes."""

RANK = "RANK"
LOCAL_RANK = "LOCAL_RANK"
"""torch's names for the number of a process among all and on its node; set by the launcher for its workers."""
COMPLETION_INDEX = "JOB_COMPLETION_INDEX"
"""Kubernetes' number of a pod in an Indexed Job."""
IN_KUBERNETES = "KUBERNETES_SERVICE_HOST"
"""Kubernetes sets it in every container."""

DEFAULT_PORT = 23456
"""Kubeflow's port of PyTorchJobs."""
DEFAULT_GRACE_SECONDS = 30
"""Kubernetes' own grace period of pods."""
KUBERNETES_TERMINATION_LOG = Path("/dev/termination-log")
"""Where a container leaves its last words; it exists in containers only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchSettings:
    """What the launcher of one node must know of the others."""

    nodes: int
    """Nodes of the run."""
    node_rank: int
    """Which of them this is, from 0."""
    processes: int
    """Ranks on each node."""
    master_address: str
    """Name or address of node 0."""
    master_port: int
    """Port of the rendezvous on node 0; 0 takes a free one, which only a single node can."""
    run_id: str
    """The same on all nodes of one attempt, different for every attempt."""
    grace_seconds: int
    """Seconds between SIGTERM and SIGKILL of this process."""
    termination_log: Path | None
    """Where the last words go; None for nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankSettings:
    """What one rank must know."""

    rank: int
    """Its number among all."""
    local_rank: int
    """Its number on its node."""
    attempt: int
    """Which try of the training this is, from 1; a later one has the right to save."""
    metrics_host: str
    """Address on which rank 0 answers: every one of a pod, on a workstation only the machine itself."""
    metrics_port: int
    """Port on which rank 0 answers; 0 takes a free one."""
    reports: Path | None
    """Folder for the report of how it ended; None for nowhere."""
    launched_at: float | None = None
    """When its launcher began, in seconds since the epoch; None without one."""


def rank_settings(environment: Mapping[str, str]) -> RankSettings:
    """Read the settings of a rank; without any, it is the only one.

    Raises:
        ConfigError: Variables that must be numbers are none; every one is named.
    """
    numbers, problems = _numbers(environment, _OF_RANK)
    if problems:
        raise ConfigError(problems)
    return RankSettings(
        rank=numbers[RANK],
        local_rank=numbers[LOCAL_RANK],
        attempt=numbers[ATTEMPT],
        metrics_host="0.0.0.0" if IN_KUBERNETES in environment else "127.0.0.1",  # noqa: S104 - Prometheus is elsewhere
        metrics_port=numbers[METRICS_PORT],
        reports=Path(environment[REPORTS]) if REPORTS in environment else None,
        launched_at=numbers[LAUNCHED_AT] / 1000 if LAUNCHED_AT in environment else None,
    )


def share_settings(environment: Mapping[str, str]) -> tuple[int, Path | None]:
    """Which share of a stage a pod of a preparation has, and where its last words go.

    Raises:
        ConfigError: The share is no number.
    """
    numbers, problems = _numbers(environment, {COMPLETION_INDEX: (0, 0)})
    if problems:
        raise ConfigError(problems)
    return numbers[COMPLETION_INDEX], _termination_log(environment)


def launch_settings(environment: Mapping[str, str], *, nodes: int = 1, processes: int = 1) -> LaunchSettings:
    """Read the settings; without any, it is one process on this machine alone.

    Args:
        environment: The process's.
        nodes: Nodes when the environment does not say.
        processes: Ranks per node when the environment does not say.

    Raises:
        ConfigError: Variables that must be numbers are none; every one is named.
    """
    numbers, problems = _numbers({NODES: str(nodes), PROCESSES: str(processes), **environment}, _OF_LAUNCHER)
    if problems:
        raise ConfigError(problems)
    return LaunchSettings(
        nodes=numbers[NODES],
        node_rank=numbers[NODE_RANK],
        processes=numbers[PROCESSES],
        master_address=environment.get(MASTER_ADDRESS, "127.0.0.1"),
        master_port=numbers[MASTER_PORT] if numbers[NODES] > 1 or MASTER_PORT in environment else 0,
        run_id=environment.get(RUN_ID, "local"),
        grace_seconds=numbers[GRACE],
        termination_log=_termination_log(environment),
    )


def _termination_log(environment: Mapping[str, str]) -> Path | None:
    log = Path(environment.get(TERMINATION_LOG, KUBERNETES_TERMINATION_LOG))
    return log if TERMINATION_LOG in environment or log.exists() else None


_OF_LAUNCHER = {
    NODES: (1, 1),
    NODE_RANK: (0, 0),
    PROCESSES: (1, 1),
    MASTER_PORT: (DEFAULT_PORT, 0),
    GRACE: (DEFAULT_GRACE_SECONDS, 1),
}
_OF_RANK = {
    RANK: (0, 0),
    LOCAL_RANK: (0, 0),
    ATTEMPT: (1, 1),
    METRICS_PORT: (contract.METRICS_PORT, 0),
    LAUNCHED_AT: (0, 0),
}
"""Variables that are whole numbers, with the default and the least of each."""


def _numbers(
    environment: Mapping[str, str], variables: Mapping[str, tuple[int, int]]
) -> tuple[dict[str, int], list[Problem]]:
    numbers: dict[str, int] = {}
    problems = []
    for name, (default, least) in variables.items():
        text = environment.get(name, str(default))
        if text.isdecimal() and int(text) >= least:
            numbers[name] = int(text)
        else:
            rule = f"must be a whole number of at least {least}"
            problems.append(
                Problem(field=f"environment variable {name}", value=text, rule=rule, mend="correct or unset it")
            )
    return numbers, problems
