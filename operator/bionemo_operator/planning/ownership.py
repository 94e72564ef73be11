"""How the objects that the operator makes say whose they are: labels to select them, owner references to remove them. Pure."""

from bionemo_operator.api.preprocess import BioNeMoPreprocess
from bionemo_operator.api.scheduling import Queue
from bionemo_operator.api.training import BioNeMoTraining
from bionemo_operator.planning import names


def owner_labels(resource: BioNeMoTraining | BioNeMoPreprocess) -> dict[str, str]:
    """Labels of everything that works for a resource."""
    return {
        names.MANAGED_BY: names.MANAGER,
        names.KIND: resource.kind.lower(),
        names.OWNER: resource.metadata.name,
        names.OWNER_UID: resource.metadata.uid or "",
    }


def owner_reference(resource: BioNeMoTraining | BioNeMoPreprocess) -> dict[str, object]:
    """What lets Kubernetes remove an object together with its resource."""
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "name": resource.metadata.name,
        "uid": resource.metadata.uid or "",
        "controller": True,
        "blockOwnerDeletion": True,
    }


def queue_labels(queue: Queue | None) -> dict[str, str]:
    """Labels by which Kueue takes a job into its queue; it looks at the job, since it does not know our kinds."""
    if queue is None:
        return {}
    priority = {names.PRIORITY_CLASS: queue.priority_class} if queue.priority_class else {}
    return {names.QUEUE_NAME: queue.name, **priority}
