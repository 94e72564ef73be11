"""The operator as a whole: it takes the lease, works, tells how it is, and gives the lease back."""

import http.client
import threading
import time
from contextlib import contextmanager

import pytest

from bionemo_operator import process
from bionemo_operator.cluster.kinds import JOBS, LEASES, PODS, PREPROCESSES, PYTORCH_JOBS, TRAININGS
from bionemo_operator.process import Operator
from bionemo_operator.settings import Settings
from testkit.api_lab import NAMESPACE, api_lab
from testkit.documents import preprocess_document, training_document
from testkit.observations import SMALL

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def lab():
    with api_lab() as lab:
        yield lab


@pytest.fixture
def operator(lab):
    connection = lab.api.connection()
    settings = Settings(identity="operator-0", workers=2, metrics_host="127.0.0.1", metrics_port=0, lease_seconds=3)
    operator = Operator(settings, connection)
    yield operator
    operator._probes._server.server_close()  # of those that never ran
    connection.pool.clear()


@contextmanager
def running(operator):
    """The operator runs in a thread; yields what `run` returned, once it has."""
    stop, ended = threading.Event(), []
    thread = threading.Thread(target=lambda: ended.append(operator.run(stop)))
    thread.start()
    try:
        yield ended
    finally:
        stop.set()
        thread.join(timeout=60)


def get(operator, path):
    connection = http.client.HTTPConnection("127.0.0.1", operator.metrics_port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_it_works_from_its_first_event_to_its_last(lab, operator, caplog):
    with running(operator) as ended:
        lab.api.objects.await_that(lambda: operator._controller.leads and get(operator, "/readyz")[0] == 200)
        lab.hidden(TRAININGS, training_document("small", **SMALL))
        lab.hidden(PREPROCESSES, preprocess_document("zinc"))
        lab.api.objects.await_that(lambda: lab.names(PYTORCH_JOBS) == ["small-1"] and lab.names(JOBS) == ["zinc-list"])
        labels = lab.client.get(PYTORCH_JOBS, NAMESPACE, "small-1")["metadata"]["labels"]
        lab.hidden(PODS, {"metadata": {"name": "small-1-worker-0", "labels": labels}, "spec": {}, "status": {}})
        lab.api.objects.await_that(lambda: operator._store.all(PODS) != ())
        assert get(operator, "/healthz") == (200, '{"faults": {}}')
        # A new training's first report comes after the jobs that others wait for.
        nodes = 'bionemo_training_nodes{name="small",namespace="lab"} 2.0'
        lab.api.objects.await_that(lambda: nodes in get(operator, "/metrics")[1])
        text = get(operator, "/metrics")[1]
        assert "bionemo_operator_leads 1.0" in text
        assert 'bionemo_operator_watch_age_seconds{resource="pods"}' in text
        assert "bionemo_operator_waiting_events" in text
    assert ended == [None]
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []
    assert lab.client.get(LEASES, "default", "bionemo-operator")["spec"]["holderIdentity"] == ""


def test_what_is_stuck_is_told(operator):
    operator._began_at -= 200
    for watch in operator._pod_watches:
        watch._began_at -= 300
    faults = operator.faults()
    assert list(faults) == ["event loop", "watch of pods"]
    assert faults["event loop"] == "for 200 seconds"


def test_who_does_not_lead_tells_nothing_of_resources(lab, operator):
    operator._store.put(TRAININGS, lab.store.get(TRAININGS, lab.training()))
    assert operator._resources() == ((), ())


def test_who_has_not_begun_is_not_ready(operator):
    assert operator.obstacles() == {"event loop": "not begun"}
    assert operator.faults() == {}


def test_who_gets_no_answer_is_not_ready_but_well(operator):
    operator._beat_at = time.monotonic()
    assert operator.obstacles() == {}
    for watch in operator._pod_watches:
        watch._answered_at -= 300
    assert operator.obstacles() == {"API server": "no answer for 300 seconds"}
    assert operator.faults() == {}


def test_breaks_of_the_watch_are_counted(operator):
    operator._note_break("expired")
    labels = {"resource": "pods", "reason": "expired"}
    assert operator._metrics.registry.get_sample_value("bionemo_operator_watch_breaks_total", labels) == 1


def test_it_ends_when_its_credentials_are_refused_for_too_long(operator):
    operator._acceptance.hear(401)
    operator._acceptance._refused_at -= 61
    assert operator._end() == (
        "the API server has refused our credentials for 61 seconds (401); "
        "renew the kubeconfig, or the token of the service account"
    )


def test_it_goes_on_while_its_credentials_are_taken(operator):
    operator._acceptance.hear(200)
    assert operator._end() is None


def test_kopf_is_started_when_every_kind_is_served(lab, operator, monkeypatch, caplog):
    monkeypatch.setattr(process, "KOPF_PAUSE_SECONDS", 0.01)
    lab.api.fail(404, method="GET", path="/apis/bionemo.dev/v1alpha1", times=5)
    with running(operator):
        lab.api.objects.await_that(lambda: operator._controller.leads and operator._beat_at and not operator._missing)
        lab.hidden(TRAININGS, training_document("small", **SMALL))
        lab.api.objects.await_that(lambda: lab.names(PYTORCH_JOBS) == ["small-1"])
    ours = "bionemotrainings.bionemo.dev, bionemopreprocesses.bionemo.dev"
    assert f"waits for kinds that the API server does not serve: {ours}" in caplog.messages


def test_who_lacks_a_kind_is_not_ready_but_well_until_it_comes(lab, operator, caplog):
    operator._beat_at = time.monotonic()
    lab.api.fail(404, path="/apis/kubeflow.org/v1", times=2)
    assert not operator._serves_all()
    assert not operator._serves_all()
    assert operator.obstacles() == {"API server": "serves no pytorchjobs.kubeflow.org; install what defines them"}
    assert operator.faults() == {}
    assert caplog.messages == ["waits for kinds that the API server does not serve: pytorchjobs.kubeflow.org"]
    assert operator._serves_all()
    assert operator.obstacles() == {}


def test_who_can_not_learn_which_kinds_there_are_asks_again(lab, operator, caplog):
    lab.api.fail(500, "down")
    assert not operator._serves_all()
    assert caplog.messages == ["can't watch yet: discover /apis/bionemo.dev/v1alpha1: 500: down"]
    assert operator._serves_all()


def test_kopf_is_started_again_when_it_gives_up(lab, operator, monkeypatch, caplog):
    monkeypatch.setattr(process, "KOPF_PAUSE_SECONDS", 0.01)
    lab.api.fail(410, "too old", method="GET", path="/bionemotrainings", times=2)
    with running(operator):
        lab.api.objects.await_that(lambda: operator._controller.leads)
        lab.hidden(TRAININGS, training_document("small", **SMALL))
        lab.api.objects.await_that(lambda: lab.names(PYTORCH_JOBS) == ["small-1"])
    labels = {"resource": "kopf", "reason": "broken"}
    assert operator._metrics.registry.get_sample_value("bionemo_operator_watch_breaks_total", labels) >= 1
    assert any(message.startswith("kopf has given up, and is started again: ") for message in caplog.messages)
