"""What a resource owns goes with it."""

import pytest

from testkit.cluster_kubectl import KubectlError
from testkit.cluster_waiting import eventually
from testkit.documents import training_document


def is_gone(kubectl, *names):
    try:
        kubectl.get(*names)
    except KubectlError as refusal:
        return "(NotFound)" in refusal.said
    return False


@pytest.fixture
def owned(kubectl, namespace):
    """A ConfigMap that a training owns; gives the arguments to find it."""
    training = kubectl.apply(training_document(), f"--namespace={namespace}")
    owner = {
        "apiVersion": training["apiVersion"],
        "kind": training["kind"],
        "name": training["metadata"]["name"],
        "uid": training["metadata"]["uid"],
        "controller": True,
    }
    metadata = {"name": "owned", "namespace": namespace, "ownerReferences": [owner]}
    kubectl.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    return ("configmap", "owned", f"--namespace={namespace}")


def test_what_a_training_owns_goes_with_it(kubectl, namespace, owned):
    kubectl("delete", "bionemotraining", "esm2nv-650m", f"--namespace={namespace}")

    assert eventually(lambda: is_gone(kubectl, *owned))


def test_what_a_training_owns_stays_when_it_is_orphaned(kubectl, namespace, owned):
    kubectl("delete", "bionemotraining", "esm2nv-650m", "--cascade=orphan", f"--namespace={namespace}")

    assert "ownerReferences" not in kubectl.get(*owned)["metadata"]
