"""A status is written when it differs, and every new reason of a condition becomes an event."""

import pytest

from bionemo_operator.cluster.kinds import EVENTS, TRAININGS
from bionemo_operator.controller.reporter import StatusReporter, subject_of
from bionemo_operator.errors import MissingError

pytestmark = pytest.mark.enable_socket


def condition(reason, type_="Running", message="so it is"):
    return {"type": type_, "reason": reason, "message": message}


def status(*conditions, **fields):
    return {"conditions": list(conditions), **fields}


@pytest.fixture
def report(lab):
    key = lab.training()
    subject = subject_of(lab.store.get(TRAININGS, key))
    return lambda before, after: lab.reporter(TRAININGS).report(subject, before, after)


def test_a_status_that_is_the_same_is_not_written(lab, report):
    report(status(condition("Valid")), status(condition("Valid")))
    assert lab.api.requests == []


def test_a_status_is_written_whole_and_is_in_the_store(lab, report):
    report({}, status(phase="Pending", stage="map"))
    report(status(phase="Pending", stage="map"), status(phase="Running"))
    assert lab.status(TRAININGS, "small") == {"conditions": [], "phase": "Running"}
    assert lab.store.get(TRAININGS, ("lab", "small"))["status"]["phase"] == "Running"


def test_whether_it_is_another_one_now_is_told(report):
    before, after = status(phase="Pending"), status(phase="Running")
    assert [report(before, before), report(before, after), report(before, after)] == [False, True, False]


def test_only_new_reasons_are_told(lab, report):
    before = status(condition("Starting"), condition("Valid", "Accepted"))
    report(before, status(condition("AllNodesRunning"), condition("Valid", "Accepted", "said otherwise")))
    assert lab.events() == [("Normal", "AllNodesRunning")]


def test_reasons_that_say_nothing_new_are_not_told(lab, report):
    report({}, status(condition("NotStarted"), condition("InProgress", "Succeeded")))
    assert lab.events() == []


def test_a_failure_is_a_warning(lab, report):
    report({}, status(condition("Restarting")))
    assert lab.events() == [("Warning", "Restarting")]


def test_an_event_names_its_object_its_source_and_what_happened(lab, report):
    report({}, status(condition("Starting", message="x" * 2000)))
    event = lab.api.asked("POST", EVENTS)[0].body
    assert event["regarding"] == {
        "apiVersion": "bionemo.dev/v1alpha1",
        "kind": "BioNeMoTraining",
        "name": "small",
        "namespace": "lab",
        "uid": lab.store.get(TRAININGS, ("lab", "small"))["metadata"]["uid"],
    }
    assert (event["reportingController"], event["reportingInstance"]) == ("bionemo.dev/bionemo-operator", "operator-0")
    assert (event["action"], event["reason"], event["note"]) == ("Running", "Starting", "x" * 1024)
    assert event["metadata"]["name"].startswith("small.")


def test_a_replica_without_a_name_reports_too(lab):
    lab.training()
    subject = subject_of(lab.store.get(TRAININGS, ("lab", "small")))
    StatusReporter(lab.client, lab.store, lab.tell, TRAININGS, "").report(subject, {}, status(condition("Starting")))
    assert lab.api.asked("POST", EVENTS)[0].body["reportingInstance"] == "bionemo-operator"


def test_a_resource_that_is_gone_can_not_be_reported_on(lab, report):
    lab.client.delete(TRAININGS, "lab", "small")
    with pytest.raises(MissingError, match=r'apply .*/small/status: 404: bionemotrainings "small" not found'):
        report({}, status(phase="Running"))
