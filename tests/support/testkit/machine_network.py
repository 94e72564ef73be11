"""The wires between machines: one Ethernet that all are plugged into, and this host too, so that tests reach every pod."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from testkit.machines import Machine

HOST_INTERFACE = "bionemo0"
ROUTER_ADDRESS = "10.245.0.1"
POD_NETWORK = "10.244.0.0/16"
_HOST_ADDRESS = "10.245.0.254"
_BRIDGE = "lan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """What a node is called in the network."""

    node: str
    """Of its kubelet, such as 10.245.0.10."""
    pods: str
    """The network of its pods, such as 10.244.1.0/24."""

    @classmethod
    def of(cls, index: int) -> "Addresses":
        """Those of the node of that number."""
        return cls(node=f"10.245.0.{10 + index}", pods=f"10.244.{1 + index}.0/24")


def wire_router(router: Machine) -> None:
    """Makes the Ethernet on a machine, which passes on what pods and host send one another."""
    _expect(_ip("link", "add", HOST_INTERFACE, "type", "veth", "peer", "name", "host", "netns", str(router.pid)))
    _on(
        router,
        f"ip link add {_BRIDGE} type bridge",
        f"ip address add {ROUTER_ADDRESS}/24 dev {_BRIDGE}",
        f"ip link set {_BRIDGE} up",
        f"ip link set host master {_BRIDGE} up",
        "sysctl -qw net.ipv4.ip_forward=1",
    )
    _expect(_ip("address", "add", f"{_HOST_ADDRESS}/24", "dev", HOST_INTERFACE))
    _expect(_ip("link", "set", HOST_INTERFACE, "up"))
    _expect(_ip("route", "add", POD_NETWORK, "via", ROUTER_ADDRESS))


def unplug_host() -> None:
    """Takes the host off the Ethernet. It goes with the machines, but connections that they had may hold it for minutes."""
    _ip("link", "delete", HOST_INTERFACE)


def wire_node(router: Machine, node: Machine, addresses: Addresses, others: Iterable[Addresses]) -> None:
    """Plugs a node into the Ethernet.

    Args:
        router: Where the Ethernet is.
        node: The new machine.
        addresses: The node's own.
        others: Those of nodes whose pods it sends to directly.
    """
    port = f"port-{node.name}"
    _on(
        router,
        # A node that was switched off has left its port behind for a moment.
        f"ip link delete {port} 2>/dev/null || true",
        f"ip link add {port} type veth peer name eth0",
        f"ip link set {port} master {_BRIDGE} up",
        f"ip route replace {addresses.pods} via {addresses.node}",
    )
    # Entered by its network alone, so that process ids are those of the host.
    enter = ["nsenter", f"--target={router.pid}", "--net", "--"]
    _expect(_run(*enter, "ip", "link", "set", "eth0", "netns", str(node.pid)))
    _on(
        node,
        f"ip address add {addresses.node}/24 dev eth0",
        "ip link set eth0 up",
        f"ip route add default via {ROUTER_ADDRESS}",
        *(f"ip route add {other.pods} via {other.node}" for other in others),
        "[ -e /proc/sys/net/bridge ] || modprobe br_netfilter",
        "sysctl -qw net.ipv4.ip_forward=1 net.bridge.bridge-nf-call-iptables=1",
    )


def _on(machine: Machine, *lines: str) -> None:
    machine.run("sh", "-ec", "\n".join(lines))


def _ip(*arguments: str) -> subprocess.CompletedProcess[str]:
    return _run("ip", *arguments)


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _expect(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(done.args)}: {done.stderr.strip()}")
