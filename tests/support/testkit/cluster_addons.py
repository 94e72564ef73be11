"""What a real cluster has besides Kubernetes: names by CoreDNS, the training operator as a pod, GPUs (which nobody has)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from testkit.cluster_containers import PAUSE_IMAGE
from testkit.cluster_kubectl import Document, Kubectl
from testkit.cluster_nodes import DNS_ADDRESS
from testkit.cluster_oci import Image, image_of_files
from testkit.cluster_programs import Programs
from testkit.cluster_training_operator import make_webhook_secret

_COREDNS_IMAGE = "localhost/coredns:1"
_TRAINING_OPERATOR_IMAGE = "ghcr.io/kubeflow/training-v1/training-operator:v1-93c5489"
"""As its manifests call it."""
_COREFILE = """\
.:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa {
        pods insecure
    }
    cache 5 {
        denial 1024 1
    }
    prometheus
}
"""


def images_of_addons(programs: Programs) -> tuple[Image, ...]:
    """Images made of the programs that were built."""
    return (
        image_of_files(PAUSE_IMAGE, {"/pause": programs.path("pause")}, ["/pause"]),
        image_of_files(_COREDNS_IMAGE, {"/coredns": programs.path("coredns")}, ["/coredns"]),
        image_of_files(_TRAINING_OPERATOR_IMAGE, {"/manager": programs.path("training-operator")}, ["/manager"]),
    )


def install_addons(programs: Programs, kubectl: Kubectl, folder: Path, steady_node: str) -> None:
    """Installs everything; pods are awaited by the caller.

    Args:
        programs: Those that were built.
        kubectl: Access to the cluster.
        folder: For certificates.
        steady_node: Where the training operator runs, so that the other nodes may die without it.
    """
    for document in _dns():
        kubectl.apply(document)
    folder.mkdir(exist_ok=True)
    documents = list(yaml.safe_load_all(kubectl("kustomize", str(programs.manifests / "overlays/standalone"))))
    for document in sorted(documents, key=lambda found: found["kind"] != "Namespace"):
        if document["kind"] == "Deployment":
            _hasten(document["spec"]["template"]["spec"], steady_node)
        if document["kind"] != "Secret":
            kubectl.apply(document)
    # Made beforehand: one that is empty at first reaches the operator's volume a minute late.
    kubectl.apply(make_webhook_secret(folder))


def give_gpus(kubectl: Kubectl, node: str, gpus: int) -> None:
    """Has a node say that it has GPUs; the kubelet admits pods that want some, and forgets them when it starts anew."""
    room = {"nvidia.com/gpu": str(gpus)}
    kubectl.set_status("node", node, {"capacity": room, "allocatable": room})


def _hasten(pod: dict[str, Any], node: str) -> None:
    pod["nodeSelector"] = {"kubernetes.io/hostname": node}
    pod["containers"][0]["readinessProbe"] |= {"initialDelaySeconds": 0, "periodSeconds": 1}


def _dns() -> Iterator[Document]:
    place = {"name": "coredns", "namespace": "kube-system"}
    yield {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": place}
    yield {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRole",
        "metadata": {"name": "coredns"},
        "rules": [
            {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
        ],
    }
    yield {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "coredns"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "coredns"},
        "subjects": [{"kind": "ServiceAccount", **place}],
    }
    yield {"apiVersion": "v1", "kind": "ConfigMap", "metadata": place, "data": {"Corefile": _COREFILE}}
    yield {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kube-dns", "namespace": "kube-system"},
        "spec": {
            "clusterIP": DNS_ADDRESS,
            "selector": {"app": "coredns"},
            "ports": [
                {"name": f"dns-{protocol}".lower(), "port": 53, "protocol": protocol} for protocol in ("UDP", "TCP")
            ],
        },
    }
    yield _dns_deployment(place)


def _dns_deployment(place: Document) -> Document:
    labels = {"app": "coredns"}
    container = {
        "name": "coredns",
        "image": _COREDNS_IMAGE,
        "args": ["-conf", "/etc/coredns/Corefile"],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "volumeMounts": [{"name": "configuration", "mountPath": "/etc/coredns"}],
    }
    apart = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels},
    }
    pod = {
        "serviceAccountName": "coredns",
        "priorityClassName": "system-cluster-critical",
        "dnsPolicy": "Default",
        "topologySpreadConstraints": [apart],
        "containers": [container],
        "volumes": [{"name": "configuration", "configMap": {"name": "coredns"}}],
    }
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": place, "spec": spec}
