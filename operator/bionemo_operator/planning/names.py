"""Every name, label, annotation and path that the operator gives to objects and pods. Pure.

The lengths fit because `api.rules` bounds the names of resources; a test holds them to Kubernetes' limits.
"""

from typing import Final

from bionemo_operator.api.resource import GROUP

MANAGER: Final = "bionemo-operator"
"""Field manager of every write, and value of the label that says who manages an object."""

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
KIND: Final = f"{GROUP}/kind"
"""Label: kind of the resource that an object works for, in lower case."""
OWNER: Final = f"{GROUP}/name"
"""Label: name of that resource."""
OWNER_UID: Final = f"{GROUP}/uid"
"""Label: its UID, which tells it from an earlier one of that name."""
ATTEMPT: Final = f"{GROUP}/attempt"
"""Label: number of a training's attempt."""
STAGE: Final = f"{GROUP}/stage"
"""Label: stage of a preparation."""
OUTPUT: Final = f"{GROUP}/output"
"""Label: digest of what a preparation makes, which tells its jobs from those of an earlier output."""
CONFIG: Final = f"{GROUP}/config"
"""Annotation of pods: the document that they run by, which the downward API shows them as a file."""
JOB_NAME: Final = "training.kubeflow.org/job-name"
"""Label that the training operator gives to pods: their PyTorchJob."""
REPLICA_INDEX: Final = "training.kubeflow.org/replica-index"
"""Another one: the node rank."""
QUEUE_NAME: Final = "kueue.x-k8s.io/queue-name"
PRIORITY_CLASS: Final = "kueue.x-k8s.io/priority-class"

CONTAINER: Final = "pytorch"
"""Name that the training operator demands of the container."""

CONFIG_FOLDER: Final = "/etc/bionemo"
TRAINING_CONFIG: Final = "config.yaml"
PREPARATION_PLAN: Final = "plan.json"
DATA: Final = "/data"
"""Where the volume of a dataset is mounted."""
RESULTS: Final = "/results"
"""Where the volume of results is mounted."""
COMPILED: Final = "compiled"
"""Folder below a run's results where compilers keep their output."""
RESUME: Final = "/resume"
"""Where the volume of an older run is mounted."""
SOURCE: Final = "/source"
"""Where the volume of raw files is mounted."""
SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - the path that NCCL and torch use


def attempt_name(training: str, attempt: int) -> str:
    """The PyTorchJob of an attempt."""
    return f"{training}-{attempt}"


def stage_name(preprocess: str, stage: str) -> str:
    """The Job of a stage."""
    return f"{preprocess}-{stage}"


def master_address(job: str) -> str:
    """Host name of the pod of node rank 0, through the service that the training operator makes for it."""
    return f"{job}-worker-0"


def run_name(training: str, uid: str) -> str:
    """The folder of a training's results; one made anew under an old name never meets the old one's files."""
    return f"{training}-{uid}"


def joined(*parts: str | None) -> str:
    """A path of the parts that there are."""
    return "/".join(part for part in parts if part)
