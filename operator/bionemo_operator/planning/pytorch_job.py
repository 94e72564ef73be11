"""An attempt of a training as a PyTorchJob: one worker for each node, which find each other at the first. Pure.

It has Worker replicas only. So it succeeds when every node has, needs no init container that Pod Security would refuse, and
starts at once; the pods learn their rank from the label that the training operator gives them. It never restarts a pod: a
rank can't rejoin, and which failure is worth another attempt is decided by `training_pass`.
"""

from dataclasses import dataclass

from bionemo_operator.api.training import BioNeMoTraining
from bionemo_operator.planning import names
from bionemo_operator.planning.ownership import owner_labels, owner_reference, queue_labels
from bionemo_operator.planning.plan import Plan
from bionemo_operator.planning.pod_template import Fragment, Mounted, PodPlan, pod_template
from bionemo_trainer import settings
from bionemo_trainer.contract import METRICS_PORT

GROUP_VERSION = "kubeflow.org/v1"
_NCCL = (
    {"name": "TORCH_NCCL_ASYNC_ERROR_HANDLING", "value": "1"},
    {"name": "NCCL_DEBUG", "value": "WARN"},
)
"""A rank that lost another one ends instead of waiting for ever, and says why. Users' own values win."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """What the pods of an attempt need besides their plan."""

    config: str
    """The resolved configuration as YAML."""
    image: str
    """Of the trainer."""
    claims: tuple[Mounted, ...]
    """Volumes."""
    compiled: str
    """Folder that outlives the attempt, for what its GPUs' code is compiled to."""
    avoided_nodes: tuple[str, ...] = ()
    """Kubernetes nodes that they must not run on."""


def pytorch_job(training: BioNeMoTraining, plan: Plan, attempt: int, equipment: Equipment) -> Fragment:
    """The manifest of an attempt.

    Args:
        training: Which it is an attempt of.
        plan: What each node runs.
        attempt: Its number.
        equipment: What its pods need.
    """
    spec, template = training.spec, training.spec.template
    labels = labels_of(training, attempt)
    name = names.attempt_name(training.metadata.name, attempt)
    pod = pod_template(
        template,
        PodPlan(
            container=names.CONTAINER,
            image=equipment.image,
            command=("python3", "-m", plan.module, *plan.arguments),
            environment=_environment(plan, name, equipment, {variable.name for variable in template.env}),
            claims=equipment.claims,
            document=equipment.config,
            document_file=names.TRAINING_CONFIG,
            labels=labels,
            annotations={
                "prometheus.io/scrape": "true",
                "prometheus.io/port": str(METRICS_PORT),
                "prometheus.io/path": "/metrics",
            },
            gpus=plan.gpus_per_node,
            ports=(
                {"name": "pytorchjob-port", "containerPort": settings.DEFAULT_PORT},
                {"name": "metrics", "containerPort": METRICS_PORT},
            ),
            avoided_nodes=equipment.avoided_nodes,
        ),
    )
    return {
        "apiVersion": GROUP_VERSION,
        "kind": "PyTorchJob",
        "metadata": {
            "name": name,
            "namespace": training.metadata.namespace,
            "labels": {**labels, **queue_labels(spec.queue)},
            "ownerReferences": [owner_reference(training)],
        },
        "spec": {
            # Kubeflow reads numbers here only from text.
            "nprocPerNode": str(plan.processes_per_node),
            "runPolicy": {
                # The pods that still run are stopped; those that ended stay as evidence until it is recorded.
                "cleanPodPolicy": "Running",
                "suspend": spec.queue is not None,
                **_gang(training, plan.nodes),
            },
            "pytorchReplicaSpecs": {
                "Worker": {"replicas": plan.nodes, "restartPolicy": "Never", "template": pod},
            },
        },
    }


def labels_of(training: BioNeMoTraining, attempt: int) -> dict[str, str]:
    """Labels of a PyTorchJob and its pods."""
    return {**owner_labels(training), names.ATTEMPT: str(attempt)}


def _environment(plan: Plan, job: str, equipment: Equipment, users: set[str]) -> tuple[Fragment, ...]:
    defaults = (*_NCCL, *(_caches(equipment.compiled) if plan.gpus_per_node else ()))
    rank = {"fieldRef": {"fieldPath": f"metadata.labels['{names.REPLICA_INDEX}']"}}
    return (
        *(variable for variable in defaults if variable["name"] not in users),
        {"name": "PYTHONUNBUFFERED", "value": "1"},
        *({"name": name, "value": value} for name, value in plan.environment.items()),
        {"name": settings.NODE_RANK, "valueFrom": rank},
        {"name": settings.MASTER_ADDRESS, "value": names.master_address(job)},
        {"name": settings.MASTER_PORT, "value": str(settings.DEFAULT_PORT)},
    )


def _caches(folder: str) -> tuple[Fragment, ...]:
    """Where the compilers keep their output, each entry named by the hash of all that decides it; users' own values win.

    Each attempt has pods of its own, whose disks begin empty: without these, all of them would compile everything anew.
    """
    return (
        {"name": "TORCHINDUCTOR_CACHE_DIR", "value": f"{folder}/inductor"},
        {"name": "TRITON_CACHE_DIR", "value": f"{folder}/triton"},
    )


def _gang(training: BioNeMoTraining, nodes: int) -> Fragment:
    gang = training.spec.gang
    if gang is None:
        return {}
    policy = {
        "minAvailable": nodes,
        "queue": gang.queue,
        "priorityClass": gang.priority_class,
        "scheduleTimeoutSeconds": gang.schedule_timeout_seconds,
    }
    return {"schedulingPolicy": {key: value for key, value in policy.items() if value is not None}}
