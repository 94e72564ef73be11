"""The suite for the system as a whole: our images, built, on a cluster of two nodes that run pods.

Runs only when asked for by name (pytest tests/e2e), as root: it builds Kubernetes and our images the first time.
"""

import uuid
from pathlib import Path

import pytest

from testkit.cluster_images import built_images
from testkit.cluster_with_nodes import cluster_with_nodes

HERE = Path(__file__).parent
CRDS = HERE.parents[1] / "crds"


def pytest_ignore_collect(config):
    asked_for = [config.invocation_params.dir / argument.split("::")[0] for argument in config.args]
    return None if any(path.is_relative_to(HERE) for path in asked_for) else True


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.enable_socket)


@pytest.fixture(scope="session")
def images():
    """Our images by name."""
    return {image.name: image for image in built_images()}


@pytest.fixture(scope="session")
def cluster(images, tmp_path_factory):
    """A cluster of our own, which may be mistreated."""
    with cluster_with_nodes(tmp_path_factory.mktemp("cluster"), [CRDS], list(images.values())) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kubectl(cluster):
    """Access to the cluster."""
    return cluster.kubectl


@pytest.fixture
def namespace(kubectl):
    """A namespace for one test, with the strictest rules that Kubernetes has for pods."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    kubectl.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    yield name
    kubectl("delete", "namespace", name, "--wait=false")
