"""What a training starts, as one frozen value: a launcher on each node, with its arguments and its environment.

Made by `training_plan`; rendered by an adapter: `torchx_app` for a workstation. It knows neither TorchX nor Kubernetes.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One attempt of a training. All its nodes play the same role and differ by their rank alone."""

    name: str
    """Of the training."""
    module: str
    """Entry point: each node runs `python -m` this, which starts the processes of its node."""
    arguments: tuple[str, ...]
    """Of the module."""
    nodes: int
    """Replicas, one launcher on each node."""
    processes_per_node: int
    """Ranks on each node; one per GPU where there are any."""
    gpus_per_node: int
    """GPUs of each node; 0 trains on CPU."""
    environment: Mapping[str, str]
    """Variables that are the same on every node; what tells nodes apart is for the adapter to add."""
