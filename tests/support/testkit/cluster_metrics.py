"""Prometheus for a cluster under test. It scrapes pods as the API server passes them on, so that no network need lead to them."""

import contextlib
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from testkit.cluster_examples import pod_path
from testkit.cluster_kubectl import Kubectl
from testkit.cluster_processes import free_ports
from testkit.cluster_programs import REPOSITORY
from testkit.prometheus import Prometheus, Target, prometheus


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapedPod:
    """A pod that serves metrics."""

    namespace: str
    name: str
    port: int
    honors_labels: bool = False
    """Whether labels of series win over those of the pod, as the chart's ServiceMonitor has it."""


@contextlib.contextmanager
def scraped(kubectl: Kubectl, pods: Mapping[str, ScrapedPod], folder: Path) -> Iterator[Prometheus]:
    """Runs Prometheus until the block is left.

    Args:
        kubectl: Access to the cluster.
        pods: By the name of the job in Prometheus.
        folder: Empty; for Prometheus' configuration, log and data.
    """
    subprocess.run([REPOSITORY / "tests/cluster/packages.sh", "monitoring"], check=True)
    (port,) = free_ports(1)
    targets = {
        job: Target(
            port=port,
            path=f"{pod_path(pod.namespace, pod.name, pod.port)}/metrics",
            labels={"namespace": pod.namespace, "pod": pod.name},
            honors_labels=pod.honors_labels,
        )
        for job, pod in pods.items()
    }
    with kubectl.running("proxy", f"--port={port}", folder=folder), prometheus(folder, targets) as server:
        yield server
