"""A real Kubernetes of two nodes that run pods, on one host, without Docker: for tests of the system as a whole.

Needs root and the packages of tests/cluster/packages.sh. The control plane and each node are machines of their own, so
the host's network, mounts, processes and settings stay as they are, and a node can die.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from testkit import cluster_commands
from testkit.cluster_addons import give_gpus, images_of_addons, install_addons
from testkit.cluster_certificates import make_certificate
from testkit.cluster_commands import Place, make_identities
from testkit.cluster_containers import import_images
from testkit.cluster_endpoints import answers_well
from testkit.cluster_kubectl import FIELD_MANAGER, Kubectl, KubectlError
from testkit.cluster_lock import sole_cluster
from testkit.cluster_nodes import Node, create_nodes
from testkit.cluster_oci import Image
from testkit.cluster_processes import NotReadyError, Running, await_ready
from testkit.cluster_programs import REPOSITORY, Programs, built_programs, cache_folder
from testkit.cluster_waiting import eventually
from testkit.machine_cgroups import remove_cgroups
from testkit.machine_network import ROUTER_ADDRESS, unplug_host, wire_router
from testkit.machines import Machine, switch_on

STEADY_NODE = "node-0"
"""Holds what the cluster itself needs; let the other one die."""
OTHER_NODE = "node-1"
GPUS = 8
"""That each node claims to have."""
_NODE_LOST_SECONDS = 12


@dataclass(kw_only=True)
class Cluster:
    """A cluster that runs."""

    folder: Path
    """Its certificates and logs."""
    programs: Programs
    kubectl: Kubectl
    nodes: dict[str, Node]

    def kill_node(self, name: str) -> None:
        """Has a node vanish with all that runs on it; some 20 s later the cluster takes it for dead."""
        self.nodes[name].crash()

    def revive_node(self, name: str) -> None:
        """Switches a node on again, with its old disk, and waits until it is ready.

        Raises:
            NotReadyError: It was too slow.
        """
        self.nodes[name].start()
        self.await_nodes()

    def is_ready(self, node: str) -> bool:
        """Whether the cluster takes a node for alive."""
        conditions = self.kubectl.get("node", node)["status"].get("conditions", [])
        return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)

    def await_nodes(self) -> None:
        """Waits until all nodes are ready, and gives them their GPUs.

        Raises:
            NotReadyError: One was too slow.
        """
        for name in self.nodes:
            if not eventually(partial(self._is_registered, name)):
                raise NotReadyError(f"{name} is not ready after 60 s; its logs are in {self.folder / name}")
            give_gpus(self.kubectl, name, GPUS)

    def _is_registered(self, node: str) -> bool:
        try:
            return self.is_ready(node)
        except KubectlError:  # it has never spoken yet
            return False


@contextlib.contextmanager
def cluster_with_nodes(folder: Path, crds: Sequence[Path] = (), images: Sequence[Image] = ()) -> Iterator[Cluster]:
    """Runs a cluster until the block is left.

    Args:
        folder: Empty; for certificates and logs.
        crds: Files or folders of CRDs to install.
        images: What pods will run, besides what the cluster needs.

    Raises:
        ClusterTakenError: Another one runs on this host.
        NotReadyError: Something ended or was too slow.
        PermissionError: Not root.
    """
    if os.geteuid() != 0:
        raise PermissionError("a cluster with nodes makes namespaces and control groups: run it as root.")
    subprocess.run([REPOSITORY / "tests/cluster/packages.sh"], check=True)
    programs = built_programs("level2")
    place = Place(programs=programs, folder=folder, address=ROUTER_ADDRESS)
    with contextlib.ExitStack() as stack:
        stack.enter_context(sole_cluster())
        _clean_up()
        stack.callback(_clean_up)
        router = switch_on("control-plane", folder / "control-plane")
        stack.callback(router.switch_off)
        wire_router(router)
        kubectl = _start_control_plane(place, router)
        seed = cache_folder() / "seed"
        import_images(seed, (*images_of_addons(programs), *images), folder / "seed")
        nodes = create_nodes(place, router, seed, _disks(), (STEADY_NODE, OTHER_NODE))
        cluster = Cluster(folder=folder, programs=programs, kubectl=kubectl, nodes={node.name: node for node in nodes})
        for node in nodes:
            stack.callback(node.crash)
            node.start()
        _install(cluster, crds)
        yield cluster


def remove_leftovers() -> None:
    """Removes what a cluster has left that could not end in order.

    Raises:
        ClusterTakenError: One runs on this host.
    """
    with sole_cluster():
        _clean_up()


def _clean_up() -> None:
    """Removes what the kernel does not take back, or not at once."""
    unplug_host()
    remove_cgroups()
    shutil.rmtree(_disks(), ignore_errors=True)


def _disks() -> Path:
    return cache_folder() / "disks"


def _start_control_plane(place: Place, machine: Machine) -> Kubectl:
    make_identities(place, "IP:10.96.0.1")
    client = make_certificate(place.folder / "to-kubelets", place.authority, "/O=system:masters/CN=kube-apiserver")
    etcd = machine.start(cluster_commands.etcd(place))
    arguments = (
        f"--kubelet-client-certificate={client.certificate}",
        f"--kubelet-client-key={client.key}",
        "--kubelet-preferred-address-types=InternalIP",
        "--enable-admission-plugins=NodeRestriction",
        "--enable-aggregator-routing",  # webhooks are called by the address of a pod: no kube-proxy runs here
        "--default-not-ready-toleration-seconds=5",
        "--default-unreachable-toleration-seconds=5",
    )
    api_server = machine.start(cluster_commands.api_server(place, *arguments))
    is_ready = partial(answers_well, f"{place.url}/readyz", place.authority.certificate)
    await_ready("the API server is ready", is_ready, [etcd, api_server])
    _start_controllers(place, machine)
    program = place.programs.path("kubectl")
    return Kubectl(program=program, kubeconfig=place.kubeconfig, cache=place.folder / "discovery")


def _start_controllers(place: Place, machine: Machine) -> list[Running]:
    prompt = (
        f"--node-monitor-grace-period={_NODE_LOST_SECONDS}s",
        "--node-monitor-period=2s",
        "--pvclaimbinder-sync-period=1s",
    )
    commands = (cluster_commands.controller_manager(place, *prompt), cluster_commands.scheduler(place))
    return [machine.start(command) for command in commands]


def _install(cluster: Cluster, crds: Sequence[Path]) -> None:
    files = [f"--filename={path}" for path in crds]
    if files:
        cluster.kubectl("apply", "--server-side", f"--field-manager={FIELD_MANAGER}", *files)
    install_addons(cluster.programs, cluster.kubectl, cluster.folder / "training-operator", STEADY_NODE)
    cluster.await_nodes()
    for namespace, deployment in (("kube-system", "coredns"), ("kubeflow", "training-operator")):
        cluster.kubectl("rollout", "status", f"deployment/{deployment}", f"--namespace={namespace}", "--timeout=100s")
