"""Views of a training as a pass sees them, built from two or three facts; and a small world that acts on decisions."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bionemo_operator.api.parse import parse_resource
from bionemo_operator.api.training import BioNeMoTraining
from bionemo_operator.api.training_status import TrainingStatus
from bionemo_operator.planning.observed import Job, LastWords, Pod, Reading
from bionemo_operator.planning.training_pass import training_pass
from bionemo_operator.planning.training_view import CreateJob, Decision, DeleteJob, ForceDeletePod, TrainingView
from bionemo_trainer.contract import Phase, Progress, SavedCheckpoint

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
IMAGE = "trainer:1"
SMALL: dict[str, Any] = {
    "recipe": "molecule/megamolbart/pretrain_xsmall_span_aug",
    "nodes": 2,
    "gpusPerNode": 1,
    "dataset": {"claim": {"name": "data", "path": "molecules"}},
    "results": {"claim": {"name": "results", "path": "runs"}},
}


def training(name: str = "small", **spec: object) -> BioNeMoTraining:
    """A training of two nodes as the API server would give it, with fields of its spec in wire form added or replaced."""
    document = {
        "apiVersion": "bionemo.dev/v1alpha1",
        "kind": "BioNeMoTraining",
        "metadata": {"name": name, "namespace": "lab", "uid": "u-1", "generation": 1},
        "spec": {key: value for key, value in {**SMALL, **spec}.items() if value is not None},
    }
    parsed = parse_resource(document)
    assert isinstance(parsed, BioNeMoTraining), "its kind says so"
    return parsed


def job(number: int = 1, **facts: object) -> Job:
    """A PyTorchJob of the training above."""
    usual: dict[str, Any] = {
        "name": f"small-{number}", "uid": f"job-{number}", "number": number, "stage": "", "output": "", "created_at": NOON,
        "started_at": NOON, "is_deleting": False, "is_suspended": False, "outcome": None, "ended_at": None, "message": "",
        "nodes": 2, "done": 0, "config": "model: {global_batch_size: 64}",
    }  # fmt: skip
    return Job(**{**usual, **facts})


def pod(index: int = 0, attempt: int = 1, **facts: object) -> Pod:
    """A running pod of the training above."""
    usual: dict[str, Any] = {
        "name": f"small-{attempt}-worker-{index}", "job": f"small-{attempt}", "index": index, "phase": "Running",
        "node": f"node-{index}", "address": f"10.0.0.{index}", "created_at": NOON, "deletion_deadline": None, "is_gone": False,
        "last_words": None, "disruption": None, "reason": "", "message": "", "waiting": "", "is_schedulable": True,
        "is_ready": True,
    }  # fmt: skip
    return Pod(**{**usual, **facts})


def ended(exit_code: int, message: str = "", reason: str = "Error", after_seconds: int = 0) -> LastWords:
    """How a container ended, some seconds after noon."""
    return LastWords(
        exit_code=exit_code, reason=reason, message=message, finished_at=NOON + timedelta(seconds=after_seconds)
    )


def reading(step: int, phase: Phase = "Stepping", *, attempt: int = 1, at_seconds: int = 0, **facts: Any) -> Reading:
    """What rank 0 answers some seconds after noon; facts: saved_step, stalled_seconds and fields of the progress."""
    saved = facts.pop("saved_step", None)
    stalled_seconds = facts.pop("stalled_seconds", 0.0)
    moment = NOON + timedelta(seconds=at_seconds)
    checkpoint = None
    if saved is not None:
        path = f"checkpoints/step={saved}.ckpt"
        checkpoint = SavedCheckpoint(step=saved, path=path, size_bytes=1000, saved_at=NOON.timestamp())
    progress = Progress(
        phase=phase, attempt=attempt, step=step, max_steps=100, consumed_samples=step * 64, updated_at=moment.timestamp(),
        checkpoint=checkpoint, **facts,
    )  # fmt: skip
    return Reading(progress=progress, stalled_seconds=stalled_seconds, read_at=moment)


def view(of: BioNeMoTraining | None = None, *, at_seconds: float = 0, **facts: Any) -> TrainingView:
    """What a pass sees some seconds after noon."""
    status = facts.get("status", TrainingStatus())
    usual: dict[str, Any] = {"status": status, "reported": status, "image": IMAGE}
    return TrainingView(training=of or training(), now=NOON + timedelta(seconds=at_seconds), **{**usual, **facts})


def reason_of(status: TrainingStatus, type_: str) -> str:
    """The reason of a condition."""
    return next(condition.reason for condition in status.conditions if condition.type == type_)


def message_of(status: TrainingStatus, type_: str) -> str:
    """The message of a condition."""
    return next(condition.message for condition in status.conditions if condition.type == type_)


@dataclass(kw_only=True)
class World:
    """A cluster that does at once what decisions ask for, and in which a test lets things happen."""

    training: BioNeMoTraining
    now: datetime = NOON
    status: TrainingStatus = field(default_factory=TrainingStatus)
    jobs: dict[int, Job] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    created: list[int] = field(default_factory=list)
    """Numbers of all attempts ever made."""

    def passes(self, *, reading: Reading | None = None, reports: bool = True) -> Decision:
        """One pass; one that does not report is an operator that dies before it can."""
        seen = TrainingView(
            training=self.training,
            status=self.status,
            reported=self.status,
            jobs=tuple(self.jobs[number] for number in sorted(self.jobs)),
            pods=tuple(self.pods.values()),
            now=self.now,
            image=IMAGE,
            reading=reading,
        )
        status, decision = training_pass(seen)
        for action in decision.actions:
            self._do(action)
        if reports:
            self.status = status
        return decision

    def runs(self, number: int) -> None:
        """All pods of an attempt begin to run."""
        self.pods |= {
            one.name: one
            for one in (pod(index, number, created_at=self.now) for index in range(self.jobs[number].nodes))
        }

    def ends(self, number: int, outcome: str, exit_code: int = 0, message: str = "") -> None:
        """All pods of an attempt end so, and its job with them."""
        words = LastWords(exit_code=exit_code, reason="Error", message=message, finished_at=self.now)
        phase = "Succeeded" if exit_code == 0 else "Failed"
        for name, one in self.pods.items():
            if one.job == f"small-{number}" and not one.is_gone:
                self.pods[name] = replace(one, phase=phase, last_words=words)
        self.jobs[number] = replace(self.jobs[number], outcome=outcome, ended_at=self.now)

    def _do(self, action: object) -> None:
        match action:
            case CreateJob(manifest=manifest):
                number = int(manifest["metadata"]["labels"]["bionemo.dev/attempt"])
                nodes = manifest["spec"]["pytorchReplicaSpecs"]["Worker"]["replicas"]
                assert number not in self.jobs, "it must not be there"
                self.jobs[number] = job(number, created_at=self.now, started_at=self.now, nodes=nodes)
                self.created.append(number)
            case DeleteJob(name=name):
                number = int(name.rpartition("-")[2])
                del self.jobs[number]
                for key, one in self.pods.items():
                    if one.job == name:
                        self.pods[key] = replace(one, is_gone=True)
            case ForceDeletePod(name=name):
                self.pods[name] = replace(self.pods[name], is_gone=True)
