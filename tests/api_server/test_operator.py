"""The operator on a real API server, with the real training operator and a kubelet that the test plays."""

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bionemo_trainer.contract import Progress, SavedCheckpoint, progress_to_json
from testkit import chart_rights
from testkit.cluster_waiting import eventually
from testkit.namespace_view import NamespaceView
from testkit.operator_process import OperatorProcess

PROGRESS_PORT = 19464 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Each worker process of the tests has its own."""


SETTINGS = {
    "PROGRESS_PORT": str(PROGRESS_PORT),
    "LEASE_NAMESPACE": chart_rights.NAMESPACE,
    "LEASE_NAME": "bionemo-operator",
}


@pytest.fixture(scope="module")
def kubeconfig(plane):
    """With the rights that the chart grants, and no others."""
    return chart_rights.grant_operator(plane.kubectl, plane.url, plane.folder)


@pytest.fixture(scope="module")
def operator(kubeconfig):
    """One replica that leads."""
    process = OperatorProcess(kubeconfig=kubeconfig, settings=SETTINGS)
    process.start()
    assert eventually(lambda: process.metric("bionemo_operator_leads") == 1.0)
    yield process
    process.stop()


@pytest.fixture
def here(operator, kubectl, namespace):
    """A namespace in which pods are admitted and the operator works."""
    assert json.loads(operator.get("/readyz")) == {"faults": {}}
    assert eventually(lambda: kubectl.get("serviceaccount", f"--namespace={namespace}")["items"])
    return namespace


@pytest.fixture
def cluster(kubectl, here):
    return NamespaceView(kubectl=kubectl, namespace=here)


@pytest.fixture
def rank_zero():
    """Answers as rank 0 of a training would; the test sets what."""
    answers = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            body = progress_to_json(answers["progress"]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.2", PROGRESS_PORT), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield answers
    server.shutdown()
    server.server_close()
    thread.join()


def progress(step, attempt=1, updated_at=4e9, **facts):
    saved = SavedCheckpoint(step=step, path=f"checkpoints/step={step}.ckpt", size_bytes=7, saved_at=1.0)
    return Progress(
        phase="Stepping", attempt=attempt, step=step, max_steps=100, consumed_samples=step * 64, updated_at=updated_at,
        checkpoint=saved, **facts,
    )  # fmt: skip


def start_pods(cluster, kubelet, attempt=1, address="127.0.0.2"):
    pods = [f"small-{attempt}-worker-{index}" for index in range(2)]
    assert eventually(lambda: set(pods) <= set(cluster.names("pod")))
    for index, name in enumerate(pods):
        kubelet.bind(name, "node-0")
        kubelet.run(name, address if index == 0 else "127.0.0.9")
    assert eventually(lambda: cluster.reason("Running") == "AllNodesRunning")
    return pods


def test_a_training_goes_through_all_its_phases(cluster, kubelet, rank_zero):
    rank_zero["progress"] = progress(40, train_loss=2.5, eta_seconds=60.0, samples_per_second=512.0)
    cluster.apply()
    pods = start_pods(cluster, kubelet)
    assert cluster.status()["phase"] == "Running"
    assert eventually(lambda: cluster.status().get("progress", {}).get("step") == 40)
    assert cluster.status()["progress"]["trainLoss"] == "2.5"
    assert cluster.status()["checkpoint"]["step"] == 40
    printed = cluster.kubectl("get", "bnt", "small", cluster.place, "--no-headers").split()
    assert printed[:6] == ["small", "Running", "2", "2", "40", "2.5"]
    for name in pods:
        kubelet.succeed(name)
    assert eventually(lambda: cluster.status()["phase"] == "Succeeded")
    assert cluster.names("pod") == pods, "they stay as evidence"
    events = cluster.kubectl.get("events", cluster.place)["items"]
    told = {event["reason"] for event in events if event["involvedObject"]["kind"] == "BioNeMoTraining"}
    assert told == {"Valid", "Starting", "AllNodesRunning", "Completed"}


def test_a_pod_passes_pod_security_restricted(cluster, kubectl):
    kubectl("label", "namespace", cluster.place.partition("=")[2], "pod-security.kubernetes.io/enforce=restricted")
    cluster.apply()
    assert eventually(lambda: cluster.names("pod") == ["small-1-worker-0", "small-1-worker-1"])
    spec = cluster.get("pod", "small-1-worker-1")["spec"]
    assert spec["automountServiceAccountToken"] is False
    (container,) = spec["containers"]
    environment = {variable["name"]: variable.get("value") for variable in container["env"]}
    assert environment["PET_MASTER_ADDR"] == "small-1-worker-0"
    assert environment["PET_NNODES"] == "2"


def test_a_crash_is_repeated_as_another_job_and_a_final_failure_is_not(cluster, kubelet, rank_zero):
    rank_zero["progress"] = progress(40)
    cluster.apply()
    pods = start_pods(cluster, kubelet)
    kubelet.fail(pods[1], 1, json.dumps({"exitCode": 1, "rank": 1, "message": "CUDA error: an illegal access"}))
    assert eventually(lambda: "small-1" not in cluster.names("pytorchjob"))
    first = cluster.status()["recovery"]["attempts"][0]
    assert (first["cause"], first["exitCode"], first["node"]) == ("Crash", 1, "node-0")
    assert first["message"] == "CUDA error: an illegal access"
    for name in cluster.names("pod"):
        kubelet.remove(name)
    assert eventually(lambda: cluster.names("pytorchjob") == ["small-2"])
    rank_zero["progress"] = progress(40, attempt=2)
    pods = start_pods(cluster, kubelet, attempt=2)
    kubelet.fail(pods[0], 70, json.dumps({"exitCode": 70, "rank": 0, "message": "the loss of step 41 is no number"}))
    assert eventually(lambda: cluster.status()["phase"] == "Failed")
    assert cluster.reason("Succeeded") == "FinalFailure"
    assert cluster.names("pytorchjob") == ["small-2"]


def test_a_training_is_suspended_and_goes_on(cluster, kubelet, rank_zero):
    rank_zero["progress"] = progress(40)
    cluster.apply()
    pods = start_pods(cluster, kubelet)
    cluster.apply(suspend=True)
    assert eventually(lambda: cluster.reason("Suspended") == "Saving")
    for name in pods:
        assert eventually(lambda name=name: "deletionTimestamp" in cluster.get("pod", name)["metadata"])
        kubelet.remove(name)
    assert eventually(lambda: cluster.status()["phase"] == "Suspended")
    assert cluster.names("pytorchjob") == []
    cluster.apply(suspend=False)
    assert eventually(lambda: cluster.names("pytorchjob") == ["small-2"])


def test_a_deleted_training_leaves_nothing_behind(cluster):
    cluster.apply()
    assert eventually(lambda: len(cluster.names("pod")) == 2)
    cluster.kubectl("delete", "bnt", "small", cluster.place)
    assert eventually(
        lambda: not cluster.names("pytorchjob") and not cluster.names("pod") and not cluster.names("service")
    )


def test_a_foreign_job_of_the_same_name_is_left_alone(cluster):
    template = {"spec": {"containers": [{"name": "pytorch", "image": "other"}]}}
    foreign = {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": {"name": "small-1"},
        "spec": {"pytorchReplicaSpecs": {"Worker": {"replicas": 1, "restartPolicy": "Never", "template": template}}},
    }
    cluster.kubectl.apply(foreign, cluster.place)
    cluster.apply()
    assert eventually(lambda: cluster.reason("Running") == "NameTaken")
    assert cluster.get("pytorchjob", "small-1")["spec"]["pytorchReplicaSpecs"]["Worker"]["replicas"] == 1


def test_a_queue_is_not_fought(cluster):
    cluster.apply(queue={"name": "research", "priorityClass": "nightly"})
    assert eventually(lambda: cluster.reason("Running") == "Queued")
    job = cluster.get("pytorchjob", "small-1")
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "research"
    assert job["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == "nightly"
    admitted = {"spec": {"runPolicy": {"suspend": False}}}
    cluster.kubectl("patch", "pytorchjob", "small-1", cluster.place, "--type=merge", f"--patch={json.dumps(admitted)}")
    assert eventually(lambda: len(cluster.names("pod")) == 2)
    assert eventually(lambda: cluster.reason("Running") == "Starting")
    assert cluster.get("pytorchjob", "small-1")["spec"]["runPolicy"]["suspend"] is False


def test_data_are_prepared_before_a_training_that_needs_them(cluster, kubelet):
    cluster.apply(dataset={"preprocessRef": {"name": "molecules"}})
    assert eventually(lambda: cluster.reason("DataReady") == "PreprocessMissing")
    cluster.apply(
        "molecules", "BioNeMoPreprocess", recipe="molecule/zinc15", workers=2,
        source={"claim": {"name": "raw"}}, output={"claim": {"name": "data"}, "path": "molecules"},
    )  # fmt: skip
    words = {
        "list": {"tasks": 2}, "cut": {"tasks": 3}, "settle": {"tasks": 1},
        "finish": {
            "records": {"train": 90, "validation": 5, "test": 5, "duplicates": 3, "rejected": 2}, "files": 2, "checksum": "c",
            "fingerprint": "15dcef0c",
        },
    }  # fmt: skip
    for stage, tasks in (
        ("list", 1),
        ("fetch", 2),
        ("cut", 1),
        ("map", 3),
        ("settle", 1),
        ("reduce", 1),
        ("finish", 1),
    ):
        assert eventually(lambda stage=stage: f"molecules-{stage}" in cluster.names("job"))
        done = set()
        while len(done) < tasks:
            waiting = eventually(lambda stage=stage, done=done: _pods_of(cluster, f"molecules-{stage}") - done)
            for name in waiting:
                kubelet.bind(name, "node-0")
                kubelet.succeed(name, json.dumps({"exitCode": 0, **words.get(stage, {})}))
            done |= waiting
    assert eventually(lambda: cluster.status("molecules", "bnp").get("phase") == "Succeeded")
    assert cluster.status("molecules", "bnp")["records"]["train"] == 90
    assert eventually(lambda: cluster.reason("Accepted") == "Invalid"), "its fingerprint is of another tokenizer"


def _pods_of(cluster, job):
    pods = cluster.kubectl.get("pod", cluster.place, f"--selector=batch.kubernetes.io/job-name={job}")["items"]
    return {pod["metadata"]["name"] for pod in pods}


def test_an_operator_that_was_killed_is_replaced_by_the_other_one(kubeconfig, operator, cluster, kubelet, rank_zero):
    rank_zero["progress"] = progress(40)
    other = OperatorProcess(kubeconfig=kubeconfig, identity="operator-1", settings=SETTINGS)
    other.start()
    try:
        cluster.apply()
        pods = start_pods(cluster, kubelet)
        operator.kill()
        assert eventually(lambda: other.metric("bionemo_operator_leads") == 1.0)
        for name in pods:
            kubelet.succeed(name)
        assert eventually(lambda: cluster.status()["phase"] == "Succeeded")
    finally:
        operator.start()
        assert other.stop() == 0
    assert eventually(lambda: operator.metric("bionemo_operator_leads") == 1.0)


def test_metrics_tell_of_a_training_until_it_is_gone(operator, cluster):
    cluster.apply()
    assert eventually(lambda: cluster.reason("Running") == "Starting")
    namespace = cluster.place.partition("=")[2]
    sample = f'bionemo_training_gpus{{name="small",namespace="{namespace}"}}'
    assert eventually(lambda: operator.metric(sample) == 2.0)
    cluster.kubectl("delete", "bnt", "small", cluster.place)
    assert eventually(lambda: operator.metric(sample) is None)
    assert json.loads(operator.get("/healthz")) == {"faults": {}}


def test_a_training_that_has_ended_is_deleted_when_its_time_is_up(cluster, kubelet):
    cluster.apply(ttlSecondsAfterFinished=1)
    for name in start_pods(cluster, kubelet):
        kubelet.succeed(name)
    assert eventually(lambda: cluster.names("bnt") == [])


def test_a_preparation_is_suspended_and_goes_on(cluster):
    facts = {"source": {"claim": {"name": "raw"}}, "output": {"claim": {"name": "data"}, "path": "molecules"}}
    place = ("molecules", "BioNeMoPreprocess")
    cluster.apply(*place, recipe="molecule/zinc15", **facts)
    assert eventually(lambda: cluster.names("job") == ["molecules-list"])
    for wish in (True, False):
        cluster.apply(*place, recipe="molecule/zinc15", suspend=wish, **facts)
        assert eventually(lambda wish=wish: cluster.get("job", "molecules-list")["spec"]["suspend"] is wish)
