"""Claims that pods on every node may write, and their files as the host sees them.

In a cluster of our own there are folders of the host behind them; in one that somebody else runs, storage of which this
host knows nothing, so that a pod passes the files on.
"""

import base64
import io
import shutil
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from testkit import cluster_under_test
from testkit.cluster_kubectl import Kubectl
from testkit.cluster_volumes import claim_folder
from testkit.cluster_workloads import create_pod, pod_spec

_PORTER = "porter"
_LARGE_KIB = 2048
_USER = 10001


class Claims(Protocol):
    """Of one namespace."""

    def put(self, name: str, source: Path) -> None:
        """Copies the files of a folder onto a claim."""

    def folder(self, name: str) -> Path:
        """What is on a claim now, without files of more than 2 MiB where it must be copied: look again for what comes later."""


def claims_in(kubectl: Kubectl, namespace: str, names: Sequence[str], folder: Path) -> Claims:
    """Makes claims.

    Args:
        kubectl: Access to the cluster.
        namespace: Of the claims.
        names: Of the claims.
        folder: Of this host, for their files.
    """
    if cluster_under_test.KUBECONFIG is None:
        return HostClaims(folders={name: claim_folder(kubectl, namespace, name, folder / name) for name in names})
    _store(kubectl, namespace, names)
    return StoredClaims(kubectl=kubectl, namespace=namespace, copies=folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostClaims:
    """Claims with folders of this host behind them."""

    folders: dict[str, Path]

    def put(self, name: str, source: Path) -> None:
        """See Claims."""
        shutil.copytree(source, self.folders[name], dirs_exist_ok=True)

    def folder(self, name: str) -> Path:
        """See Claims."""
        return self.folders[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredClaims:
    """Claims whose files a pod passes on."""

    kubectl: Kubectl
    namespace: str
    copies: Path

    def put(self, name: str, source: Path) -> None:
        """See Claims."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for path in sorted(source.iterdir()):  # the root of a volume belongs to nobody here
                archive.add(path, arcname=path.name)
        text = base64.b64encode(packed.getvalue()).decode()
        self._exec(f"base64 --decode | tar --extract --gzip --directory=/claims/{name}", text)

    def folder(self, name: str) -> Path:
        """See Claims."""
        small = rf"find . \( -type d -o -size -{_LARGE_KIB}k \) -print0"
        # What vanishes or grows meanwhile is no error: the next look sees it.
        pack = "tar --create --gzip --null --no-recursion --files-from=- || true"
        text = self._exec(f"cd /claims/{name} && {small} | {{ {pack}; }} | base64 --wrap=0")
        self.copies.mkdir(parents=True, exist_ok=True)
        copy = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.copies))
        with tarfile.open(fileobj=io.BytesIO(base64.b64decode(text)), mode="r:gz") as archive:
            archive.extractall(copy, filter="data")
        return copy

    def _exec(self, command: str, stdin: str = "") -> str:
        place = ("exec", "--stdin", _PORTER, f"--namespace={self.namespace}")
        return self.kubectl(*place, "--", "sh", "-c", command, stdin=stdin)


def _store(kubectl: Kubectl, namespace: str, names: Sequence[str]) -> None:
    """Makes claims of the given class, and the pod that has all of them."""
    of_class = {"storageClassName": cluster_under_test.STORAGE_CLASS} if cluster_under_test.STORAGE_CLASS else {}
    spec = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "1Gi"}}, **of_class}
    for name in names:
        metadata = {"name": name, "namespace": namespace}
        kubectl.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})
    pod = pod_spec(cluster_under_test.OPERATOR_IMAGE, ["sleep", "infinity"], user=_USER)
    pod["securityContext"]["fsGroup"] = _USER
    pod["volumes"] += [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names]
    pod["containers"][0]["volumeMounts"] += [{"name": name, "mountPath": f"/claims/{name}"} for name in names]
    create_pod(kubectl, namespace, _PORTER, pod)
    kubectl("wait", "--for=condition=Ready", f"pod/{_PORTER}", f"--namespace={namespace}", "--timeout=110s")
