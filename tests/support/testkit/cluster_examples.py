"""The examples on a cluster for tests: their claims, their resources with fewer steps, and how far these are."""

import contextlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bionemo_trainer.contract import METRICS_PORT, progress_from_json
from testkit.cluster_claims import Claims, claims_in
from testkit.cluster_kubectl import Kubectl, KubectlError
from testkit.cluster_programs import REPOSITORY
from testkit.cluster_waiting import eventually
from testkit.documents import documents_in

EXAMPLES = REPOSITORY / "examples"
CLAIMS = ("bionemo-examples", "bionemo-data", "bionemo-results")
ENDS = ("Succeeded", "Failed", "Invalid")

GRACE_SECONDS = 30
"""In place of the 300 that large checkpoints need: pods of a dead node are waited for as long as this, and half a minute more."""

PATIENCE_SECONDS = 600
"""For what takes a minute on two cores of one's own: a machine may have other work as well."""

type Overrides = Mapping[str, Any]


@contextlib.contextmanager
def strict_namespace(kubectl: Kubectl) -> Iterator[str]:
    """A namespace with the strictest rules that Kubernetes has for pods."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    kubectl.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


def example_claims(kubectl: Kubectl, namespace: str, folder: Path) -> Claims:
    """Makes the claims that the examples name, with the examples' data.

    Args:
        kubectl: Access to the cluster.
        namespace: Of the claims.
        folder: Of this host, for their files.
    """
    claims = claims_in(kubectl, namespace, CLAIMS, folder)
    claims.put("bionemo-examples", EXAMPLES / "data")
    return claims


def preparation(name: str) -> dict[str, Any]:
    """A preparation of the quickstart: `molecules` or `proteins`."""
    documents = documents_in(EXAMPLES / "quickstart/preprocess.yaml")
    return dict(next(one for one in documents if one["metadata"]["name"] == name))


def training_of(example: Path, changes: Overrides, name: str | None = None, **spec: object) -> dict[str, Any]:
    """An example's training on two nodes with a process each.

    Args:
        example: Its file.
        changes: Overrides in place of the example's.
        name: In place of the example's.
        spec: Fields of the spec in place of the example's.
    """
    (document,) = documents_in(example)
    kept = [text for text in document["spec"]["overrides"] if text.split("=")[0] not in changes]
    overrides = [*kept, *(f"{key}={value}" for key, value in changes.items())]
    metadata = document["metadata"] | ({"name": name} if name else {})
    template = {"affinity": _apart(metadata["name"]), "terminationGracePeriodSeconds": GRACE_SECONDS}
    spread = {"nodes": 2, "processesPerNode": 1, "overrides": overrides, "template": template, **spec}
    return {**document, "metadata": metadata, "spec": document["spec"] | spread}


def _apart(name: str) -> dict[str, Any]:
    """On different nodes, as long as there are two: without GPUs, nothing else keeps pods from sharing one."""
    selector = {"matchLabels": {"bionemo.dev/name": name}}
    term = {"labelSelector": selector, "topologyKey": "kubernetes.io/hostname"}
    wish = {"weight": 100, "podAffinityTerm": term}
    return {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [wish]}}


def status_of(kubectl: Kubectl, namespace: str, kind: str, name: str) -> dict[str, Any]:
    """The status of a resource; empty before the operator has seen it."""
    return dict(kubectl.get(kind, name, f"--namespace={namespace}").get("status") or {})


def ended(kubectl: Kubectl, namespace: str, kind: str, name: str, within_seconds: float) -> tuple[str, str]:
    """Waits for the end; the last phase, with the whole status to show why."""
    eventually(lambda: status_of(kubectl, namespace, kind, name).get("phase") in ENDS, within_seconds)
    status = status_of(kubectl, namespace, kind, name)
    return str(status.get("phase")), json.dumps(status, indent=1)


def workers_of(kubectl: Kubectl, namespace: str, name: str, attempt: int) -> Sequence[dict[str, Any]]:
    """The pods of an attempt that are there, by rank."""
    selector = f"--selector=bionemo.dev/name={name},bionemo.dev/attempt={attempt}"
    pods = kubectl.get("pods", f"--namespace={namespace}", selector)["items"]
    return sorted(pods, key=lambda pod: str(pod["metadata"]["name"]))


def step_of(kubectl: Kubectl, namespace: str, name: str, attempt: int) -> int:
    """How far an attempt is, by its own word; 0 before it answers."""
    for pod in workers_of(kubectl, namespace, name, attempt)[:1]:
        path = pod_path(namespace, pod["metadata"]["name"], METRICS_PORT)
        with contextlib.suppress(KubectlError):
            return progress_from_json(kubectl("get", f"--raw={path}/progress")).step
    return 0


def pod_path(namespace: str, pod: str, port: int) -> str:
    """Path of the API server at which it passes requests on to a port of a pod, so that nobody else need reach that."""
    return f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy"
