"""The operator in a cluster for tests, as a cluster admin gets it: our image, installed by our chart."""

import contextlib
from pathlib import Path
from typing import Any

from testkit.cluster_helm import CHART, Helm, HelmError, Values
from testkit.cluster_kubectl import Kubectl
from testkit.cluster_under_test import OPERATOR_IMAGE, TRAINER_IMAGE
from testkit.cluster_waiting import eventually
from testkit.cluster_workloads import kill_pod

OPERATOR_NAMESPACE = "bionemo-system"
RELEASE = "bionemo-operator"
WITHIN = "--timeout=90s"
_DEFINITIONS = ("bionemotrainings.bionemo.dev", "bionemopreprocesses.bionemo.dev")
_OPERATORS = "--selector=app.kubernetes.io/component=operator"


def operator_values(**changes: Any) -> dict[str, Any]:
    """Values of a test: images that are on the nodes, and a failover that need not be waited for."""
    return {
        "image": _image(OPERATOR_IMAGE),
        "trainerImage": _image(TRAINER_IMAGE),
        "settings": {"leaseSeconds": 5},
        "readinessProbe": {"periodSeconds": 1},
        **changes,
    }


def install_operator(
    helm: Helm, kubectl: Kubectl, values: Values, chart: Path = CHART, namespace: str = OPERATOR_NAMESPACE
) -> None:
    """Installs the operator, or upgrades it, and waits until every replica is ready and one leads.

    Args:
        helm: For the cluster.
        kubectl: The same cluster.
        values: Those that differ from the defaults.
        chart: Which build of it.
        namespace: Made when missing, with the strictest rules for pods.

    Raises:
        HelmError: The chart was refused, or the operator was not ready in time.
    """
    strict = {"pod-security.kubernetes.io/enforce": "restricted"}
    metadata = {"name": namespace, "labels": strict}
    kubectl.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    place = (RELEASE, str(chart), f"--namespace={namespace}")
    helm("upgrade", "--install", *place, "--wait", WITHIN, values=values)
    assert eventually(lambda: leader_of(kubectl, namespace))


def uninstall_operator(helm: Helm, kubectl: Kubectl, namespace: str = OPERATOR_NAMESPACE) -> None:
    """Uninstalls the operator and waits until its pods are gone.

    Raises:
        HelmError: There is none.
    """
    helm("uninstall", RELEASE, f"--namespace={namespace}", "--wait", WITHIN)
    kubectl("wait", "--for=delete", "pods", _OPERATORS, f"--namespace={namespace}", WITHIN)


def foreign_installation(kubectl: Kubectl) -> str:
    """Why tests must not install the operator into a cluster that somebody else runs; empty when they may."""
    names = {crd["metadata"]["name"] for crd in kubectl.get("customresourcedefinitions")["items"]}
    if ours := sorted(name for name in names if name.endswith(".bionemo.dev")):
        return f"it has {ours[0]} already, and tests would replace the operator that works there; name another cluster."
    if "pytorchjobs.kubeflow.org" not in names:
        return "it has no pytorchjobs.kubeflow.org; install Kubeflow's training operator, version 1, as docs/install.md says."
    return ""


def remove_installation(helm: Helm, kubectl: Kubectl) -> None:
    """Leaves nothing of what `install_operator` has made, if it was there; resources of ours go with their definitions."""
    with contextlib.suppress(HelmError):  # the last test has uninstalled it
        uninstall_operator(helm, kubectl)
    kubectl("delete", "namespace", OPERATOR_NAMESPACE, "--ignore-not-found", "--wait=false")
    kubectl("delete", "customresourcedefinitions", *_DEFINITIONS, "--ignore-not-found")


def leader_of(kubectl: Kubectl, namespace: str = OPERATOR_NAMESPACE) -> str:
    """Name of the pod that leads; empty when none does."""
    leases = kubectl.get("leases", f"--namespace={namespace}")["items"]
    holders = {lease["metadata"]["name"]: lease["spec"].get("holderIdentity") or "" for lease in leases}
    holder = str(holders.get(RELEASE, ""))
    return holder if holder in replicas_of(kubectl, namespace) else ""


def replicas_of(kubectl: Kubectl, namespace: str = OPERATOR_NAMESPACE) -> list[str]:
    """Names of the operator's pods."""
    pods = kubectl.get("pods", f"--namespace={namespace}", _OPERATORS)["items"]
    return [pod["metadata"]["name"] for pod in pods]


def delete_leader(kubectl: Kubectl) -> str:
    """Has the replica that leads vanish before it can give its lease back, and returns its name."""
    leader = leader_of(kubectl)
    assert leader
    kill_pod(kubectl, OPERATOR_NAMESPACE, leader)
    kubectl("delete", "pod", leader, f"--namespace={OPERATOR_NAMESPACE}", "--force", "--grace-period=0", "--wait=false")
    return leader


def logs_of(kubectl: Kubectl, namespace: str = OPERATOR_NAMESPACE) -> str:
    """What all replicas have said since they started."""
    return kubectl("logs", _OPERATORS, f"--namespace={namespace}", "--tail=-1", "--prefix")


def _image(name: str) -> dict[str, str]:
    repository, _, digest = name.partition("@")
    if digest:
        return {"repository": repository, "digest": digest}
    repository, _, tag = name.rpartition(":")
    return {"repository": repository, "tag": tag}
