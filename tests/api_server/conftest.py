"""The suite for a real API server: its own control plane, or the cluster that KUBECONFIG_UNDER_TEST names.

Runs only when asked for by name (pytest tests/api_server): the control plane's programs take minutes to build the first time.
"""

import uuid
from pathlib import Path

import pytest

from testkit.cluster_control_plane import control_plane
from testkit.cluster_kubectl import FIELD_MANAGER, Kubectl
from testkit.cluster_pods import Kubelet, create_node
from testkit.cluster_under_test import KUBECONFIG
from testkit.cluster_waiting import PATIENTLY

HERE = Path(__file__).parent
CRDS = HERE.parents[1] / "crds"


@pytest.fixture(scope="session")
def plane(tmp_path_factory):
    """A control plane of our own, which may be mistreated."""
    if KUBECONFIG:
        pytest.skip("plays the kubelet or stops the training operator, which no real cluster should suffer")
    with control_plane(tmp_path_factory.mktemp("plane"), [CRDS]) as plane:
        yield plane


@pytest.fixture(scope="session")
def kubectl(request, tmp_path_factory):
    """Access to a cluster with our CRDs, whichever it is."""
    if not KUBECONFIG:
        return request.getfixturevalue("plane").kubectl
    kubectl = Kubectl(kubeconfig=KUBECONFIG, cache=tmp_path_factory.mktemp("discovery"))
    kubectl("apply", "--server-side", "--force-conflicts", f"--field-manager={FIELD_MANAGER}", f"--filename={CRDS}")
    kubectl("wait", "--for=condition=Established", PATIENTLY, f"--filename={CRDS}")
    return kubectl


@pytest.fixture
def namespace(kubectl):
    """A namespace for one test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def kubelet(plane, namespace):
    """The kubelet of a node named node-0, played by the test."""
    create_node(plane.kubectl, "node-0", gpus=8)
    return Kubelet(kubectl=plane.kubectl, namespace=namespace)
