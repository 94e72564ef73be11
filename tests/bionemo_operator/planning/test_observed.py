"""Objects of the API server become values, whatever of them is missing."""

import pytest

from bionemo_operator.planning.observed import (
    Node,
    gpu_memory_bytes_of,
    job_of,
    node_of,
    pod_of,
    uid_of_controller,
)
from testkit.observations import NOON

STAMP = "2026-11-24T12:00:00Z"


def pod_body(status=None, **metadata):
    labels = {"training.kubeflow.org/job-name": "small-1", "training.kubeflow.org/replica-index": "3"}
    usual = {"name": "small-1-worker-3", "creationTimestamp": STAMP, "labels": labels}
    return {"metadata": {**usual, **metadata}, "spec": {}, "status": status or {}}


def test_a_pod_that_has_just_been_made():
    seen = pod_of(pod_body())
    assert (seen.job, seen.index, seen.phase, seen.node, seen.created_at) == ("small-1", 3, "Pending", None, NOON)
    assert not seen.is_running
    assert not seen.has_failed
    assert seen.is_schedulable


def test_a_pod_that_finds_no_node_says_why():
    condition = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}
    seen = pod_of(pod_body({"conditions": [condition]}))
    assert (seen.is_schedulable, seen.message) == (False, "0/3 nodes are available")


def test_a_pod_that_can_not_pull_its_image_says_why():
    waiting = {"reason": "ImagePullBackOff", "message": "not found"}
    seen = pod_of(pod_body({"containerStatuses": [{"state": {"waiting": waiting}}]}))
    assert (seen.waiting, seen.message) == ("ImagePullBackOff", "not found")


def test_a_pod_that_ended_has_last_words():
    ended = {"exitCode": 65, "reason": "Error", "message": "{}", "finishedAt": STAMP}
    seen = pod_of(pod_body({"phase": "Failed", "containerStatuses": [{"state": {"terminated": ended}}]}))
    assert seen.last_words is not None
    assert (seen.last_words.exit_code, seen.last_words.finished_at, seen.has_failed) == (65, NOON, True)


@pytest.mark.parametrize(("exit_code", "has_failed"), [(0, False), (1, True)])
def test_a_pod_that_is_gone_is_judged_by_its_last_words(exit_code, has_failed):
    body = pod_body({"containerStatuses": [{"state": {"terminated": {"exitCode": exit_code}}}]})
    assert pod_of(body, is_gone=True).has_failed is has_failed


def test_a_deleted_pod_no_longer_runs():
    body = pod_body({"phase": "Running"}, deletionTimestamp=STAMP)
    assert pod_of(pod_body({"phase": "Running"})).is_running
    assert not pod_of(body).is_running
    assert pod_of(body).deletion_deadline == NOON


def pytorch_job_body(status=None):
    template = {"metadata": {"annotations": {"bionemo.dev/config": "model: {}"}}}
    return {
        "kind": "PyTorchJob",
        "metadata": {"name": "small-2", "uid": "u", "creationTimestamp": STAMP, "labels": {"bionemo.dev/attempt": "2"}},
        "spec": {
            "runPolicy": {"suspend": True},
            "pytorchReplicaSpecs": {"Worker": {"replicas": 4, "template": template}},
        },
        "status": status or {},
    }


def test_a_pytorch_job_is_read():
    seen = job_of(pytorch_job_body())
    assert (seen.number, seen.nodes, seen.is_suspended, seen.outcome, seen.config) == (2, 4, True, None, "model: {}")


def test_a_pytorch_job_that_ended_says_when_and_why():
    condition = {"type": "Failed", "status": "True", "message": "has failed", "lastTransitionTime": STAMP}
    seen = job_of(
        pytorch_job_body({"startTime": STAMP, "conditions": [{"type": "Running", "status": "False"}, condition]})
    )
    assert (seen.outcome, seen.message, seen.ended_at, seen.started_at) == ("Failed", "has failed", NOON, NOON)


def test_a_job_of_a_stage_is_read():
    body = {
        "kind": "Job",
        "metadata": {
            "name": "zinc-map",
            "uid": "u",
            "creationTimestamp": STAMP,
            "labels": {"bionemo.dev/stage": "map"},
        },
        "spec": {"completions": 7, "suspend": False, "template": {"metadata": {}}},
        "status": {"succeeded": 3, "conditions": [{"type": "Complete", "status": "True"}]},
    }
    seen = job_of(body)
    assert (seen.stage, seen.nodes, seen.done, seen.outcome, seen.config) == ("map", 7, 3, "Succeeded", "")


def test_only_a_controller_owns():
    owners = [{"uid": "a"}, {"uid": "b", "controller": True}]
    assert uid_of_controller({"metadata": {"ownerReferences": owners}}) == "b"
    assert uid_of_controller({"metadata": {}}) is None


def node_body(status="True", taints=(), **facts):
    ready = {"type": "Ready", "status": status, **facts}
    return {"metadata": {"name": "n"}, "spec": {"taints": list(taints)}, "status": {"conditions": [ready]}}


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        pytest.param(node_body(), "", id="a node that is well"),
        pytest.param({"metadata": {"name": "n"}}, "", id="a node that says nothing"),
        pytest.param(
            node_body("Unknown", reason="NodeStatusUnknown"),
            "its condition Ready is Unknown (NodeStatusUnknown)",
            id="a silent node",
        ),
        pytest.param(
            node_body("False"), "its condition Ready is False (no reason given)", id="a node that is not ready"
        ),
        pytest.param(
            node_body(taints=[{"key": "node.kubernetes.io/out-of-service"}]),
            "it has the taint node.kubernetes.io/out-of-service",
            id="a node that is off",
        ),
        pytest.param(node_body(taints=[{"key": "node.kubernetes.io/not-ready"}]), "", id="a node that has just joined"),
        pytest.param(
            node_body(taints=[{"key": "node.kubernetes.io/unschedulable"}]), "", id="a node that is cordoned off"
        ),
    ],
)
def test_a_node_says_what_ails_it(body, trouble):
    assert node_of(body) == Node(name="n", trouble=trouble)


@pytest.mark.parametrize(
    ("labels", "size"),
    [
        pytest.param([], None, id="no node"),
        pytest.param([{}], None, id="no label"),
        pytest.param([{"nvidia.com/gpu.memory": "much"}], None, id="no number"),
        pytest.param(
            [{"nvidia.com/gpu.memory": "10"}, {"nvidia.com/gpu.memory": "20"}, {}], 20 * 2**20, id="two sizes"
        ),
    ],
)
def test_the_largest_gpu_counts(labels, size):
    assert gpu_memory_bytes_of(labels) == size


@pytest.mark.parametrize(("status", "is_ready"), [("True", True), ("False", False), (None, True)])
def test_a_pod_may_be_found_not_ready(status, is_ready):
    conditions = [{"type": "Ready", "status": status}] if status else []
    assert pod_of(pod_body({"conditions": conditions})).is_ready is is_ready
