"""Pods for tests, as strict as the most restricted namespace demands, and what became of them."""

import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from testkit.cluster_kubectl import Document, Kubectl
from testkit.cluster_waiting import PATIENCE_SECONDS, eventually

_ENDED = ("Succeeded", "Failed")


def pod_spec(image: str, command: Sequence[str], node: str | None = None, user: int = 10001) -> dict[str, Any]:
    """The spec of a pod of one container, with a read-only root and a folder /tmp that may be written.

    Args:
        image: Present on the nodes.
        command: Instead of the image's own; empty leaves that.
        node: Where it must run; None leaves it to the scheduler.
        user: Who runs it.
    """
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        **({"command": list(command)} if command else {}),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    return {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": user, "seccompProfile": {"type": "RuntimeDefault"}},
        **({"nodeName": node} if node else {}),
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }


def create_pod(kubectl: Kubectl, namespace: str, name: str, spec: Document) -> None:
    """Creates a pod with a label `app` of its name."""
    metadata = {"name": name, "namespace": namespace, "labels": {"app": name}}
    kubectl.create({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def outcome_of(
    kubectl: Kubectl, namespace: str, name: str, within_seconds: float = PATIENCE_SECONDS
) -> tuple[str, str]:
    """Waits for a pod's end and returns its phase and all that it said; the last phase when it does not end."""

    def phase() -> str:
        return str(kubectl.get("pod", name, f"--namespace={namespace}")["status"]["phase"])

    eventually(lambda: phase() in _ENDED, within_seconds)
    reached = phase()
    return reached, kubectl("logs", name, f"--namespace={namespace}") if reached != "Pending" else ""


def kill_pod(kubectl: Kubectl, namespace: str, name: str) -> int:
    """Ends every process of a pod on this host at once, by SIGKILL as the kernel does when memory is short; how many there were."""
    uid = str(kubectl.get("pod", name, f"--namespace={namespace}")["metadata"]["uid"])
    processes = [int(folder.name) for folder in Path("/proc").glob("[0-9]*") if f"pod{uid}" in _cgroups_of(folder)]
    for process in processes:
        with contextlib.suppress(ProcessLookupError):  # ended with another one
            os.kill(process, signal.SIGKILL)
    return len(processes)


def _cgroups_of(process: Path) -> str:
    try:
        return (process / "cgroup").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return ""
