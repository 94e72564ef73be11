"""Claims with a folder of this host behind them, which pods on every node may write: all nodes share one disk."""

from pathlib import Path

from testkit.cluster_kubectl import Document, Kubectl
from testkit.cluster_waiting import PATIENTLY

SHARED = "shared"
"""Class of the volumes below."""
_SPARE = 60
_SIZE = {"storage": "100Gi"}
_BY_ALL = {"accessModes": ["ReadWriteMany"]}


def spare_volumes(kubectl: Kubectl, folder: Path) -> None:
    """Makes volumes that wait for claims of the class `shared`, as many as some suites need: nobody makes more, or cleans them.

    Args:
        kubectl: Access to the cluster.
        folder: Of this host; holds a folder for each.
    """
    kubectl.apply(
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": SHARED},
            "provisioner": "kubernetes.io/no-provisioner",
        }
    )
    for number in range(_SPARE):
        _volume(kubectl, f"{SHARED}-{number}", _writable(folder / str(number)), {"storageClassName": SHARED})


def claim_folder(kubectl: Kubectl, namespace: str, name: str, folder: Path) -> Path:
    """Makes a claim that is bound to a folder, and returns the folder.

    Args:
        kubectl: Access to the cluster.
        namespace: Of the claim.
        name: Of the claim.
        folder: Made when missing; everybody may write in it, since pods run as users that this host does not know.
    """
    volume = f"{namespace}-{name}"
    reference = {"namespace": namespace, "name": name}
    _volume(kubectl, volume, _writable(folder), {"storageClassName": "", "claimRef": reference})
    wanted = {"resources": {"requests": _SIZE}, "volumeName": volume, "storageClassName": "", **_BY_ALL}
    kubectl.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": reference, "spec": wanted})
    is_bound = "--for=jsonpath={.status.phase}=Bound"
    kubectl("wait", is_bound, f"persistentvolumeclaim/{name}", f"--namespace={namespace}", PATIENTLY)
    return folder


def _volume(kubectl: Kubectl, name: str, folder: Path, facts: Document) -> None:
    spec = {"capacity": _SIZE, "hostPath": {"path": str(folder)}, **_BY_ALL, **facts}
    kubectl.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec})


def _writable(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    return folder
