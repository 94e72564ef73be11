"""Workers run passes while this replica leads, and no key is lost, whatever a pass comes to."""

import threading

import pytest

from bionemo_operator.cluster.kinds import JOBS, PODS, PREPROCESSES, PYTORCH_JOBS, TRAININGS
from bionemo_operator.controller.controller import Controller, Extent, owner_of
from bionemo_operator.errors import (
    ConflictError,
    LeadershipLostError,
    MissingError,
    RejectedError,
    UnavailableError,
)

pytestmark = pytest.mark.enable_socket
KEY = ("lab", "small")
WORK = (TRAININGS, KEY)


class ScriptedPasses:
    """Does what a test says, pass after pass; the last thing it was told again and again."""

    def __init__(self, kind):
        self.kind = kind
        self.script = [None]
        self.seen = []

    def run(self, key):
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        self.seen.append(key)
        if isinstance(step, Exception):
            raise step
        return step


@pytest.fixture
def trainings():
    return ScriptedPasses(TRAININGS)


@pytest.fixture
def preprocesses():
    return ScriptedPasses(PREPROCESSES)


@pytest.fixture
def controller(lab, trainings, preprocesses):
    extent = Extent(workers=1, resync_seconds=100)
    controller = Controller(lab.client, lab.store, (trainings, preprocesses), lab.metrics, extent)
    yield controller
    controller.stop()


def leading(lab, controller):
    controller.start()
    controller.lead(True)
    lab.api.objects.await_that(lambda: controller.leads)


def due_after(controller, work=WORK):
    """When a key comes again, in seconds; None when it does not."""
    at = controller.queue._due.get(work)
    return None if at is None else at - controller.queue._clock()


def passes_of(lab, result, kind="bionemotrainings"):
    labels = {"kind": kind, "result": result}
    return lab.metrics.registry.get_sample_value("bionemo_operator_passes_total", labels) or 0


def run_once(controller):
    controller._leads.set()
    controller.queue.wake(WORK)
    controller._pass(controller.queue.take())


def test_a_new_leader_looks_at_everything(lab, controller, trainings, preprocesses):
    lab.training()
    lab.preprocess()
    lab.hidden(TRAININGS, {"metadata": {"name": "unseen"}, "spec": {}})
    lab.hidden(PODS, {"metadata": {"name": "of somebody else"}})
    leading(lab, controller)
    lab.api.objects.await_that(lambda: len(trainings.seen) == 2 and preprocesses.seen == [("lab", "zinc")])
    assert set(trainings.seen) == {KEY, ("lab", "unseen")}
    assert lab.store.all(PODS) == ()
    assert lab.metrics.registry.get_sample_value("bionemo_operator_leads") == 1


def test_who_does_not_lead_runs_no_pass(lab, controller, trainings):
    controller.start()
    controller.see(TRAININGS, {"metadata": {"name": "small", "namespace": "lab"}, "spec": {}})
    lab.api.objects.await_that(lambda: not controller.queue._due and not controller.queue._working)
    assert trainings.seen == []


def test_a_leader_that_is_superseded_stops(lab, controller, trainings):
    leading(lab, controller)
    controller.lead(False)
    assert not controller.leads
    controller.see(TRAININGS, {"metadata": {"name": "small", "namespace": "lab"}, "spec": {}})
    lab.api.objects.await_that(lambda: not controller.queue._due and not controller.queue._working)
    assert trainings.seen == []


def test_taking_over_is_tried_again_until_everything_could_be_listed(lab, controller, caplog):
    lab.api.fail(500, "down")
    leading(lab, controller)
    assert caplog.messages == [
        "can't take over yet: list /apis/bionemo.dev/v1alpha1/bionemotrainings: 500: down",
    ]


@pytest.mark.parametrize("answers", [True, False], ids=["when it is answered", "while it is not"])
def test_who_loses_the_lease_while_taking_over_does_not_begin_to_lead(lab, controller, answers):
    if not answers:
        lab.api.fail(500, "down")
    controller._term = 2
    controller._take_over(1)
    assert not controller.leads


def test_who_is_stopped_while_taking_over_does_not_begin_to_lead(lab, controller):
    lab.api.fail(500, "down", times=100)
    controller.stop()
    controller._take_over(controller._term)
    assert not controller.leads


def test_only_the_namespaces_that_were_asked_for_are_listed(lab, trainings):
    extent = Extent(namespaces=("lab", "other"), workers=1, resync_seconds=100)
    controller = Controller(lab.client, lab.store, (trainings,), lab.metrics, extent)
    leading(lab, controller)
    controller.stop()
    assert [request.path for request in lab.api.asked("GET", PODS)] == [
        "/api/v1/namespaces/lab/pods",
        "/api/v1/namespaces/other/pods",
    ]


def test_the_resync_finds_what_events_missed_and_is_left_out_when_it_fails(lab, trainings, caplog):
    extent = Extent(workers=1, resync_seconds=0.05)
    controller = Controller(lab.client, lab.store, (trainings,), lab.metrics, extent)
    leading(lab, controller)
    lab.api.fail(500, "down")
    lab.api.objects.await_that(lambda: caplog.messages != [])
    lab.hidden(TRAININGS, {"metadata": {"name": "small"}, "spec": {}})
    lab.api.objects.await_that(lambda: KEY in trainings.seen)
    controller.stop()
    assert caplog.messages[0].startswith("the resync is left out: list /apis/")


@pytest.mark.parametrize(
    ("again", "seconds"),
    [
        pytest.param(5, 5, id="when it asks to"),
        pytest.param(None, 100, id="with the resync"),
        pytest.param(9e9, 100, id="at most"),
    ],
)
def test_a_resource_is_looked_at_again(lab, controller, trainings, again, seconds):
    lab.training()
    trainings.script = [again]
    run_once(controller)
    assert due_after(controller) == pytest.approx(seconds, abs=1)
    assert passes_of(lab, "ok") == 1


def test_a_resource_that_is_not_there_does_not_come_again(controller):
    run_once(controller)
    assert due_after(controller) is None


@pytest.mark.parametrize(
    ("error", "result", "seconds"),
    [
        pytest.param(MissingError("get x", 404, "not found"), "gone", 0.5, id="something is gone"),
        pytest.param(ConflictError("create x", 409, "exists"), "conflict", 0.5, id="something has changed"),
        pytest.param(LeadershipLostError("another one leads"), "superseded", 0.5, id="the lease has lapsed"),
        pytest.param(UnavailableError("get x", 429, "busy", 7.0), "unavailable", 7, id="the server asks to wait"),
        pytest.param(UnavailableError("get x", 0, "refused"), "unavailable", 0.5, id="the server does not answer"),
        pytest.param(RejectedError("apply x", 422, "wrong"), "unavailable", 0.5, id="a status is refused"),
        pytest.param(ZeroDivisionError(), "error", 0.5, id="a fault of ours"),
    ],
)
def test_a_pass_that_failed_is_counted_and_repeated(lab, controller, trainings, error, result, seconds):
    lab.training()
    trainings.script = [error]
    run_once(controller)
    assert passes_of(lab, result) == 1
    assert due_after(controller) == pytest.approx(seconds, abs=0.4)
    assert lab.store.get(TRAININGS, KEY) is not None


def test_a_fault_of_ours_is_logged_with_its_trace(controller, trainings, caplog):
    trainings.script = [ZeroDivisionError("by zero")]
    run_once(controller)
    assert caplog.messages == ["a pass over bionemotrainings lab/small failed"]
    assert "ZeroDivisionError: by zero" in caplog.text


def test_a_pass_that_runs_is_waited_for_when_the_controller_stops(lab):
    entered, leave = threading.Event(), threading.Event()

    class Slow(ScriptedPasses):
        def run(self, key):
            entered.set()
            leave.wait(timeout=30)
            return super().run(key)

    slow = Slow(TRAININGS)
    controller = Controller(lab.client, lab.store, (slow,), lab.metrics, Extent(workers=1, resync_seconds=100))
    leading(lab, controller)
    controller.queue.wake(WORK)
    entered.wait(timeout=30)
    stopping = threading.Thread(target=controller.stop)
    stopping.start()
    leave.set()
    stopping.join(timeout=30)
    assert slow.seen == [KEY]


def labelled(name="small-1", kind="bionemotraining", **labels):
    usual = {"app.kubernetes.io/managed-by": "bionemo-operator", "bionemo.dev/kind": kind, "bionemo.dev/name": "small"}
    return {"metadata": {"name": name, "namespace": "lab", "uid": name, "labels": {**usual, **labels}}}


@pytest.mark.parametrize(
    ("kind", "body", "woken"),
    [
        pytest.param(PYTORCH_JOBS, labelled(), [(TRAININGS, KEY)], id="a job of a training"),
        pytest.param(JOBS, labelled(kind="bionemopreprocess"), [(PREPROCESSES, KEY)], id="a job of a preparation"),
        pytest.param(PYTORCH_JOBS, labelled(kind="other"), [], id="a job of another kind of ours"),
        pytest.param(PYTORCH_JOBS, {"metadata": {"name": "a"}}, [], id="a job without labels"),
        pytest.param(
            PYTORCH_JOBS, labelled(**{"app.kubernetes.io/managed-by": "else"}), [], id="a job of another manager"
        ),
    ],
)
def test_an_object_wakes_the_resource_that_it_works_for(controller, kind, body, woken):
    controller.see(kind, body)
    assert list(controller.queue._due) == woken


def test_what_is_gone_leaves_the_store_and_wakes_too(lab, controller):
    controller.see(PYTORCH_JOBS, labelled())
    controller.queue.take()
    controller.see(PYTORCH_JOBS, labelled(), is_gone=True)
    assert lab.store.all(PYTORCH_JOBS) == ()
    assert list(controller.queue._due) == [(TRAININGS, KEY)]


def test_a_preparation_wakes_the_trainings_that_wait_for_it(lab, controller):
    lab.training("waits", dataset={"preprocessRef": {"name": "zinc"}})
    lab.training("waits for another", dataset={"preprocessRef": {"name": "other"}})
    lab.training("waits for none")
    controller.see(PREPROCESSES, {"metadata": {"name": "zinc", "namespace": "lab"}, "spec": {}})
    assert list(controller.queue._due) == [(PREPROCESSES, ("lab", "zinc")), (TRAININGS, ("lab", "waits"))]


def test_the_echo_of_our_own_write_wakes_nobody_but_who_waits_for_it(lab, controller):
    lab.training("waits", dataset={"preprocessRef": {"name": "zinc"}})
    written = {"metadata": {"name": "zinc", "namespace": "lab", "resourceVersion": "7"}, "spec": {}}
    lab.store.put(PREPROCESSES, written)
    controller.see(PREPROCESSES, written)
    assert list(controller.queue._due) == [(TRAININGS, ("lab", "waits"))]
    made = {"metadata": {**labelled()["metadata"], "resourceVersion": "8"}}
    lab.store.put(PYTORCH_JOBS, made)
    controller.see(PYTORCH_JOBS, made)
    assert list(controller.queue._due) == [(TRAININGS, ("lab", "waits"))]


@pytest.mark.parametrize(
    ("body", "owner"),
    [
        pytest.param(labelled(), KEY, id="ours"),
        pytest.param(
            {"metadata": {"labels": {"app.kubernetes.io/managed-by": "bionemo-operator"}}}, None, id="of nobody"
        ),
        pytest.param({"metadata": {"labels": {"bionemo.dev/name": "small"}}}, None, id="of another manager"),
        pytest.param({"metadata": {}}, None, id="without labels"),
    ],
)
def test_an_owner_is_named_by_labels(body, owner):
    assert owner_of(body) == owner
