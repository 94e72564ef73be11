"""Each decision becomes one request, which may be repeated, and what it leaves is in the store at once."""

import pytest

from bionemo_operator.cluster.kinds import JOBS, PODS, PYTORCH_JOBS, TRAININGS
from bionemo_operator.controller.actions import Actor
from bionemo_operator.errors import ConflictError, MissingError, RejectedError
from bionemo_operator.planning.training_view import CreateJob, DeleteJob, DeleteResource, ForceDeletePod, PauseJob

pytestmark = pytest.mark.enable_socket
JOB = {"metadata": {"name": "small-1", "namespace": "lab"}, "spec": {}}
KEY = ("lab", "small-1")


@pytest.fixture
def act(lab):
    actor = Actor(lab.client, lab.store, resources=TRAININGS, jobs=PYTORCH_JOBS)
    return lambda *actions: actor.act("lab", "small", actions)


def test_a_job_that_is_made_is_in_the_store(lab, act):
    act(CreateJob(manifest=JOB))
    assert lab.store.get(PYTORCH_JOBS, KEY) == lab.client.get(PYTORCH_JOBS, *KEY)


def test_a_job_that_is_there_already_stays_as_it_is_and_is_in_the_store(lab, act):
    lab.hidden(PYTORCH_JOBS, {**JOB, "spec": {"of": "somebody else"}})
    with pytest.raises(ConflictError, match=r'create /apis/kubeflow.org/.*: 409: pytorchjobs "small-1" already exists'):
        act(CreateJob(manifest=JOB))
    assert lab.store.get(PYTORCH_JOBS, KEY)["spec"] == {"of": "somebody else"}


def test_what_comes_after_a_refusal_is_left_undone(lab, act):
    lab.api.fail(403, "no", method="POST")
    with pytest.raises(RejectedError):
        act(CreateJob(manifest=JOB), DeleteResource())
    assert [request.method for request in lab.api.requests] == ["POST"]


def test_a_job_is_deleted_by_its_uid(lab, act):
    lab.seen(PYTORCH_JOBS, JOB)
    uid = lab.store.get(PYTORCH_JOBS, KEY)["metadata"]["uid"]
    act(DeleteJob(name="small-1", uid=uid))
    assert lab.names(PYTORCH_JOBS) == []
    assert lab.api.asked("DELETE", PYTORCH_JOBS)[0].body["preconditions"] == {"uid": uid}


def test_a_job_that_is_gone_already_leaves_the_store(lab, act):
    lab.store.put(PYTORCH_JOBS, {**JOB, "kind": "PyTorchJob"})
    act(DeleteJob(name="small-1", uid="u"), DeleteJob(name="never-1", uid="v"))
    assert lab.store.get(PYTORCH_JOBS, KEY) is None


def test_another_job_of_that_name_stays(lab, act):
    lab.seen(PYTORCH_JOBS, JOB)
    act(DeleteJob(name="small-1", uid="that of another one"))
    assert lab.names(PYTORCH_JOBS) == ["small-1"]


def test_a_pod_is_removed_without_the_word_of_its_node(lab, act):
    lab.seen(PODS, JOB)
    act(ForceDeletePod(name="small-1"))
    assert lab.names(PODS) == []
    assert lab.api.asked("DELETE", PODS)[0].body == {"propagationPolicy": "Background", "gracePeriodSeconds": 0}


def test_a_job_is_paused(lab, act):
    lab.seen(JOBS, JOB)
    act(PauseJob(name="small-1", suspend=True))
    assert lab.store.get(JOBS, KEY)["spec"] == {"suspend": True}


def test_a_job_that_is_gone_can_not_be_paused(act):
    with pytest.raises(MissingError, match=r'patch /apis/batch/.*: 404: jobs "small-1" not found'):
        act(PauseJob(name="small-1", suspend=True))


def test_a_resource_is_deleted(lab, act):
    lab.training()
    act(DeleteResource())
    assert lab.names(TRAININGS) == []
