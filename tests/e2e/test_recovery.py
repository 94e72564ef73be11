"""What happens to a real ESM-1nv in real pods: it goes on from its checkpoint, with the operator itself taken away meanwhile.

The time from the harm to the first new step is printed; most of it is the start of Python and its libraries in two pods.
"""

import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from bionemo_trainer.run_folder import RunFolder, read_records
from testkit.cluster_claims import Claims
from testkit.cluster_examples import (
    EXAMPLES,
    PATIENCE_SECONDS,
    ended,
    example_claims,
    preparation,
    status_of,
    step_of,
    strict_namespace,
    training_of,
    workers_of,
)
from testkit.cluster_kubectl import Kubectl
from testkit.cluster_operator import OPERATOR_NAMESPACE, delete_leader, leader_of
from testkit.cluster_waiting import eventually
from testkit.cluster_with_nodes import OTHER_NODE
from testkit.cluster_workloads import kill_pod

MAX_STEPS = 200
SAVE_EVERY = 20
HARM_AT = 30
"""A step between two checkpoints."""
SHORT = {
    "trainer.max_steps": MAX_STEPS,
    "trainer.log_every_n_steps": 1,
    "trainer.val_check_interval": MAX_STEPS,
    "trainer.limit_val_batches": 1,
    "model.num_layers": 1,
    "model.micro_batch_size": 1,
    "model.optim.sched.warmup_steps": 20,
}


@dataclass(frozen=True, kw_only=True)
class Ward:
    """A namespace with prepared proteins, and the trainings in it."""

    kubectl: Kubectl
    namespace: str
    claims: Claims

    def begin(self, name: str) -> None:
        """Applies a training, and waits until it is where harm is done."""
        checkpoint = {"intervalSteps": SAVE_EVERY, "keep": 2}
        document = training_of(EXAMPLES / "proteins/esm1nv.yaml", SHORT, name, checkpoint=checkpoint)
        self.kubectl.apply(document, f"--namespace={self.namespace}")
        assert eventually(lambda: self.step(name, 1) >= HARM_AT, PATIENCE_SECONDS), self.status(name)

    def status(self, name: str) -> dict[str, Any]:
        return status_of(self.kubectl, self.namespace, "bnt", name)

    def step(self, name: str, attempt: int) -> int:
        return step_of(self.kubectl, self.namespace, name, attempt)

    def pods(self, name: str, attempt: int) -> list[str]:
        return [pod["metadata"]["name"] for pod in workers_of(self.kubectl, self.namespace, name, attempt)]

    def suspend(self, name: str, wish: bool) -> None:
        patch = json.dumps({"spec": {"suspend": wish}})
        self.kubectl("patch", "bnt", name, f"--namespace={self.namespace}", "--type=merge", f"--patch={patch}")

    def recovered(self, name: str, harm: Callable[[], object], attempt: int = 2) -> tuple[dict[str, Any], float]:
        """Does harm, and waits for the end; the status then, and the seconds from the harm to the first new step."""
        harmed_at = time.monotonic()
        harm()
        # What is saved may be newer than the harm: a pod that is deleted saves before it goes.
        has_stepped = eventually(lambda: self.step(name, attempt) > max(self.saved_steps(name)), PATIENCE_SECONDS)
        assert has_stepped, json.dumps(self.status(name), indent=1)
        seconds = time.monotonic() - harmed_at
        phase, status = ended(self.kubectl, self.namespace, "bnt", name, PATIENCE_SECONDS)
        assert phase == "Succeeded", status
        return json.loads(status), seconds

    def run_folder(self, name: str) -> RunFolder:
        (folder,) = self.claims.folder("bionemo-results").glob(f"{name}-????????-*")
        return RunFolder(path=folder)

    def saved_steps(self, name: str) -> list[int]:
        """Steps of the checkpoints that are there."""
        found = self.run_folder(name).checkpoints.glob("*step=*")
        return [int(path.name.partition("step=")[2].partition("-")[0]) for path in found]

    def logged_steps(self, name: str) -> list[int]:
        """Steps in the order in which they were done."""
        records = read_records(self.run_folder(name).metrics)
        return [int(str(record["step"])) for record in records if "reduced_train_loss" in record]


@pytest.fixture(scope="module")
def ward(kubectl, operator, tmp_path_factory):  # noqa: ARG001 - the operator need only be there
    with strict_namespace(kubectl) as namespace:
        claims = example_claims(kubectl, namespace, tmp_path_factory.mktemp("claims"))
        kubectl.apply(preparation("proteins"), f"--namespace={namespace}")
        assert ended(kubectl, namespace, "bnp", "proteins", PATIENCE_SECONDS)[0] == "Succeeded"
        yield Ward(kubectl=kubectl, namespace=namespace, claims=claims)


@pytest.fixture
def tell(capsys):
    """Prints past pytest, since the times are what the tests are also run for."""

    def print_through(text):
        with capsys.disabled():
            print(f"\n{text}")  # noqa: T201 - what is measured is shown

    return print_through


def causes_of(status):
    return [attempt.get("cause") for attempt in status["recovery"]["attempts"]]


def test_a_suspended_training_goes_on_where_it_was_without_repeating_a_step(kubectl, ward, tell):
    ward.begin("suspended")

    ward.suspend("suspended", True)
    delete_leader(kubectl)
    assert eventually(lambda: ward.status("suspended").get("phase") == "Suspended", PATIENCE_SECONDS), ward.status(
        "suspended"
    )
    assert eventually(lambda: ward.pods("suspended", 1) == [], 60)
    saved = max(ward.saved_steps("suspended"))
    status, seconds = ward.recovered("suspended", lambda: ward.suspend("suspended", False))

    tell(f"resumed: first new step after {seconds:.0f} s")
    first, second = status["recovery"]["attempts"]
    assert (first["cause"], first["endStep"], second["startStep"]) == ("Stopped", saved, saved)
    assert status["recovery"].get("stepsLost", 0) == 0
    assert ward.logged_steps("suspended") == list(range(1, MAX_STEPS + 1))


@pytest.mark.usefixtures("cluster")
def test_a_worker_that_is_killed_costs_the_steps_since_the_last_checkpoint(kubectl, ward, tell):
    ward.begin("killed")

    def harm():
        assert kill_pod(kubectl, ward.namespace, ward.pods("killed", 1)[1]) > 0
        delete_leader(kubectl)

    status, seconds = ward.recovered("killed", harm)

    tell(f"worker killed, leader of the operator too: first new step after {seconds:.0f} s")
    first, second = status["recovery"]["attempts"]
    assert (first["cause"], first["exitCode"], causes_of(status)[1]) == ("Crash", 137, None)
    assert second["startStep"] % SAVE_EVERY == 0
    assert status["recovery"]["restarts"] == 1
    assert sorted(set(ward.logged_steps("killed"))) == list(range(1, MAX_STEPS + 1))


def test_an_operator_that_is_deleted_is_not_missed(kubectl, ward, tell):
    ward.begin("unattended")

    deleted, deleted_at = delete_leader(kubectl), time.monotonic()
    assert eventually(lambda: leader_of(kubectl) not in {"", deleted}, 30)
    seconds = time.monotonic() - deleted_at
    phase, text = ended(kubectl, ward.namespace, "bnt", "unattended", PATIENCE_SECONDS)

    tell(f"operator deleted: another replica leads after {seconds:.1f} s")
    assert phase == "Succeeded", text
    assert causes_of(json.loads(text)) == [None]
    assert ward.logged_steps("unattended") == list(range(1, MAX_STEPS + 1))


def test_the_first_pod_may_be_deleted(kubectl, ward, tell):
    ward.begin("deleted")

    def harm():
        kubectl("delete", "pod", ward.pods("deleted", 1)[0], f"--namespace={ward.namespace}", "--wait=false")
        delete_leader(kubectl)

    status, seconds = ward.recovered("deleted", harm)

    tell(f"first pod deleted, leader of the operator too: first new step after {seconds:.0f} s, {causes_of(status)}")
    # What it said at its end went with it, unless a replica saw that in time.
    assert causes_of(status) in (["Evicted", None], ["Stopped", None])
    assert status["recovery"]["restarts"] == 1
    assert ward.logged_steps("deleted") == list(range(1, MAX_STEPS + 1))  # it saved before it went


def test_a_node_that_dies_is_blamed_and_the_training_goes_on(cluster, kubectl, ward, tell):
    ward.begin("bereft")

    def harm():
        cluster.kill_node(OTHER_NODE)
        leader = kubectl.get("pod", leader_of(kubectl), f"--namespace={OPERATOR_NAMESPACE}")
        if leader["spec"]["nodeName"] != OTHER_NODE:
            delete_leader(kubectl)

    with contextlib.ExitStack() as stack:
        stack.callback(lambda: cluster.revive_node(OTHER_NODE))
        status, seconds = ward.recovered("bereft", harm)

    tell(f"node killed, leader of the operator too: first new step after {seconds:.0f} s")
    first = status["recovery"]["attempts"][0]
    assert (first["cause"], first["node"]) == ("NodeLost", OTHER_NODE)
    assert status["recovery"]["restarts"] == 1
