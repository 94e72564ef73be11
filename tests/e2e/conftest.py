"""The suite for the system as a whole: our images, built, on a cluster of two nodes that run pods.

Runs only when asked for by name (pytest tests/e2e), as root: it builds Kubernetes and our images the first time. With
KUBECONFIG_UNDER_TEST it uses the cluster that this names, and skips what needs one of its own.
"""

import shutil
from pathlib import Path

import pytest

from testkit.cluster_examples import example_claims, strict_namespace
from testkit.cluster_helm import Helm
from testkit.cluster_images import built_images
from testkit.cluster_kubectl import Kubectl
from testkit.cluster_operator import foreign_installation, install_operator, operator_values, remove_installation
from testkit.cluster_under_test import KUBECONFIG
from testkit.cluster_with_nodes import cluster_with_nodes


@pytest.fixture(scope="session")
def images():
    """Our images by name."""
    if KUBECONFIG:
        pytest.skip("reads the files of images that it has built; KUBECONFIG_UNDER_TEST names a cluster with others")
    return {image.name: image for image in built_images()}


@pytest.fixture(scope="session")
def cluster(request, tmp_path_factory):
    """A cluster of our own, which may be mistreated."""
    if KUBECONFIG:
        pytest.skip("kills nodes or processes on them, which no cluster of KUBECONFIG_UNDER_TEST should suffer")
    images = request.getfixturevalue("images").values()
    with cluster_with_nodes(tmp_path_factory.mktemp("cluster"), images=list(images)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kubectl(request, tmp_path_factory):
    """Access to the cluster, whichever it is."""
    if not KUBECONFIG:
        return request.getfixturevalue("cluster").kubectl
    kubectl = Kubectl(kubeconfig=KUBECONFIG, cache=tmp_path_factory.mktemp("discovery"))
    if found := foreign_installation(kubectl):
        pytest.exit(f"KUBECONFIG_UNDER_TEST={KUBECONFIG}: {found}", returncode=pytest.ExitCode.USAGE_ERROR)
    return kubectl


@pytest.fixture(scope="session")
def helm(request, kubectl, tmp_path_factory):
    """helm for the cluster."""
    program = shutil.which("helm") if KUBECONFIG else request.getfixturevalue("cluster").programs.path("helm")
    assert program, "no helm on PATH, with which the operator is installed into the cluster of KUBECONFIG_UNDER_TEST"
    helm = Helm(program=Path(program), folder=tmp_path_factory.mktemp("helm"), kubeconfig=kubectl.kubeconfig)
    yield helm
    if KUBECONFIG:
        remove_installation(helm, kubectl)


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
    """The claims that the examples name."""
    return example_claims(kubectl, namespace, tmp_path)
