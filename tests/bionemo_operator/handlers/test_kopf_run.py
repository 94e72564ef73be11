"""A run of kopf comes to its end, whatever kopf leaves behind."""

import asyncio
import threading

import kopf
import pytest

from bionemo_operator.cluster.kinds import PREPROCESSES, TRAININGS
from bionemo_operator.handlers import kopf_run
from bionemo_operator.handlers.events import connection_info
from testkit.api_lab import api_lab
from testkit.documents import training_document


@pytest.mark.enable_socket
def test_it_ends_though_a_task_of_kopf_takes_more_than_one_cancellation(monkeypatch):
    cancelled, beats, registry = [], [], kopf.OperatorRegistry()
    monkeypatch.setattr(kopf_run, "HEARTBEAT_SECONDS", 0.1)

    async def log_in(**_):
        return connection_info(lab.api.connection())

    async def hold(type, **_):  # noqa: A002 - kopf's own argument
        for _ in range(3):
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                cancelled.append(type)
                at_end.append(len(beats))

    at_end = []
    kopf.on.login(registry=registry, id="connection")(log_in)
    for kind in (TRAININGS, PREPROCESSES):
        kopf.on.event(kind.group, kind.version, kind.plural, registry=registry, id=kind.plural)(hold)
    with api_lab() as lab:
        lab.hidden(TRAININGS, training_document("small"))
        lab.api.fail(410, "too old", method="GET", path="/bionemopreprocesses")
        with pytest.raises(Exception, match="too old"):
            asyncio.run(kopf_run.run_kopf(registry, (), threading.Event(), lambda: beats.append(1)))
    assert len(cancelled) == 3
    assert at_end == [len(beats)] * 3, "it beats while kopf watches, and no longer"


def test_a_watch_that_kopf_leaves_open_at_its_end_is_no_error(caplog):
    async def watch():
        try:
            yield
        finally:
            raise RuntimeError("generator didn't stop after athrow()")

    async def leave_open():
        asyncio.get_running_loop().set_exception_handler(kopf_run._hear)
        left.append(watch())
        await anext(left[0])
        asyncio.get_running_loop().call_exception_handler({"message": "a fault of ours"})

    left = []
    asyncio.run(leave_open())
    assert caplog.messages == ["a fault of ours"]
