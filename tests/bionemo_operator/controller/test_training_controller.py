"""Passes over trainings, from what the watches have seen to what the API server is asked for."""

from datetime import timedelta

import pytest

from bionemo_operator.cluster.kinds import NODES, PODS, PREPROCESSES, PYTORCH_JOBS, TRAININGS
from bionemo_operator.controller import training_controller
from bionemo_operator.controller.training_controller import TrainingController
from bionemo_operator.errors import ConflictError, LeadershipLostError, MissingError, UnavailableError
from bionemo_operator.planning.observed import Reading
from bionemo_trainer.contract import SMILES_FINGERPRINT, Progress

pytestmark = pytest.mark.enable_socket
KEY, JOB = ("lab", "small"), ("lab", "small-1")
FAILED = {"conditions": [{"type": "Failed", "status": "True", "lastTransitionTime": "2026-11-24T12:00:00Z"}]}


class Rank0:
    """Answers as rank 0 would, with the step that a test sets."""

    def __init__(self):
        self.step = None
        self.asked = []

    def read(self, address):
        self.asked.append(address)
        if self.step is None:
            return None
        now = training_controller.now()
        progress = Progress(
            phase="Stepping", attempt=1, step=self.step, max_steps=100, consumed_samples=0, updated_at=now.timestamp()
        )
        return Reading(progress=progress, stalled_seconds=0.0, read_at=now)


def settle(controller, key=KEY):
    """Passes, until none is wanted at once; after how many seconds to look again."""
    while (again := controller.run(key)) == 0.0:
        pass
    return again


@pytest.fixture
def rank_0():
    return Rank0()


@pytest.fixture
def controller(lab, rank_0):
    return TrainingController(lab.client, lab.store, lab.reporter(TRAININGS), "trainer:1", rank_0)


@pytest.fixture
def running(lab, controller):
    """A training whose pods run."""
    lab.training()
    settle(controller)
    job = lab.store.get(PYTORCH_JOBS, JOB)
    for index in range(2):
        lab.pod(job, index, phase="Running", podIP=f"10.0.0.{index}")
    return job


def said(lab, type_="Running"):
    return lab.condition(TRAININGS, "small", type_)


def test_the_first_pass_makes_the_job_writes_the_status_and_tells(lab, controller):
    lab.training()
    settle(controller)
    job = lab.client.get(PYTORCH_JOBS, *JOB)
    uid = lab.store.get(TRAININGS, KEY)["metadata"]["uid"]
    assert [(owner["name"], owner["uid"]) for owner in job["metadata"]["ownerReferences"]] == [("small", uid)]
    assert lab.status(TRAININGS, "small")["phase"] == "Pending"
    assert lab.status(TRAININGS, "small")["resolved"]["nodes"] == 2
    assert lab.events() == [("Normal", "Valid"), ("Normal", "Starting")]


def test_the_first_job_comes_before_what_is_told_of_it(lab, controller):
    lab.training()
    assert controller.run(KEY) == 0.0
    assert lab.names(PYTORCH_JOBS) == ["small-1"]
    assert lab.status(TRAININGS, "small") == {}
    controller.run(KEY)
    status = lab.status(TRAININGS, "small")
    assert (status["recovery"]["attempts"][0]["number"], status["resolved"]["gpus"]) == (1, 2)
    assert status["recipeFingerprint"].startswith("sha256:")


def test_a_spec_that_changes_between_the_job_and_what_is_told_of_it_is_not_taken_for_the_one_that_runs(lab, controller):
    lab.training()
    controller.run(KEY)
    lab.changed(TRAININGS, "small", spec={"overrides": {"optim.lr": 0.5}}, metadata={"name": "small", "generation": 2})
    controller.run(KEY)
    assert "recipeFingerprint" not in lab.status(TRAININGS, "small")


def test_another_pass_asks_nothing_of_the_api_server(lab, controller):
    lab.training()
    settle(controller)
    asked = len(lab.api.requests)
    settle(controller)
    assert len(lab.api.requests) == asked


def test_what_is_not_there_is_left_alone(lab, controller):
    assert settle(controller) is None
    assert lab.api.requests == []


def test_what_is_being_deleted_is_left_alone(lab, controller):
    lab.training()
    lab.changed(TRAININGS, "small", metadata={"name": "small", "deletionTimestamp": "2026-11-24T12:00:00Z"})
    assert settle(controller) is None
    assert lab.api.requests == []


def test_an_object_that_is_no_valid_resource_is_told_so_once(lab, controller):
    lab.training(nodes=0)
    assert settle(controller) is None
    assert lab.status(TRAININGS, "small")["phase"] == "Invalid"
    assert said(lab, "Accepted") == ("Invalid", "spec.nodes: 0 must be 1 to 1000; choose a number within these limits.")
    assert lab.names(PYTORCH_JOBS) == []
    asked = len(lab.api.requests)
    settle(controller)
    assert len(lab.api.requests) == asked


def test_a_job_of_somebody_else_stays_as_it_is(lab, controller):
    lab.training()
    lab.seen(PYTORCH_JOBS, {"metadata": {"name": "small-1"}, "spec": {"mine": True}})
    assert settle(controller) == 600
    assert said(lab) == (
        "NameTaken",
        "There is a PyTorchJob small-1 in this namespace that belongs to something else; delete or rename it.",
    )
    assert lab.client.get(PYTORCH_JOBS, *JOB)["spec"] == {"mine": True}


def test_a_job_that_no_watch_has_seen_yet_is_noticed_when_it_is_made(lab, controller):
    lab.training()
    lab.hidden(PYTORCH_JOBS, {"metadata": {"name": "small-1"}, "spec": {"mine": True}})
    with pytest.raises(ConflictError):
        settle(controller)
    assert lab.status(TRAININGS, "small") == {}
    settle(controller)
    assert said(lab)[0] == "NameTaken"


def test_a_refused_job_is_told_and_tried_again_later(lab, controller):
    lab.training()
    lab.api.fail(422, "spec is wrong", method="POST", path="pytorchjobs")
    assert settle(controller) == 60
    assert said(lab) == (
        "Refused",
        "Kubernetes refused PyTorchJob small-1: create /apis/kubeflow.org/v1/namespaces/lab/pytorchjobs: 422: spec is "
        "wrong. It is tried again every 60 seconds.",
    )
    assert ("Warning", "Refused") in lab.events()
    settle(controller)
    assert said(lab)[0] == "Starting"


@pytest.mark.usefixtures("running")
def test_a_refused_change_is_told_without_a_name(lab, controller):
    lab.changed(PYTORCH_JOBS, "small-1", status=FAILED)
    settle(controller)
    lab.api.fail(403, "not you", method="DELETE")
    assert settle(controller) == 60
    assert said(lab)[1].startswith(
        "Kubernetes refused a change of its objects: delete /apis/kubeflow.org/v1/namespaces/lab/pytorchjobs/small-1: 403"
    )


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        pytest.param(429, {"Retry-After": "7"}, 7.0, id="too many requests"),
        pytest.param(500, {}, None, id="a fault of the server"),
    ],
)
def test_a_server_that_can_not_answer_ends_the_pass(lab, controller, status, headers, seconds):
    lab.training()
    lab.api.fail(status, "not now", method="POST", headers=headers)
    with pytest.raises(UnavailableError) as caught:
        settle(controller)
    assert caught.value.retry_after_seconds == seconds
    assert lab.status(TRAININGS, "small") == {}


def test_a_pass_that_could_not_report_is_made_good(lab, controller):
    lab.training()
    lab.api.fail(500, "not now", method="PATCH")
    with pytest.raises(UnavailableError):
        settle(controller)
    settle(controller)
    assert said(lab)[0] == "Starting"
    assert lab.names(PYTORCH_JOBS) == ["small-1"]


def test_a_training_that_has_vanished_is_missing(lab, controller):
    lab.training()
    lab.client.delete(TRAININGS, "lab", "small")
    with pytest.raises(MissingError):
        settle(controller)


@pytest.mark.usefixtures("running")
def test_nothing_is_kept_of_a_training_that_is_gone(lab, controller):
    settle(controller)
    assert set(controller._asked) == {KEY}
    lab.store.remove(TRAININGS, lab.store.get(TRAININGS, KEY))
    settle(controller)
    assert controller._asked == {}


def test_who_no_longer_leads_writes_nothing(lab, controller):
    lab.training()
    lab.leads = False
    with pytest.raises(LeadershipLostError):
        settle(controller)
    assert lab.names(PYTORCH_JOBS) == []


@pytest.mark.usefixtures("running")
def test_pods_that_run_are_counted(lab, controller):
    settle(controller)
    assert said(lab) == ("AllNodesRunning", "Attempt 1 runs on 2 nodes.")


def test_pods_of_an_earlier_training_of_that_name_are_not(lab, controller, running):
    earlier = {**running["metadata"]["labels"], "bionemo.dev/uid": "of an earlier one"}
    lab.pod({"metadata": {"name": "small-1", "labels": earlier}}, 2, phase="Running")
    settle(controller)
    assert said(lab) == ("AllNodesRunning", "Attempt 1 runs on 2 nodes.")


def test_a_watch_that_lags_is_not_taken_for_a_deletion(lab, controller, running):
    lab.store.remove(PYTORCH_JOBS, {**running, "metadata": {**running["metadata"], "uid": "another"}})
    lab.store._objects[PYTORCH_JOBS].clear()
    settle(controller)
    assert said(lab)[0] == "AllNodesRunning"
    assert lab.store.get(PYTORCH_JOBS, JOB) is not None


@pytest.mark.parametrize("passes", [1, 2], ids=["before its beginning is told", "after it"])
def test_a_watch_of_pods_that_lags_hides_no_cause(lab, controller, passes):
    lab.training()
    for _ in range(passes):
        controller.run(KEY)
    job = lab.store.get(PYTORCH_JOBS, JOB)
    for index in range(2):
        lab.pod(job, index, phase="Running", podIP=f"10.0.0.{index}")
    killed = {"exitCode": 137, "reason": "OOMKilled", "finishedAt": "2026-11-24T12:00:00Z"}
    failed = {"phase": "Failed", "containerStatuses": [{"state": {"terminated": killed}}]}
    for index in range(2):
        lab.changed_unseen(PODS, f"small-1-worker-{index}", status=failed)
    lab.changed(PYTORCH_JOBS, "small-1", status=FAILED)
    settle(controller)
    attempt, *_ = lab.status(TRAININGS, "small")["recovery"]["attempts"]
    assert (attempt["cause"], attempt["exitCode"]) == ("OutOfMemory", 137)


@pytest.mark.parametrize("successor", [False, True], ids=["nothing", "somebody else's"])
def test_a_job_that_somebody_deleted_ends_its_attempt(lab, controller, successor):
    lab.training()
    settle(controller)
    job = lab.store.get(PYTORCH_JOBS, JOB)
    lab.client.delete(PYTORCH_JOBS, *JOB)
    lab.store.remove(PYTORCH_JOBS, job)
    if successor:
        lab.hidden(PYTORCH_JOBS, {"metadata": {"name": "small-1"}, "spec": {}})
    settle(controller)
    attempt, *_ = lab.status(TRAININGS, "small")["recovery"]["attempts"]
    assert (attempt["cause"], "endTime" in attempt) == ("Unknown", True)


@pytest.mark.usefixtures("running")
def test_rank_0_is_asked_and_what_it_says_is_told(lab, controller, rank_0):
    rank_0.step = 5
    settle(controller)
    assert rank_0.asked == ["10.0.0.0"]
    assert lab.status(TRAININGS, "small")["progress"]["step"] == 5


@pytest.mark.usefixtures("running")
def test_rank_0_is_not_asked_for_every_event(controller, rank_0):
    settle(controller)
    settle(controller)
    assert rank_0.asked == ["10.0.0.0"]


@pytest.mark.parametrize(
    "status",
    [
        pytest.param({"phase": "Pending"}, id="that does not run"),
        pytest.param({"phase": "Running"}, id="without an address"),
    ],
)
def test_a_pod_is_not_asked(lab, controller, rank_0, status):
    lab.training()
    settle(controller)
    lab.pod(lab.store.get(PYTORCH_JOBS, JOB), 0, **status)
    settle(controller)
    assert rank_0.asked == []


@pytest.mark.usefixtures("running")
def test_figures_alone_are_written_now_and_then(lab, controller, rank_0):
    rank_0.step = 5
    settle(controller)
    controller._asked.clear()
    rank_0.step = 6
    settle(controller)
    assert lab.status(TRAININGS, "small")["progress"]["step"] == 5
    status = lab.status(TRAININGS, "small")
    earlier = (training_controller.now() - timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")
    lab.changed(TRAININGS, "small", status={"progress": {**status["progress"], "updateTime": earlier}})
    controller._asked.clear()
    settle(controller)
    assert lab.status(TRAININGS, "small")["progress"]["step"] == 6


@pytest.mark.usefixtures("running")
def test_a_change_of_a_condition_is_written_at_once_with_the_figures(lab, controller, rank_0):
    rank_0.step = 5
    settle(controller)
    controller._asked.clear()
    rank_0.step = 6
    lab.changed(TRAININGS, "small", spec={"nodes": 4}, metadata={"name": "small", "generation": 2})
    settle(controller)
    assert lab.status(TRAININGS, "small")["progress"]["step"] == 6


def test_a_training_waits_for_a_preparation_that_is_not_there(lab, controller):
    lab.training(dataset={"preprocessRef": {"name": "zinc"}})
    settle(controller)
    assert said(lab, "DataReady")[0] == "PreprocessMissing"
    assert said(lab) == ("NotStarted", "Nothing has started: DataReady is not True.")


def test_a_preparation_that_can_not_be_understood_counts_as_missing(lab, controller):
    lab.training(dataset={"preprocessRef": {"name": "zinc"}})
    lab.preprocess(workers=-1)
    settle(controller)
    assert said(lab, "DataReady")[0] == "PreprocessMissing"


def test_a_finished_preparation_lets_a_training_begin(lab, controller):
    lab.training(dataset={"preprocessRef": {"name": "zinc"}})
    lab.preprocess()
    done = {"type": "Succeeded", "status": "True", "reason": "Completed", "message": "Done."}
    lab.changed(
        PREPROCESSES,
        "zinc",
        status={
            "conditions": [{**done, "lastTransitionTime": "2026-11-24T12:00:00Z", "observedGeneration": 1}],
            "datasetPath": "zinc15",
            "files": 3,
            "fingerprint": SMILES_FINGERPRINT,
        },
    )
    settle(controller)
    assert said(lab, "DataReady")[0] == "DatasetComplete"
    assert lab.names(PYTORCH_JOBS) == ["small-1"]


def test_an_older_run_is_looked_up(lab, controller):
    lab.training("older")
    lab.training(resumeFrom={"training": "older"})
    settle(controller)
    assert said(lab, "Accepted")[1].startswith("spec.resumeFrom.training: 'older' has not trained yet;")
    settle(controller, ("lab", "older"))
    settle(controller)
    assert lab.names(PYTORCH_JOBS) == ["older-1", "small-1"]


def node(status="True", **labels):
    conditions = [{"type": "Ready", "status": status, "reason": "NodeStatusUnknown"}]
    return {"metadata": {"name": "node", "labels": labels}, "spec": {}, "status": {"conditions": conditions}}


@pytest.mark.usefixtures("running")
def test_a_failure_on_a_dead_node_is_the_nodes(lab, controller):
    lab.hidden(NODES, node("Unknown"))
    settle(controller)
    lab.changed(PYTORCH_JOBS, "small-1", status=FAILED)
    settle(controller)
    (attempt,) = lab.status(TRAININGS, "small")["recovery"]["attempts"]
    assert (attempt["cause"], attempt["node"]) == ("NodeLost", "node")
    assert len([one for one in lab.api.asked("GET", NODES) if one.path.endswith("/node")]) == 1


@pytest.mark.usefixtures("running")
def test_a_node_is_asked_for_once_in_a_failure(lab, controller):
    lab.hidden(NODES, node())
    just_now = {**FAILED["conditions"][0], "lastTransitionTime": training_controller.now().isoformat()}
    lab.changed(PYTORCH_JOBS, "small-1", status={"conditions": [just_now]})
    settle(controller)
    settle(controller)
    assert len([one for one in lab.api.asked("GET", NODES) if one.path.endswith("/node")]) == 1


def test_a_training_too_large_for_the_gpus_of_the_cluster_is_refused(lab, controller):
    lab.hidden(NODES, node(**{"nvidia.com/gpu.memory": "1024"}))
    lab.training(recipe="molecule/megamolbart/pretrain_large_span_aug")
    settle(controller)
    assert said(lab, "Accepted")[0] == "Invalid"
    assert "and the largest that this training can get has 1.0 GiB" in said(lab, "Accepted")[1]
    assert lab.names(PYTORCH_JOBS) == []


def test_without_the_right_to_read_nodes_a_training_begins_all_the_same(lab, controller):
    lab.api.fail(403, "forbidden", path="/nodes")
    lab.training()
    settle(controller)
    assert lab.names(PYTORCH_JOBS) == ["small-1"]


def test_without_gpus_nodes_are_not_asked(lab, controller):
    lab.training(gpusPerNode=0, processesPerNode=1)
    settle(controller)
    assert lab.api.asked("GET", NODES) == []
