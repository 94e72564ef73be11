"""What one pass sees of the cluster, as frozen values. Pure: the objects of the API server come in as they are.

`cluster.observe` gathers; the policies beside this file decide on it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bionemo_operator.planning import names
from bionemo_trainer.contract import Progress

type Body = Mapping[str, Any]
"""An object as the API server gives it."""

GPU_MEMORY = "nvidia.com/gpu.memory"
"""Label by which GPU feature discovery says how much memory each GPU of a node has, in MiB."""
_OFF = "node.kubernetes.io/out-of-service"
"""Taint by which an administrator says that a node is off; the other taints of dead nodes only repeat the condition Ready."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LastWords:
    """How the container of a pod ended."""

    exit_code: int
    reason: str
    """Kubernetes' word: `OOMKilled`, `Error`, `Completed`."""
    message: str
    """Its termination message, as it was written; ours are JSON."""
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """A pod of ours, there or gone."""

    name: str
    job: str
    """The PyTorchJob or Job that it belongs to."""
    index: int
    """Node rank, or completion index."""
    phase: str
    """Pending, Running, Succeeded, Failed or Unknown."""
    node: str | None
    address: str | None
    created_at: datetime
    deletion_deadline: datetime | None
    """When its grace period ends; None unless it is being deleted."""
    is_gone: bool
    """Whether it has been removed; the rest is then its last state."""
    last_words: LastWords | None
    disruption: str | None
    """Reason of its condition DisruptionTarget, by which Kubernetes says that it removed the pod: `PreemptionByScheduler`."""
    reason: str
    """Why Kubernetes failed the pod as a whole: `Evicted`; empty otherwise."""
    message: str
    """The sentence that goes with it, or why it can't start or be scheduled; empty otherwise."""
    waiting: str
    """Why its container does not start: `ImagePullBackOff`; empty otherwise."""
    is_schedulable: bool
    """Whether the scheduler has not said that it finds no node."""
    is_ready: bool
    """Whether nothing has said that it is not: the node controller does so of the pods of a silent node."""

    @property
    def is_running(self) -> bool:
        """Whether its container runs now."""
        return self.phase == "Running" and not self.is_gone and self.deletion_deadline is None

    @property
    def has_failed(self) -> bool:
        """Whether it ended, or was removed, without success."""
        if self.last_words is not None:
            return self.last_words.exit_code != 0
        was_removed = self.is_gone or self.deletion_deadline is not None or self.disruption is not None
        return self.phase == "Failed" or (self.phase != "Succeeded" and was_removed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A PyTorchJob or Job of ours."""

    name: str
    uid: str
    number: int
    """Its attempt; 0 for jobs of a preparation."""
    stage: str
    """Its stage; empty for a PyTorchJob."""
    output: str
    """Digest of what its preparation makes; empty for a PyTorchJob."""
    created_at: datetime
    started_at: datetime
    """When its pods were asked for, which a queue may delay."""
    is_deleting: bool
    is_suspended: bool
    outcome: str | None
    """`Succeeded` or `Failed`; None while it has not ended."""
    ended_at: datetime | None
    message: str
    """What its last condition says."""
    nodes: int
    """Replicas, or completions."""
    done: int
    """Completions that are done."""
    config: str
    """The document that its pods run by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node of the cluster."""

    name: str
    trouble: str
    """What keeps it from running pods, as a clause; empty while it is well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What rank 0 of a training answered."""

    progress: Progress
    stalled_seconds: float
    """Since the last step, validation or save ended, by the pod's own clock."""
    read_at: datetime


def moment(text: object) -> datetime | None:
    """A time of the API server."""
    return datetime.fromisoformat(str(text)) if text else None


def uid_of_controller(body: Body) -> str | None:
    """UID of the object that controls another; None when nothing does."""
    owners = body["metadata"].get("ownerReferences") or ()
    return next((owner["uid"] for owner in owners if owner.get("controller")), None)


def pod_of(body: Body, *, is_gone: bool = False) -> Pod:
    """A pod as the API server gives it."""
    metadata, status, labels = body["metadata"], body.get("status") or {}, body["metadata"].get("labels") or {}
    conditions = {condition["type"]: condition for condition in status.get("conditions") or ()}
    container: Body = next(iter(status.get("containerStatuses") or ()), {})
    waiting: Body = (container.get("state") or {}).get("waiting") or {}
    scheduled: Body = conditions.get("PodScheduled") or {}
    is_schedulable = scheduled.get("status") != "False"
    return Pod(
        name=metadata["name"],
        job=labels.get(names.JOB_NAME) or labels.get("batch.kubernetes.io/job-name") or "",
        index=int(labels.get(names.REPLICA_INDEX) or labels.get("batch.kubernetes.io/job-completion-index") or 0),
        phase=status.get("phase") or "Pending",
        node=(body.get("spec") or {}).get("nodeName"),
        address=status.get("podIP"),
        created_at=_required(metadata["creationTimestamp"]),
        deletion_deadline=moment(metadata.get("deletionTimestamp")),
        is_gone=is_gone,
        last_words=_last_words(container),
        disruption=(conditions.get("DisruptionTarget") or {}).get("reason"),
        reason=status.get("reason") or "",
        message=status.get("message")
        or waiting.get("message")
        or ("" if is_schedulable else scheduled.get("message") or ""),
        waiting=waiting.get("reason") or "",
        is_schedulable=is_schedulable,
        is_ready=(conditions.get("Ready") or {}).get("status") != "False",
    )


def node_of(body: Body) -> Node:
    """A node as the API server gives it. One that is cordoned off runs its pods on, so that is no trouble."""
    conditions = {condition["type"]: condition for condition in (body.get("status") or {}).get("conditions") or ()}
    ready: Body = conditions.get("Ready") or {"status": "True"}
    is_off = any(taint["key"] == _OFF for taint in (body.get("spec") or {}).get("taints") or ())
    trouble = ""
    if ready["status"] != "True":
        trouble = f"its condition Ready is {ready['status']} ({ready.get('reason') or 'no reason given'})"
    elif is_off:
        trouble = f"it has the taint {_OFF}"
    return Node(name=body["metadata"]["name"], trouble=trouble)


def gpu_memory_bytes_of(labels: Iterable[Mapping[str, str]]) -> int | None:
    """Memory of the largest GPU of nodes with these labels; None when none of them says."""
    sizes = [int(of[GPU_MEMORY]) for of in labels if of.get(GPU_MEMORY, "").isdecimal()]
    return max(sizes) * 2**20 if sizes else None


def job_of(body: Body) -> Job:
    """A PyTorchJob or Job as the API server gives it."""
    metadata, spec, status = body["metadata"], body["spec"], body.get("status") or {}
    labels = metadata.get("labels") or {}
    is_torch = body["kind"] == "PyTorchJob"
    worker = spec["pytorchReplicaSpecs"]["Worker"] if is_torch else spec
    ended = _ended(status)
    return Job(
        name=metadata["name"],
        uid=metadata["uid"],
        number=int(labels.get(names.ATTEMPT) or 0),
        stage=labels.get(names.STAGE) or "",
        output=labels.get(names.OUTPUT) or "",
        created_at=_required(metadata["creationTimestamp"]),
        started_at=moment(status.get("startTime")) or _required(metadata["creationTimestamp"]),
        is_deleting=bool(metadata.get("deletionTimestamp")),
        is_suspended=bool((spec.get("runPolicy") or {}).get("suspend") if is_torch else spec.get("suspend")),
        outcome=_OUTCOMES[ended["type"]] if ended else None,
        ended_at=moment(ended.get("lastTransitionTime")) if ended else None,
        message=ended.get("message") or "" if ended else "",
        nodes=worker["replicas"] if is_torch else spec["completions"],
        done=0 if is_torch else status.get("succeeded") or 0,
        config=(worker["template"]["metadata"].get("annotations") or {}).get(names.CONFIG) or "",
    )


_OUTCOMES = {"Succeeded": "Succeeded", "Complete": "Succeeded", "Failed": "Failed"}
"""Conditions of a PyTorchJob or Job that say that it has ended."""


def _ended(status: Body) -> Body | None:
    conditions = status.get("conditions") or ()
    return next((one for one in conditions if one["type"] in _OUTCOMES and one["status"] == "True"), None)


def _last_words(container: Body) -> LastWords | None:
    ended = (container.get("state") or {}).get("terminated") or (container.get("lastState") or {}).get("terminated")
    if not ended:
        return None
    return LastWords(
        exit_code=ended.get("exitCode", 0),
        reason=ended.get("reason") or "",
        message=ended.get("message") or "",
        finished_at=moment(ended.get("finishedAt")),
    )


def _required(text: object) -> datetime:
    found = moment(text)
    assert found is not None, "the API server stamps every object"
    return found
