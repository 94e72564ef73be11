"""The commands against a real API server, as a user would type them."""

import os
import subprocess

import pytest
import yaml

from testkit.documents import preprocess_document, training_document


@pytest.fixture
def bionemo(kubectl, namespace):
    """The command in a namespace; the result is its exit code and what it wrote."""

    def run(*arguments, stdin=""):
        place = (f"--namespace={namespace}", f"--kubeconfig={kubectl.kubeconfig}")
        environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
        done = subprocess.run(
            ["bionemo", *arguments, *place], input=stdin, capture_output=True, text=True, timeout=300, env=environment,
            check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    return run


@pytest.fixture
def small(bionemo):
    """A submitted training; the result is its document."""
    document = training_document("small")
    assert bionemo("submit", "-f", "-", stdin=yaml.safe_dump(document))[0] == 0
    return document


@pytest.fixture
def spec_of(kubectl, namespace):
    """The spec of a training as it is stored."""
    return lambda name: kubectl.get("bnt", name, f"--namespace={namespace}")["spec"]


def test_files_are_created_changed_and_left_alone(bionemo, namespace):
    both = [training_document("small"), preprocess_document("zinc15")]
    text = yaml.safe_dump_all(both)
    assert bionemo("submit", "-f", "-", stdin=text) == (
        0, f"BioNeMoTraining small in {namespace} created\nBioNeMoPreprocess zinc15 in {namespace} created\n",
    )  # fmt: skip
    changed = yaml.safe_dump_all([training_document("small", nodes=2), both[1]])
    assert bionemo("submit", "-f", "-", stdin=changed) == (
        0, f"BioNeMoTraining small in {namespace} changed\nBioNeMoPreprocess zinc15 in {namespace} unchanged\n",
    )  # fmt: skip


def test_nothing_is_applied_when_the_api_server_refuses_one(bionemo, kubectl, namespace, small, spec_of):
    kubectl.set_status("bnt", "small", {"startTime": "2026-11-24T08:00:00Z"}, f"--namespace={namespace}")
    changed = training_document("small", results={"claim": {"name": "other"}})
    code, said = bionemo("submit", "-f", "-", stdin=yaml.safe_dump_all([changed, training_document("other")]))
    assert code == 64
    assert said.startswith("error: standard input: 'BioNeMoTraining small' is refused by the API server (422: ")
    assert spec_of("small")["results"] == small["spec"]["results"]
    assert bionemo("suspend", "other")[0] == 66


@pytest.mark.usefixtures("small")
def test_a_suspended_training_stays_so_when_its_file_is_submitted_again(bionemo, small, spec_of):
    assert bionemo("suspend", "small") == (
        0, "BioNeMoTraining small: saves a checkpoint and gives its GPUs back; `bionemo resume small` lets it go on\n",
    )  # fmt: skip
    assert spec_of("small")["suspend"] is True
    assert bionemo("submit", "-f", "-", stdin=yaml.safe_dump(small))[1].endswith(" unchanged\n")
    assert spec_of("small")["suspend"] is True
    assert bionemo("resume", "small") == (0, "BioNeMoTraining small: goes on from its last checkpoint\n")
    assert spec_of("small")["suspend"] is False


@pytest.mark.usefixtures("small")
def test_a_training_is_listed_and_told_of(bionemo, kubectl, namespace):
    condition = {
        "type": "Running", "status": "False", "observedGeneration": 1, "lastTransitionTime": "2026-11-24T11:00:00Z",
        "reason": "Starting", "message": "0 of 4 nodes run attempt 1.",
    }  # fmt: skip
    kubectl.set_status("bnt", "small", {"phase": "Pending", "conditions": [condition]}, f"--namespace={namespace}")
    code, table = bionemo("status")
    assert (code, table.splitlines()[1].split()[:6]) == (0, ["small", "training", "Pending:", "Starting", "4", "32"])
    assert f"{namespace}  small" in bionemo("status", "-A")[1]
    code, told = bionemo("status", "small")
    assert code == 0
    assert told.startswith(f"BioNeMoTraining small in {namespace}: Pending: Starting\n")
    assert "    Running    False   Starting: 0 of 4 nodes run attempt 1." in told


@pytest.mark.usefixtures("small")
def test_an_unknown_name_is_answered_with_the_nearest(bionemo, namespace):
    assert bionemo("status", "smal") == (
        66,
        f"error: NAME: 'smal' is no BioNeMoTraining or BioNeMoPreprocess of namespace {namespace}; did you mean small.\n",
    )


@pytest.mark.usefixtures("small")
def test_a_training_without_pods_has_no_logs(bionemo):
    assert bionemo("logs", "small") == (
        66,
        "error: NAME: 'small' has no pod of node 0 now; `bionemo status small` and `bionemo events small` tell more.\n",
    )


@pytest.mark.usefixtures("small")
def test_events_of_an_object_and_its_jobs_are_listed(bionemo, kubectl, namespace):
    assert "Kubernetes has no events of BioNeMoTraining small" in bionemo("events", "small")[1]
    for hour, kind, name in (
        (10, "BioNeMoTraining", "small"),
        (11, "PyTorchJob", "small-1"),
        (12, "PyTorchJob", "small-1-1"),
    ):
        event = {
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": f"{name}.1"}, "type": "Warning",
            "eventTime": f"2026-11-24T{hour}:00:00.000000Z", "reportingController": "tests", "reportingInstance": "tests",
            "action": "Running", "reason": "Starting", "note": f"of {name}",
            "regarding": {"kind": kind, "name": name, "namespace": namespace},
        }  # fmt: skip
        kubectl.create(event, f"--namespace={namespace}")
    code, told = bionemo("events", "small")
    assert code == 0
    assert [line.split()[-1] for line in told.splitlines()] == ["MESSAGE", "small", "small-1"]


def test_a_watch_ends_with_the_training(bionemo, kubectl, namespace, small):
    condition = {
        "type": "Succeeded", "status": "False", "observedGeneration": 1, "lastTransitionTime": "2026-11-24T11:00:00Z",
        "reason": "FinalFailure", "message": "Attempt 1 failed.",
    }  # fmt: skip
    name = small["metadata"]["name"]
    kubectl.set_status("bnt", name, {"phase": "Failed", "conditions": [condition]}, f"--namespace={namespace}")
    assert bionemo("watch", name) == (1, "  FinalFailure: Attempt 1 failed.\n  small  failed\n")


def test_a_namespace_that_there_is_not_is_said(bionemo, kubectl):
    del bionemo
    done = subprocess.run(
        ["bionemo", "submit", "-f", "-", "-n", "nowhere", f"--kubeconfig={kubectl.kubeconfig}"],
        input=yaml.safe_dump(training_document("small")), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 66
    assert done.stderr.startswith("error: cluster: 'apply /apis/bionemo.dev/v1alpha1/namespaces/nowhere/")
