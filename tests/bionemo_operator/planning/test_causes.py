"""The cause of an attempt's end is found among its consequences."""

import pytest

from bionemo_operator.planning.causes import Ending, ending_of, suspect_of
from bionemo_operator.planning.observed import Node
from testkit.observations import ended, job, pod

FAILED = job(outcome="Failed", message="PyTorchJob small-1 has failed.")


@pytest.mark.parametrize(
    ("exit_code", "reason", "message", "cause"),
    [
        pytest.param(64, "Error", "", "Configuration", id="wrong configuration"),
        pytest.param(65, "Error", "", "Data", id="unusable data"),
        pytest.param(66, "Error", "", "MissingInput", id="missing input"),
        pytest.param(70, "Error", "", "NonFiniteLoss", id="no number"),
        pytest.param(74, "Error", "", "Storage", id="storage"),
        pytest.param(75, "Error", "", "Stopped", id="stopped"),
        pytest.param(1, "Error", "", "Crash", id="an exception"),
        pytest.param(139, "Error", "", "Crash", id="a segmentation fault"),
        pytest.param(137, "OOMKilled", "", "OutOfMemory", id="the kernel's killer"),
        pytest.param(1, "Error", "torch.OutOfMemoryError: CUDA", "OutOfMemory", id="the GPU's memory"),
    ],
)
def test_an_exit_code_means_a_cause(exit_code, reason, message, cause):
    assert ending_of(FAILED, [pod(last_words=ended(exit_code, message, reason))]).cause == cause


@pytest.mark.parametrize(
    ("facts", "cause"),
    [
        pytest.param({"disruption": "PreemptionByScheduler"}, "Preempted", id="a preempted pod"),
        pytest.param({"disruption": "DeletionByTaintManager"}, "NodeLost", id="a node that fell silent"),
        pytest.param({"disruption": "EvictionByEvictionAPI"}, "Evicted", id="a drained node"),
        pytest.param({"disruption": "SomethingNew"}, "Evicted", id="a reason of a newer Kubernetes"),
        pytest.param(
            {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}, "Evicted", id="an evicted pod"
        ),
        pytest.param({"phase": "Failed", "reason": "DeadlineExceeded"}, "Deadline", id="a pod's own deadline"),
        pytest.param({"phase": "Failed"}, "Unknown", id="a pod that failed without a word"),
        pytest.param({"is_gone": True}, "Evicted", id="a pod deleted by hand"),
    ],
)
def test_what_kubernetes_did_to_a_pod_means_a_cause(facts, cause):
    assert ending_of(FAILED, [pod(**facts), pod(1, last_words=ended(75), phase="Failed")]).cause in (cause, "Stopped")
    assert ending_of(FAILED, [pod(**facts)]).cause == cause


def test_a_success_has_no_cause():
    assert ending_of(job(outcome="Succeeded"), [pod(last_words=ended(0))]) == Ending(cause=None, exit_code=0)


def test_a_final_failure_explains_the_crashes_around_it():
    pods = [pod(0, last_words=ended(1, "NCCL error", after_seconds=1)), pod(1, last_words=ended(70, after_seconds=2))]
    assert ending_of(FAILED, pods).cause == "NonFiniteLoss"


def test_the_first_failure_explains_the_later_ones():
    pods = [
        pod(0, last_words=ended(143, after_seconds=9)),
        pod(1, last_words=ended(1, '{"exitCode": 1, "rank": 3, "message": "CUDA error"}', after_seconds=5)),
        pod(2, last_words=ended(75, after_seconds=1)),
    ]
    ending = ending_of(FAILED, pods)
    assert ending == Ending(cause="Crash", exit_code=1, node="node-1", message="CUDA error")


def test_a_stop_says_up_to_which_step():
    words = ended(75, '{"exitCode": 75, "rank": 0, "message": "stopped", "step": 12}')
    assert ending_of(FAILED, [pod(last_words=words)]).step == 12


def test_without_a_trace_the_job_is_quoted():
    assert ending_of(FAILED, []).message == "PyTorchJob small-1 has failed."
    assert ending_of(job(outcome="Failed"), []).message == "The PyTorchJob failed, and its pods left no trace."
    assert ending_of(None, []).message == "The PyTorchJob was deleted while it ran."


def test_a_long_message_is_cut():
    message = ending_of(FAILED, [pod(last_words=ended(1, "x" * 5000))]).message
    assert message is not None
    assert len(message) == 1024
    assert message.endswith("x…")


DEAD = Node(name="node-1", trouble="its condition Ready is Unknown (NodeStatusUnknown)")


def test_a_dead_node_explains_the_crashes_of_the_others():
    pods = [pod(0, last_words=ended(1, "NCCL error")), pod(1, is_ready=False)]
    assert ending_of(FAILED, pods, DEAD) == Ending(
        cause="NodeLost",
        node="node-1",
        message="Node node-1 of small-1-worker-1 is lost: its condition Ready is Unknown (NodeStatusUnknown).",
    )


def test_a_node_that_is_well_explains_nothing():
    pods = [pod(0, last_words=ended(1, "NCCL error")), pod(1)]
    assert ending_of(FAILED, pods, Node(name="node-1", trouble="")).cause == "Crash"


def test_a_dead_node_whose_pods_have_spoken_explains_nothing():
    pods = [pod(0, last_words=ended(1)), pod(1, last_words=ended(75))]
    assert ending_of(FAILED, pods, DEAD).cause == "Crash"


def test_a_final_failure_outweighs_a_dead_node():
    assert ending_of(FAILED, [pod(0, last_words=ended(64)), pod(1, is_ready=False)], DEAD).cause == "Configuration"


@pytest.mark.parametrize(
    ("pods", "suspect"),
    [
        pytest.param([], None, id="no pods"),
        pytest.param([pod(0, last_words=ended(1))], None, id="all have spoken"),
        pytest.param([pod(0, phase="Succeeded"), pod(1, node=None)], None, id="done, or never placed"),
        pytest.param([pod(0, last_words=ended(1)), pod(1), pod(2)], "node-1", id="the first that is silent"),
        pytest.param([pod(0), pod(1), pod(2, is_ready=False)], "node-2", id="the one that is not ready"),
    ],
)
def test_a_node_is_suspected_by_its_silence(pods, suspect):
    assert suspect_of(pods) == suspect
