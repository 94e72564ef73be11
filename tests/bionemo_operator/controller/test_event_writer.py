"""Events are written behind the work, in order and at a gentle rate; what can't be written is counted, and delays nothing."""

import pytest

from bionemo_operator.cluster.kinds import EVENTS
from bionemo_operator.controller import event_writer
from bionemo_operator.controller.event_writer import EventWriter

pytestmark = pytest.mark.enable_socket
WHERE = "event /apis/events.k8s.io/v1/namespaces/lab/events"


def event(number=0):
    return {"metadata": {"name": f"small.{number}", "namespace": "lab"}, "type": "Normal", "reason": f"Reason{number}"}


@pytest.fixture
def writer(lab, caplog):
    caplog.set_level("INFO", event_writer.__name__)
    writer = EventWriter(lab.client, lab.metrics, most_waiting=3)
    yield writer
    writer.stop()


def lost(lab):
    return lab.metrics.registry.get_sample_value("bionemo_operator_lost_events_total")


def test_events_are_written_in_order(lab, writer):
    for number in range(3):
        writer.put(event(number))
    assert lab.events() == []
    assert writer.depth == 3
    writer.start()
    lab.api.objects.await_that(lambda: len(lab.names(EVENTS)) == 3)
    assert lab.events() == [("Normal", f"Reason{number}") for number in range(3)]


def test_what_waits_is_written_before_the_end(lab, writer):
    writer.put(event())
    writer.start()
    writer.stop()
    assert lab.events() == [("Normal", "Reason0")]


def test_what_waits_too_long_at_the_end_is_lost(lab, writer, monkeypatch, caplog):
    monkeypatch.setattr(event_writer, "DRAIN_SECONDS", -1.0)
    writer.put(event(1))
    writer.put(event(2))
    writer.stop()
    writer.start()
    writer._thread.join()
    assert (lab.events(), lost(lab)) == ([], 2)
    assert caplog.messages == ["events lost: 2 (the operator ends)"]


def test_when_too_many_wait_the_next_one_is_lost(lab, writer, caplog):
    for number in range(4):
        writer.put(event(number))
    assert (writer.depth, lost(lab)) == (3, 1)
    assert caplog.messages == ["events lost: 1 (3 others wait)"]


def test_one_that_is_refused_does_not_hold_up_the_next(lab, writer, caplog):
    lab.api.fail(403, "quota", method="POST", path="/events")
    writer.put(event(1))
    writer.put(event(2))
    writer.start()
    lab.api.objects.await_that(lambda: lab.names(EVENTS) == ["small.2"])
    assert lost(lab) == 1
    assert caplog.messages == [f"events lost: 1 ({WHERE}: 403: quota)"]


def test_who_no_longer_leads_loses_events(lab, writer):
    lab.leads = False
    writer.put(event())
    writer.start()
    writer.stop()
    assert (lab.events(), lost(lab)) == ([], 1)
