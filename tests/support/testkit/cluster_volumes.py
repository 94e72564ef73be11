"""Claims with a folder of this host behind them, which pods on every node may write: all nodes share one disk."""

from pathlib import Path

from testkit.cluster_kubectl import Kubectl


def claim_folder(kubectl: Kubectl, namespace: str, name: str, folder: Path) -> Path:
    """Makes a claim that is bound to a folder, and returns the folder.

    Args:
        kubectl: Access to the cluster.
        namespace: Of the claim.
        name: Of the claim.
        folder: Made when missing; everybody may write in it, since pods run as users that this host does not know.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    volume = f"{namespace}-{name}"
    size = {"storage": "100Gi"}
    shared = {"accessModes": ["ReadWriteMany"], "storageClassName": ""}
    reference = {"namespace": namespace, "name": name}
    spec = {"capacity": size, "hostPath": {"path": str(folder)}, "claimRef": reference, **shared}
    kubectl.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": volume}, "spec": spec})
    wanted = {"resources": {"requests": size}, "volumeName": volume, **shared}
    kubectl.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": reference, "spec": wanted})
    is_bound = "--for=jsonpath={.status.phase}=Bound"
    kubectl("wait", is_bound, f"persistentvolumeclaim/{name}", f"--namespace={namespace}", "--timeout=30s")
    return folder
