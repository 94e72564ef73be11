"""Measure the operator on a real API server: `python benchmarks/operator_speed.py [--trainings 1000]`.

Creates trainings and watches for the PyTorchJobs that the operator makes of them. In the same run a bare loop creates the same
number of ready-made PyTorchJobs with as many threads, which is what the API server gives at best. The training operator is off,
so that its own work does not compete for the cores. First use builds the control plane, see tests/cluster.
"""

import argparse
import contextlib
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))

from bionemo_operator.cluster.client import Client  # noqa: E402 - the tests' helpers come first
from bionemo_operator.cluster.credentials import connect  # noqa: E402
from bionemo_operator.cluster.kinds import PYTORCH_JOBS, TRAININGS, Kind  # noqa: E402
from bionemo_operator.errors import ClusterError, UnavailableError  # noqa: E402
from testkit.cluster_control_plane import ControlPlane, control_plane  # noqa: E402
from testkit.cluster_waiting import eventually  # noqa: E402
from testkit.operator_process import OperatorProcess  # noqa: E402

THREADS = 16
NAMESPACE = "default"


class Arrivals:
    """When each PyTorchJob was first seen by a watch, by the name of its training."""

    def __init__(self, client: Client) -> None:
        self.seen_at: dict[str, float] = {}
        self._client = client
        self._version = client.list(PYTORCH_JOBS, NAMESPACE)["metadata"]["resourceVersion"]
        threading.Thread(target=self._watch, daemon=True).start()

    def await_one(self, name: str) -> bool:
        """Waits for the PyTorchJob of a training; whether it has come."""
        return eventually(lambda: name in self.seen_at)

    def _watch(self) -> None:
        while True:
            with contextlib.suppress(UnavailableError):  # an API server ends watches of a kind when its CRD changes
                for kind, body in self._client.watch(PYTORCH_JOBS, NAMESPACE, "", self._version, seconds=600):
                    self._version = body["metadata"]["resourceVersion"]
                    if kind == "ADDED":
                        self.seen_at.setdefault(body["metadata"]["name"].rpartition("-")[0], time.monotonic())


def training(name: str) -> dict[str, Any]:
    """A training of two nodes."""
    spec = {
        "recipe": "molecule/megamolbart/pretrain_small_span_aug",
        "nodes": 2,
        "gpusPerNode": 8,
        "dataset": {"claim": {"name": "data", "path": "zinc15"}},
        "results": {"claim": {"name": "results"}},
    }
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "bionemo.dev/v1alpha1", "kind": "BioNeMoTraining", "metadata": metadata, "spec": spec}


def create_all(client: Client, kind: Kind, manifests: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Creates objects with many threads; when each was asked for, by name."""
    asked_at: dict[str, float] = {}

    def create(manifest: dict[str, Any]) -> None:
        asked_at[manifest["metadata"]["name"]] = time.monotonic()
        client.create(kind, NAMESPACE, manifest)

    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        for _ in pool.map(create, manifests):
            pass
    return asked_at


def burst(client: Client, count: int) -> tuple[float, list[float]]:
    """Trainings applied at once: how many PyTorchJobs there were per second, and how long each took."""
    arrivals = Arrivals(client)
    asked_at = create_all(client, TRAININGS, (training(f"burst{number}") for number in range(count)))
    assert eventually(lambda: len(arrivals.seen_at) >= count, within_seconds=300), "not all PyTorchJobs have come"
    seconds = max(arrivals.seen_at.values()) - min(asked_at.values())
    return count / seconds, [arrivals.seen_at[name] - asked for name, asked in asked_at.items()]


def single(client: Client, count: int) -> list[float]:
    """Trainings applied one by one to an idle operator: how long each PyTorchJob took."""
    arrivals = Arrivals(client)
    latencies = []
    for number in range(count):
        name = f"single{number}"
        asked_at = time.monotonic()
        client.create(TRAININGS, NAMESPACE, training(name))
        assert arrivals.await_one(name), "the PyTorchJob has not come"
        latencies.append(arrivals.seen_at[name] - asked_at)
        time.sleep(0.3)
    return latencies


def bare(client: Client, count: int, *, with_trainings: bool) -> float:
    """PyTorchJobs per second of a loop that creates ready-made ones; with trainings, which nobody looks at, as users do."""
    example = client.get(PYTORCH_JOBS, NAMESPACE, "burst0-1")
    manifest = {"apiVersion": "kubeflow.org/v1", "kind": "PyTorchJob", "spec": example["spec"]}
    names = [f"bare{int(with_trainings)}-{number}" for number in range(count)]
    jobs = ({**manifest, "metadata": {"name": name, "namespace": NAMESPACE}} for name in names)
    started_at = time.monotonic()
    if with_trainings:
        create_all(client, TRAININGS, map(training, names))
    create_all(client, PYTORCH_JOBS, jobs)
    return count / (time.monotonic() - started_at)


def percentile(values: list[float], share: float) -> float:
    """The value below which a share of all lie."""
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def processor_seconds() -> dict[str, float]:
    """Processor time that this script and each program that it started have taken so far, by the program's name."""
    this = psutil.Process()
    named = [("this script", this), *((child.name(), child) for child in this.children(recursive=True))]
    return {name: sum(process.cpu_times()[:2]) for name, process in named}


def total(operator: OperatorProcess, metric: str, keep: Callable[[str], bool]) -> float:
    """Sum of the samples of a metric that are kept."""
    lines = [line for line in operator.get("/metrics").splitlines() if line.startswith(f"{metric}{{") and keep(line)]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def measure(plane: ControlPlane, count: int) -> None:
    """Measure, and print one line for each figure."""
    plane.stop_training_operator()
    plane.kubectl("delete", "validatingwebhookconfigurations", "--all")
    client = Client(connect(kubeconfig=str(plane.kubeconfig), connections=THREADS + 4))
    operator = OperatorProcess(kubeconfig=plane.kubeconfig, settings={"LOG_FORMAT": "json"})
    operator.start()
    assert eventually(lambda: operator.metric("bionemo_operator_leads") == 1.0), "the operator does not lead"
    idle = single(client, 20)
    before = {"passes": _passes(operator), "calls": _calls(operator)}
    spent = processor_seconds()
    rate, latencies = burst(client, count)
    costs = {name: seconds - spent[name] for name, seconds in processor_seconds().items()}
    time.sleep(5)
    figures = {
        "single apply to PyTorchJob, p50 / p99": f"{percentile(idle, 0.5):.3f} / {percentile(idle, 0.99):.3f} s",
        f"{count} at once, PyTorchJobs per second": f"{rate:.0f}",
        f"{count} at once, p50 / p99": f"{percentile(latencies, 0.5):.2f} / {percentile(latencies, 0.99):.2f} s",
        "processor time per training": ", ".join(
            f"{name} {1000 * cost / count:.1f} ms" for name, cost in sorted(costs.items(), key=lambda item: -item[1])
        ),
        "passes per training": f"{(_passes(operator) - before['passes']) / count:.2f}",
        "API calls per training, events not counted": f"{(_calls(operator) - before['calls']) / count:.2f}",
        "resident memory of the operator": f"{(operator.metric('process_resident_memory_bytes') or 0) / 1e6:.0f} MB",
    }
    operator.stop()
    figures |= {
        "bare loop, PyTorchJobs per second": f"{bare(client, count, with_trainings=False):.0f}",
        "bare loop, each with its training": f"{bare(client, count, with_trainings=True):.0f}",
    }
    for name, value in figures.items():
        print(f"{name:<48} {value}", flush=True)


def _passes(operator: OperatorProcess) -> float:
    return total(operator, "bionemo_operator_passes_total", lambda line: "trainings" in line)


def _calls(operator: OperatorProcess) -> float:
    """Requests that passes make, but for events."""
    verbs = ("apply", "create", "delete", "get", "patch")
    return total(
        operator, "bionemo_operator_api_requests_total", lambda line: any(f'verb="{verb}"' in line for verb in verbs)
    )


def main() -> None:
    """Start a control plane and measure on it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trainings", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            with control_plane(Path(folder), [ROOT / "crds"]) as plane:
                measure(plane, options.trainings)
        except ClusterError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
