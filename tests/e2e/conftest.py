"""The suite for the system as a whole: our images, built, on a cluster of two nodes that run pods.

Runs only when asked for by name (pytest tests/e2e), as root: it builds Kubernetes and our images the first time.
"""

import pytest

from testkit.cluster_examples import example_claims, strict_namespace
from testkit.cluster_helm import Helm
from testkit.cluster_images import built_images
from testkit.cluster_operator import install_operator, operator_values
from testkit.cluster_with_nodes import cluster_with_nodes


@pytest.fixture(scope="session")
def images():
    """Our images by name."""
    return {image.name: image for image in built_images()}


@pytest.fixture(scope="session")
def cluster(images, tmp_path_factory):
    """A cluster of our own, which may be mistreated."""
    with cluster_with_nodes(tmp_path_factory.mktemp("cluster"), images=list(images.values())) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kubectl(cluster):
    """Access to the cluster."""
    return cluster.kubectl


@pytest.fixture(scope="session")
def helm(cluster, tmp_path_factory):
    """helm for the cluster."""
    return Helm(
        program=cluster.programs.path("helm"),
        folder=tmp_path_factory.mktemp("helm"),
        kubeconfig=cluster.kubectl.kubeconfig,
    )


@pytest.fixture(scope="session")
def operator(helm, kubectl):
    """The operator for all namespaces, by the chart."""
    install_operator(helm, kubectl, operator_values())


@pytest.fixture
def namespace(kubectl):
    """A namespace for one test, with the strictest rules that Kubernetes has for pods."""
    with strict_namespace(kubectl) as name:
        yield name


@pytest.fixture
def claims(kubectl, namespace, tmp_path):
    """The folders behind the claims that the examples name."""
    return example_claims(kubectl, namespace, tmp_path)
