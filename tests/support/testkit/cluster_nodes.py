"""Nodes of a cluster for tests that run pods: each a machine with containerd, kubelet and kube-proxy."""

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from testkit.cluster_certificates import make_certificate
from testkit.cluster_commands import Place, write_kubeconfig
from testkit.cluster_containers import SOCKET, copy_seed, start_containerd
from testkit.machine_cgroups import make_cgroup
from testkit.machine_network import Addresses, wire_node
from testkit.machines import Machine, switch_on

DNS_ADDRESS = "10.96.0.10"


@dataclass(kw_only=True)
class Node:
    """A node; its disk outlives its death."""

    name: str
    place: Place
    """Of the control plane."""
    disk: Path
    """For containers and volumes."""
    router: Machine
    addresses: Addresses
    others: tuple[Addresses, ...]
    """Of the other nodes."""
    machine: Machine | None = None
    """None while it is off."""

    def start(self) -> None:
        """Switches it on.

        Raises:
            NotReadyError: A program ended or was too slow.
        """
        machine = switch_on(self.name, self.place.folder / self.name)
        self.machine = machine
        wire_node(self.router, machine, self.addresses, self.others)
        _write_pod_network(machine.folder / "cni", self.addresses.pods)
        start_containerd(machine, self.disk / "containerd")
        programs = self.place.programs
        machine.start([programs.path("kubelet"), *_kubelet_arguments(self, machine.folder)])
        machine.start(
            [programs.path("kube-proxy"), f"--config={_write_proxy_configuration(self.place, machine.folder)}"]
        )

    def crash(self) -> None:
        """Ends its kubelet, its containerd and all its containers at once, and cuts its network. Nothing when it is off."""
        if self.machine:
            self.machine.switch_off()
            self.machine = None


def create_nodes(place: Place, router: Machine, seed: Path, disks: Path, names: Iterable[str]) -> list[Node]:
    """Gives nodes their disks and their identities; none is on.

    Args:
        place: Of the control plane.
        router: Where they will be plugged in.
        seed: containerd's folder with all images, on the file system of the disks.
        disks: For their disks.
        names: Of the nodes.
    """
    addresses = {name: Addresses.of(index) for index, name in enumerate(names)}
    nodes = []
    for name, own in addresses.items():
        others = tuple(other for other in addresses.values() if other != own)
        node = Node(name=name, place=place, disk=disks / name, router=router, addresses=own, others=others)
        node.disk.mkdir(parents=True)
        copy_seed(seed, node.disk / "containerd")
        folder = place.folder / name
        folder.mkdir()
        identity = make_certificate(folder / "kubelet", place.authority, f"/O=system:nodes/CN=system:node:{name}")
        write_kubeconfig(folder / "kubeconfig", place.url, place.authority, identity)
        nodes.append(node)
    return nodes


def _write_pod_network(folder: Path, pods: str) -> None:
    """CNI: a bridge with a range of addresses."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    ranges = {"type": "host-local", "ranges": [[{"subnet": pods}]], "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": ranges,
    }
    network = {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}
    (folder / "10-pods.conflist").write_text(json.dumps(network), encoding="utf-8")


def _kubelet_arguments(node: Node, folder: Path) -> tuple[str, ...]:
    configuration = folder / "kubelet.yaml"
    configuration.write_text(yaml.safe_dump(_kubelet_configuration(node, folder)), encoding="utf-8")
    return (
        f"--config={configuration}",
        f"--kubeconfig={folder / 'kubeconfig'}",
        f"--hostname-override={node.name}",
        f"--node-ip={node.addresses.node}",
        f"--root-dir={node.disk / 'kubelet'}",
    )


def _kubelet_configuration(node: Node, folder: Path) -> dict[str, Any]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": node.addresses.node,
        "authentication": {"x509": {"clientCAFile": str(node.place.authority.certificate)}},
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "podLogsDir": str(folder / "pods"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": make_cgroup(node.name),
        "clusterDNS": [DNS_ADDRESS],
        "clusterDomain": "cluster.local",
        "resolvConf": "/dev/null",  # pods know the names of the cluster and no others
        "failSwapOn": False,
        "nodeStatusUpdateFrequency": "2s",
        "nodeLeaseDurationSeconds": 8,
        "syncFrequency": "10s",
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "imageGCHighThresholdPercent": 100,  # never: an image that is gone can't be pulled
        "registryPullQPS": 0,
        "maxPods": 100,
    }


def _write_proxy_configuration(place: Place, folder: Path) -> Path:
    """Services by packet filter; without touching how many connections the kernel may track."""
    untouched = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
    document = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "iptables",
        "clientConnection": {"kubeconfig": str(place.kubeconfig)},
        "conntrack": untouched,
        "healthzBindAddress": "127.0.0.1:10256",
        "hostnameOverride": folder.name,
    }
    path = folder / "kube-proxy.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path
