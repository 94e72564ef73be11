"""Passes over preparations, from what the watches have seen to what the API server is asked for."""

import json

import pytest

from bionemo_operator.cluster.kinds import JOBS, PODS, PREPROCESSES
from bionemo_operator.controller.preprocess_controller import PreprocessController

pytestmark = pytest.mark.enable_socket
KEY = ("lab", "zinc")


@pytest.fixture
def controller(lab):
    return PreprocessController(lab.client, lab.store, lab.reporter(PREPROCESSES), "trainer:1")


def said(lab):
    return lab.condition(PREPROCESSES, "zinc", "Running")


def ends(lab, stage, **words):
    """A stage succeeds, and its pod says something."""
    name = f"zinc-{stage}"
    condition = {"type": "Complete", "status": "True", "lastTransitionTime": "2026-11-24T12:00:00Z"}
    lab.changed(JOBS, name, status={"succeeded": 1, "conditions": [condition]})
    labels = {**lab.store.get(JOBS, ("lab", name))["metadata"]["labels"], "batch.kubernetes.io/job-name": name}
    ended = {"exitCode": 0, "message": json.dumps(words)}
    status = {"phase": "Succeeded", "containerStatuses": [{"state": {"terminated": ended}}]}
    lab.seen(PODS, {"metadata": {"name": f"{name}-0", "labels": labels}, "status": status})


def test_the_first_pass_makes_the_first_stage(lab, controller):
    lab.preprocess()
    controller.run(KEY)
    assert lab.names(JOBS) == ["zinc-list"]
    assert lab.status(PREPROCESSES, "zinc")["stage"] == "list"


def test_a_stage_follows_with_as_many_tasks_as_the_last_words_say(lab, controller):
    lab.preprocess()
    controller.run(KEY)
    ends(lab, "list", tasks=5)
    controller.run(KEY)
    assert lab.client.get(JOBS, "lab", "zinc-fetch")["spec"]["completions"] == 5


def test_a_job_of_somebody_else_stays_as_it_is(lab, controller):
    lab.preprocess()
    lab.seen(JOBS, {"metadata": {"name": "zinc-list"}, "spec": {"mine": True}})
    controller.run(KEY)
    assert said(lab)[0] == "NameTaken"
    assert lab.client.get(JOBS, "lab", "zinc-list")["spec"] == {"mine": True}


def test_a_refused_job_is_told_and_tried_again_later(lab, controller):
    lab.preprocess()
    lab.api.fail(422, "spec is wrong", method="POST", path="jobs")
    assert controller.run(KEY) == 60
    assert said(lab) == (
        "Refused",
        "Kubernetes refused Job zinc-list: create /apis/batch/v1/namespaces/lab/jobs: 422: spec is wrong. "
        "It is tried again every 60 seconds.",
    )


def test_a_pause_is_passed_on_to_the_job(lab, controller):
    lab.preprocess()
    controller.run(KEY)
    lab.changed(PREPROCESSES, "zinc", spec={"suspend": True})
    controller.run(KEY)
    assert lab.client.get(JOBS, "lab", "zinc-list")["spec"]["suspend"] is True


def test_a_preparation_that_is_gone_is_left_alone(lab, controller):
    assert controller.run(KEY) is None
    assert lab.api.requests == []
