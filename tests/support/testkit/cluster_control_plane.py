"""A real Kubernetes control plane in a folder: etcd, API server, controller manager and training operator; no kubelet.

For tests of what API servers and controllers do. Nothing runs the pods; `cluster_pods` plays the kubelet.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from testkit import cluster_commands
from testkit.cluster_commands import Place, make_identities
from testkit.cluster_endpoints import answers_well
from testkit.cluster_kubectl import FIELD_MANAGER, Kubectl, KubectlError
from testkit.cluster_processes import Running, await_ready, free_ports, start
from testkit.cluster_programs import built_programs
from testkit.cluster_training_operator import TrainingOperator, install_training_operator, pytorch_job_crd
from testkit.cluster_waiting import eventually

_CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "deployment-controller",
    "endpoints-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "ttl-after-finished-controller",
)
"""Without those that take a node for dead when no kubelet speaks for it."""


@dataclass(kw_only=True)
class ControlPlane:
    """A control plane that runs."""

    folder: Path
    """Its data, certificates and logs."""
    url: str
    """The API server."""
    kubeconfig: Path
    """Credentials of an administrator."""
    kubectl: Kubectl
    training_operator: TrainingOperator
    _running_operator: Running | None = field(default=None, repr=False)

    def start_training_operator(self) -> None:
        """Starts the training operator and waits until its webhook answers.

        Raises:
            NotReadyError: It ended or was too slow.
        """
        self._running_operator = self.training_operator.start()

    def stop_training_operator(self) -> None:
        """Ends the training operator, as a rollout would; PyTorchJobs are refused until it is back, for want of a webhook."""
        if self._running_operator:
            self._running_operator.stop()
            self._running_operator = None


@contextlib.contextmanager
def control_plane(folder: Path, crds: Sequence[Path] = ()) -> Iterator[ControlPlane]:
    """Runs a control plane on free ports of the loopback interface until the block is left.

    Args:
        folder: Empty.
        crds: Files or folders of CRDs to install before the controllers start: the garbage collector looks for new kinds
            only twice a minute.

    Raises:
        NotReadyError: A program ended or was too slow.
    """
    programs = built_programs()
    with contextlib.ExitStack() as stack:
        port, etcd_port, peer_port = free_ports(3)
        place = Place(programs=programs, folder=folder, port=port, etcd_port=etcd_port, peer_port=peer_port)
        kubectl, api_server = _start_api_server(place, stack)
        install_crds(kubectl, (pytorch_job_crd(programs), *crds))
        controllers = f"--controllers={','.join(_CONTROLLERS)}"
        manager = start(cluster_commands.controller_manager(place, controllers), folder)
        stack.callback(manager.stop)
        operator = install_training_operator(programs, folder, kubectl)
        plane = ControlPlane(
            folder=folder, url=place.url, kubeconfig=kubectl.kubeconfig, kubectl=kubectl, training_operator=operator
        )
        stack.callback(plane.stop_training_operator)
        plane.start_training_operator()
        await_ready("controllers work", partial(_has_service_account, kubectl), [api_server, manager])
        yield plane


def install_crds(kubectl: Kubectl, files: Sequence[Path]) -> None:
    """Installs definitions, files or folders of them, and waits until the API server serves them."""
    names = [f"--filename={path}" for path in files]
    kubectl("apply", "--server-side", f"--field-manager={FIELD_MANAGER}", *names)
    assert eventually(partial(_are_established, kubectl, names)), f"the API server serves none of {files}"


def _start_api_server(place: Place, stack: contextlib.ExitStack) -> tuple[Kubectl, Running]:
    make_identities(place, "DNS:localhost")
    etcd = start(cluster_commands.etcd(place), place.folder)
    stack.callback(etcd.stop)
    no_endpoint = "--endpoint-reconciler-type=none"  # it would refuse an address of the loopback interface
    api_server = start(cluster_commands.api_server(place, no_endpoint), place.folder)
    stack.callback(api_server.stop)
    is_ready = partial(answers_well, f"{place.url}/readyz", place.authority.certificate)
    await_ready("the API server is ready", is_ready, [etcd, api_server])
    return Kubectl(
        program=place.programs.path("kubectl"), kubeconfig=place.kubeconfig, cache=place.folder / "discovery"
    ), api_server


def _are_established(kubectl: Kubectl, names: Sequence[str]) -> bool:
    """Whether the API server serves them. `kubectl wait` gives up on one whose conditions it has not begun to write."""
    try:
        kubectl("wait", "--for=condition=Established", "--timeout=10s", *names)
    except KubectlError:
        return False
    return True


def _has_service_account(kubectl: Kubectl) -> bool:
    """Whether the controllers have begun: no pod is admitted to a namespace before it has this account."""
    try:
        kubectl.get("serviceaccount", "default", "--namespace=default")
    except KubectlError:
        return False
    return True
