"""The kubelet that tests play says of pods what a real one would say."""

import pytest

from testkit.cluster_pods import create_node
from testkit.cluster_waiting import PATIENTLY, eventually


@pytest.fixture
def pod(kubelet):
    """A pod that is bound to a node; gives a way to see it."""
    place = f"--namespace={kubelet.namespace}"
    kubelet.kubectl("wait", "--for=create", PATIENTLY, "serviceaccount/default", place)
    spec = {"restartPolicy": "Never", "containers": [{"name": "pytorch", "image": "trainer"}]}
    kubelet.kubectl.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": spec}, place)
    kubelet.bind("pod", "node-0")
    return lambda: kubelet.kubectl.get("pod", "pod", place)


def end_of(pod):
    status = pod["status"]
    return status["phase"], status["containerStatuses"][0]["state"]["terminated"]


def test_a_bound_pod_names_its_node(pod):
    assert pod()["spec"]["nodeName"] == "node-0"


def test_a_running_pod_is_ready_and_has_an_address(kubelet, pod):
    kubelet.run("pod", address="10.244.0.7")

    status = pod()["status"]
    conditions = {condition["type"]: condition["status"] for condition in status["conditions"]}
    assert (status["phase"], status["podIP"], conditions["Ready"]) == ("Running", "10.244.0.7", "True")


def test_a_pod_that_succeeded_tells_exit_code_and_message(kubelet, pod):
    kubelet.run("pod")
    kubelet.succeed("pod", message="done")

    phase, end = end_of(pod())
    assert (phase, end["exitCode"], end["message"]) == ("Succeeded", 0, "done")


def test_a_pod_that_failed_tells_exit_code_message_and_reason(kubelet, pod):
    kubelet.run("pod")
    kubelet.fail("pod", exit_code=137, message="", reason="OOMKilled")

    phase, end = end_of(pod())
    assert (phase, end["exitCode"], end["reason"], "message" in end) == ("Failed", 137, "OOMKilled", False)


def test_an_evicted_pod_tells_no_exit_code(kubelet, pod):
    kubelet.run("pod")
    kubelet.evict("pod")

    status = pod()["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    assert "containerStatuses" not in status


def test_a_deleted_pod_stays_until_its_kubelet_removes_it(kubelet, pod):
    place = f"--namespace={kubelet.namespace}"
    kubelet.run("pod")
    kubelet.kubectl("delete", "pod", "pod", "--wait=false", place)
    assert "deletionTimestamp" in pod()["metadata"]

    kubelet.remove("pod")

    assert kubelet.kubectl.get("pods", place)["items"] == []


def test_a_pod_that_nobody_deleted_is_not_removed(kubelet, pod):
    with pytest.raises(AssertionError, match="nobody has deleted pod pod"):
        kubelet.remove("pod")

    assert pod()["spec"]["nodeName"] == "node-0"


def test_a_node_has_room_for_the_gpus_that_are_asked_for(plane):
    create_node(plane.kubectl, "node-with-gpus", gpus=16)

    node = eventually(lambda: plane.kubectl.get("node", "node-with-gpus"))
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "16"
