"""Plays the kubelet in a cluster without one: gives pods a node and a fate, and removes those that were deleted.

Nothing runs. A pod's status says what a kubelet would say of it, which is all that controllers see. Where a real kubelet
runs, leave its pods alone.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from testkit.cluster_kubectl import Kubectl

type Wire = dict[str, Any]
"""A part of an object in wire form."""

IMAGE_ID = "test@sha256:0000000000000000000000000000000000000000000000000000000000000000"


def create_node(kubectl: Kubectl, name: str, gpus: int = 0) -> None:
    """Creates a node that is ready and has room for pods; nobody will take it for dead."""
    kubectl.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
    room = {"cpu": "64", "memory": "512Gi", "pods": "110"} | ({"nvidia.com/gpu": str(gpus)} if gpus else {})
    ready = _condition("Ready", is_true=True) | {"reason": "KubeletReady", "lastHeartbeatTime": _now()}
    kubectl.set_status("node", name, {"capacity": room, "allocatable": room, "conditions": [ready]})


@dataclass(frozen=True, slots=True, kw_only=True)
class Kubelet:
    """The kubelets of all nodes, for the pods of one namespace."""

    kubectl: Kubectl
    namespace: str

    def bind(self, pod: str, node: str) -> None:
        """Assigns a pod to a node, as the scheduler does; afterwards a deletion waits for `remove`."""
        target = {"apiVersion": "v1", "kind": "Node", "name": node}
        binding = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": pod}, "target": target}
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/binding"
        self.kubectl("create", f"--raw={path}", "--filename=-", stdin=json.dumps(binding))

    def run(self, pod: str, address: str = "127.0.0.10") -> None:
        """Has all containers of a pod running and ready.

        Args:
            pod: Its name.
            address: Its IP address.
        """
        state = {"running": {"startedAt": _now()}}
        addresses = {"podIP": address, "podIPs": [{"ip": address}], "startTime": _now()}
        self._report(pod, "Running", state, addresses)

    def succeed(self, pod: str, message: str = "") -> None:
        """Has all containers of a pod end with 0.

        Args:
            pod: Its name.
            message: What they left as termination message.
        """
        self._report(pod, "Succeeded", _terminated(0, "Completed", message))

    def fail(self, pod: str, exit_code: int, message: str = "", reason: str = "Error") -> None:
        """Has all containers of a pod end with a failure.

        Args:
            pod: Its name.
            exit_code: Of each container.
            message: What they left as termination message.
            reason: Of the containers' end, such as Error or OOMKilled.
        """
        self._report(pod, "Failed", _terminated(exit_code, reason, message))

    def evict(self, pod: str, reason: str = "Evicted", message: str = "The node was low on resource: memory.") -> None:
        """Has a pod fail as a whole, so that no container tells an exit code.

        Args:
            pod: Its name.
            reason: Of the pod, such as Evicted, NodeLost or Terminated.
            message: Of the pod.
        """
        status = {"phase": "Failed", "reason": reason, "message": message, "containerStatuses": []}
        self._set_status(pod, status)

    def remove(self, pod: str) -> None:
        """Removes a pod that was deleted and waits for its kubelet, as one does when the containers have ended."""
        found = self.kubectl.get("pod", pod, self._in_namespace)
        assert "deletionTimestamp" in found["metadata"], f"nobody has deleted pod {pod}"
        self.kubectl("delete", "pod", pod, "--grace-period=0", "--force", self._in_namespace)

    @property
    def _in_namespace(self) -> str:
        return f"--namespace={self.namespace}"

    def _report(self, pod: str, phase: str, state: Wire, more: Wire | None = None) -> None:
        found = self.kubectl.get("pod", pod, self._in_namespace)
        is_running = phase == "Running"
        conditions = [_condition(name, is_true=is_running) for name in ("Ready", "ContainersReady")]
        conditions += [_condition(name, is_true=True) for name in ("PodScheduled", "Initialized")]
        statuses = [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": IMAGE_ID,
                "containerID": f"test://{pod}-{container['name']}",
                "ready": is_running,
                "started": is_running,
                "restartCount": 0,
                "state": state,
            }
            for container in found["spec"]["containers"]
        ]
        status = {"phase": phase, "conditions": conditions, "containerStatuses": statuses}
        self._set_status(pod, status | (more or {}))

    def _set_status(self, pod: str, status: Wire) -> None:
        self.kubectl.set_status("pod", pod, status, self._in_namespace)


def _terminated(exit_code: int, reason: str, message: str) -> Wire:
    ended = {"exitCode": exit_code, "reason": reason, "startedAt": _now(), "finishedAt": _now()}
    return {"terminated": ended | ({"message": message} if message else {})}


def _condition(name: str, *, is_true: bool) -> Wire:
    return {"type": name, "status": str(is_true), "lastTransitionTime": _now()}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
