"""The operator in its image as a Deployment of two replicas, with the rights that it needs and no others, as plain objects."""

from collections.abc import Iterator
from typing import Any

from testkit.cluster_images import OPERATOR_IMAGE, TRAINER_IMAGE
from testkit.cluster_kubectl import Document, Kubectl
from testkit.cluster_workloads import pod_spec

OPERATOR_NAMESPACE = "bionemo-system"
NAME = "bionemo-operator"
_RIGHTS = (
    ("bionemo.dev", "bionemotrainings,bionemopreprocesses", "get,list,watch,patch"),
    ("bionemo.dev", "bionemotrainings/status,bionemopreprocesses/status", "patch"),
    ("kubeflow.org", "pytorchjobs", "get,list,watch,create,patch,delete"),
    ("batch", "jobs", "get,list,watch,create,patch,delete"),
    ("", "pods", "get,list,watch"),
    ("events.k8s.io", "events", "create,patch"),
    ("coordination.k8s.io", "leases", "get,create,update,patch"),
    ("apiextensions.k8s.io", "customresourcedefinitions", "get,list,watch"),
    ("", "namespaces", "get,list,watch"),
)
"""Group, resources, verbs."""


def install_operator(kubectl: Kubectl) -> None:
    """Installs the operator for all namespaces and waits until a replica is ready.

    Raises:
        KubectlError: It was not ready in time.
    """
    for document in _documents():
        kubectl.apply(document)
    kubectl("rollout", "status", f"deployment/{NAME}", f"--namespace={OPERATOR_NAMESPACE}", "--timeout=90s")


def _documents() -> Iterator[Document]:
    place = {"name": NAME, "namespace": OPERATOR_NAMESPACE}
    strict = {"pod-security.kubernetes.io/enforce": "restricted"}
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OPERATOR_NAMESPACE, "labels": strict}}
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": place}
    api = "rbac.authorization.k8s.io"
    rules = [
        {"apiGroups": [group], "resources": resources.split(","), "verbs": verbs.split(",")}
        for group, resources, verbs in _RIGHTS
    ]
    yield {"apiVersion": f"{api}/v1", "kind": "ClusterRole", "metadata": {"name": NAME}, "rules": rules}
    yield {
        "apiVersion": f"{api}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": NAME},
        "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": NAME},
        "subjects": [{"kind": "ServiceAccount", **place}],
    }
    labels = {"app": NAME}
    template = {"metadata": {"labels": labels}, "spec": _pod()}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    yield {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": place, "spec": spec}


def _pod() -> dict[str, Any]:
    pod = pod_spec(OPERATOR_IMAGE, [])
    settings = {"TRAINER_IMAGE": TRAINER_IMAGE, "LEASE_NAMESPACE": OPERATOR_NAMESPACE, "LEASE_SECONDS": "5"}
    container = pod["containers"][0] | {
        "env": [{"name": f"BIONEMO_OPERATOR_{name}", "value": value} for name, value in settings.items()],
        "ports": [{"name": "metrics", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1},
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
    }
    apart = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": NAME}},
    }
    return pod | {
        "restartPolicy": "Always",
        "automountServiceAccountToken": True,
        "serviceAccountName": NAME,
        "topologySpreadConstraints": [apart],
        "containers": [container],
    }
