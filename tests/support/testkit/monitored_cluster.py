"""A small cluster to watch: the real operator on an API server in memory, and a real training that goes on until it is stopped.

The API server plays what no part of ours does: pods fail, run and go. The training's first attempt is killed for memory;
the second one is a trainer of its own process on this machine, which the operator asks for its progress.
"""

import multiprocessing
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bionemo_operator.api.parse import parse_resource
from bionemo_operator.api.preprocess import BioNeMoPreprocess
from bionemo_operator.cluster.client import Body
from bionemo_operator.cluster.kinds import JOBS, PODS, PREPROCESSES, PYTORCH_JOBS, TRAININGS, Kind
from bionemo_operator.planning.names import JOB_NAME
from bionemo_operator.planning.preparation_job import output_of
from bionemo_operator.process import Operator
from bionemo_operator.settings import Settings
from testkit.api_lab import NAMESPACE, ApiLab, api_lab
from testkit.cluster_processes import free_ports
from testkit.documents import preprocess_document, training_document
from testkit.observations import SMALL

NODES = 2
_LIMITS = {
    "checkpoint": {"intervalSteps": 1000, "keep": 3},
    "recovery": {"maxRestarts": 20, "windowSeconds": 86400},
}
_WHEN = "2026-11-24T12:00:00Z"
_SINCE = {"lastTransitionTime": _WHEN, "observedGeneration": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitoredCluster:
    """Where to scrape."""

    operator_port: int
    trainer_port: int


@contextmanager
def monitored_cluster(folder: Path) -> Iterator[MonitoredCluster]:
    """Runs operator and trainer until the block is left; the training has progress, a checkpoint and goodput when it is entered."""
    (trainer_port,) = free_ports(1)
    trainer = multiprocessing.get_context("spawn").Process(target=_train, args=(folder, trainer_port))
    trainer.start()
    try:
        with api_lab() as lab, _running(lab, trainer_port) as operator:
            _play(lab, operator)
            yield MonitoredCluster(operator_port=operator.metrics_port, trainer_port=trainer_port)
    finally:
        trainer.terminate()
        trainer.join(timeout=60)


@contextmanager
def _running(lab: ApiLab, trainer_port: int) -> Iterator[Operator]:
    settings = Settings(
        identity="operator-0",
        metrics_host="127.0.0.1",
        metrics_port=0,
        lease_seconds=3,
        progress_port=trainer_port,
        resync_seconds=5,
    )
    # The version that the first watch of pods begins at is forgotten, as happens in every cluster sooner or later.
    lab.api.fail(410, "too old", method="GET", path="/pods")
    operator, stop = Operator(settings, lab.api.connection()), threading.Event()
    thread = threading.Thread(target=operator.run, args=(stop,))
    thread.start()
    try:
        yield operator
    finally:
        stop.set()
        thread.join(timeout=60)


def _play(lab: ApiLab, operator: Operator) -> None:
    objects = lab.api.objects
    objects.await_that(lambda: operator._controller.leads)
    lab.hidden(TRAININGS, training_document("small", **SMALL, **_LIMITS))
    lab.hidden(TRAININGS, _ended_training())
    lab.hidden(PREPROCESSES, preprocess_document("zinc"))
    lab.hidden(PREPROCESSES, _ended_preprocess())
    _prepare(lab, operator)
    killed = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": _WHEN}
    _pods(lab, "small-1", {"phase": "Failed", "containerStatuses": [{"state": {"terminated": killed}}]})
    failed = {"type": "Failed", "status": "True", "lastTransitionTime": _WHEN}
    _change(lab, PYTORCH_JOBS, "small-1", {"conditions": [failed]})
    objects.await_that(lambda: "small-1" not in lab.names(PYTORCH_JOBS))
    for index in range(NODES):
        lab.client.delete(PODS, NAMESPACE, f"small-1-worker-{index}")
    _pods(lab, "small-2", {"phase": "Running", "podIP": "127.0.0.1"})

    def is_under_way() -> bool:
        status = lab.status(TRAININGS, "small")
        return bool(status.get("checkpoint")) and float((status.get("recovery") or {}).get("goodput") or 0) > 0

    objects.await_that(is_under_way)


def _pods(lab: ApiLab, job: str, status: Body) -> None:
    """The pods of an attempt, as soon as there is one."""
    lab.api.objects.await_that(lambda: job in lab.names(PYTORCH_JOBS))
    labels = lab.client.get(PYTORCH_JOBS, NAMESPACE, job)["metadata"]["labels"]
    for index in range(NODES):
        of_pod = {
            **labels,
            JOB_NAME: job,
            "training.kubeflow.org/replica-index": str(index),
        }
        metadata = {"name": f"{job}-worker-{index}", "labels": of_pod}
        lab.hidden(PODS, {"metadata": metadata, "spec": {"nodeName": f"node-{index}"}, "status": status})


def _prepare(lab: ApiLab, operator: Operator) -> None:
    """The preparation's first stage ends, and two of the five tasks of its second one."""
    lab.api.objects.await_that(lambda: "zinc-list" in lab.names(JOBS))
    complete = {"type": "Complete", "status": "True", "lastTransitionTime": _WHEN}
    labels = lab.client.get(JOBS, NAMESPACE, "zinc-list")["metadata"]["labels"]
    ended = {"exitCode": 0, "message": '{"tasks": 5}'}
    pod: dict[str, Any] = {
        "metadata": {"name": "zinc-list-0", "labels": {**labels, "batch.kubernetes.io/job-name": "zinc-list"}},
        "status": {"phase": "Succeeded", "containerStatuses": [{"state": {"terminated": ended}}]},
    }
    lab.hidden(PODS, pod)
    lab.api.objects.await_that(lambda: operator._store.all(PODS) != ())
    _change(lab, JOBS, "zinc-list", {"succeeded": 1, "conditions": [complete]})
    lab.api.objects.await_that(lambda: "zinc-fetch" in lab.names(JOBS))
    _change(lab, JOBS, "zinc-fetch", {"succeeded": 2, "active": 3})


def _change(lab: ApiLab, kind: Kind, name: str, status: Body) -> None:
    lab.changed(kind, name, status=status)


def _ended_training() -> Body:
    """As the operator has left it: its loss became no number."""
    status = {
        "startTime": _WHEN,
        "completionTime": _WHEN,
        "observedGeneration": 1,
        "conditions": [
            _condition("Accepted", "True", "Valid"),
            _condition("Running", "False", "Finished"),
            _condition("Succeeded", "False", "FinalFailure"),
        ],
        "recovery": {"causes": [{"cause": "NonFiniteLoss", "count": 1}]},
    }
    return {**training_document("diverged", **SMALL, **_LIMITS), "status": status}


def _ended_preprocess() -> Body:
    """As the operator has left it: complete."""
    document = preprocess_document("complete", output={"claim": {"name": "other"}, "path": "x"})
    preprocess = parse_resource(document)
    assert isinstance(preprocess, BioNeMoPreprocess), "its kind says so"
    status = {
        "output": output_of(preprocess),
        "startTime": _WHEN,
        "completionTime": _WHEN,
        "observedGeneration": 1,
        "conditions": [
            _condition("Accepted", "True", "Valid"),
            _condition("Running", "False", "Finished"),
            _condition("Succeeded", "True", "Completed"),
        ],
        "records": {"train": 900, "validation": 0, "test": 0, "duplicates": 0, "rejected": 100},
    }
    return {**document, "status": status}


def _condition(type_: str, status: str, reason: str) -> Body:
    return {"type": type_, "status": status, "reason": reason, "message": f"{reason}.", **_SINCE}


def _train(folder: Path, port: int) -> None:
    """Trains a small network until SIGTERM, with a validation and a checkpoint every twenty steps."""
    import torch  # noqa: PLC0415 - seconds; only the fresh process pays for it
    from torch import distributed  # noqa: PLC0415

    from bionemo_trainer.engine.process_groups import Rendezvous  # noqa: PLC0415
    from bionemo_trainer.errors import StoppedError  # noqa: PLC0415
    from bionemo_trainer.settings import RankSettings  # noqa: PLC0415
    from bionemo_trainer.training.stopping import StopWish  # noqa: PLC0415
    from bionemo_trainer.training.train import train  # noqa: PLC0415
    from testkit.networks import MEGAMOLBART  # noqa: PLC0415
    from testkit.step_cases import write_datasets  # noqa: PLC0415
    from testkit.trainings import config_for  # noqa: PLC0415

    torch.set_num_threads(1)
    write_datasets(folder)
    config = config_for(MEGAMOLBART, folder, "run", "trainer.max_steps=1000000", "trainer.val_check_interval=20")
    settings = RankSettings(rank=0, local_rank=0, attempt=2, metrics_host="127.0.0.1", metrics_port=port, reports=None)
    rendezvous = Rendezvous(store=distributed.HashStore())  # type: ignore[attr-defined]  # torch exports it without saying so
    with suppress(StoppedError):
        train(config, settings, rendezvous, StopWish())
