"""The pods of our jobs are in the store as the API server has them, whatever becomes of a watch."""

from functools import partial

import pytest

from bionemo_operator.cluster.kinds import PODS
from bionemo_operator.cluster.pod_watch import PodWatch
from bionemo_operator.cluster.store import Store
from bionemo_operator.errors import MissingError, UnavailableError
from testkit.cluster_waiting import eventually

pytestmark = pytest.mark.enable_socket
OURS = {"app.kubernetes.io/managed-by": "bionemo-operator"}


def pod(name="one", **labels):
    return {"metadata": {"name": name, "labels": OURS | labels}, "spec": {}}


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def heard():
    return []


@pytest.fixture
def breaks():
    return []


@pytest.fixture
def watch(client, store, heard, breaks):
    return PodWatch(client, store, "lab", lambda body: heard.append(body["metadata"]["name"]), breaks.append)


def names(store):
    return sorted(body["metadata"]["name"] for body in store.all(PODS))


def test_what_is_there_is_listed_and_what_comes_is_seen(client, api, watch, store, heard):
    api.longest_watch_seconds = 0
    client.create(PODS, "lab", pod("one"))
    client.create(PODS, "lab", {"metadata": {"name": "of somebody else"}})
    client.create(PODS, "elsewhere", pod("elsewhere"))
    watch.turn()
    assert (names(store), heard) == (["one"], ["one"])
    client.create(PODS, "lab", pod("two"))
    client.delete(PODS, "lab", "one")
    watch.turn()
    assert (names(store), heard) == (["two"], ["one", "two", "one"])
    assert len(api.asked("GET", PODS)) == 3  # one list, two watches


def test_a_bookmark_moves_the_version_on(api, watch, heard):
    api.longest_watch_seconds = 0
    watch.turn()
    api.objects.bookmark()
    watch.turn()
    version = api.objects.bookmark()
    watch.turn()
    assert api.asked("GET", PODS)[-1].query["resourceVersion"] == str(int(version) - 1)
    assert heard == []


def test_an_answer_ends_the_silence(api, watch):
    api.longest_watch_seconds = 0
    watch._answered_at -= 100
    assert watch.silent_seconds >= 100
    watch.turn()
    assert watch.silent_seconds < 60


def test_a_watch_that_was_stopped_ends_with_its_next_event(client, api, watch, store):
    api.longest_watch_seconds = 0
    watch.turn()
    client.create(PODS, "lab", pod("one"))
    client.create(PODS, "lab", pod("two"))
    watch.stop()
    watch.turn()
    assert names(store) == ["one"]


def test_a_version_that_is_forgotten_is_an_error(api, watch):
    api.longest_watch_seconds = 0
    watch.turn()
    api.objects.forget_history()
    with pytest.raises(MissingError, match=r"watch pods: 410: too old resource version"):
        watch.turn()


def test_a_list_that_fails_is_an_error(api, watch):
    api.fail(500, "down")
    with pytest.raises(UnavailableError, match=r"list /api/v1/namespaces/lab/pods: 500: down"):
        watch.turn()


def ended(api, watch):
    """Whether the watch is over; one that begins just now needs another end."""
    api.objects.end_watches()
    watch._thread.join(timeout=0.1)
    return not watch._thread.is_alive()


def test_it_goes_on_after_whatever_breaks_it(client, api, watch, store, breaks, caplog):
    api.fail(500, "down", method="GET")
    watch.start()
    client.create(PODS, "lab", pod("one"))
    api.objects.await_that(lambda: names(store) == ["one"])
    api.breaks_watches = True
    api.objects.end_watches()
    client.create(PODS, "lab", pod("two"))
    api.objects.await_that(lambda: names(store) == ["one", "two"])
    api.breaks_watches = False
    api.objects.forget_history()
    api.objects.end_watches()
    client.delete(PODS, "lab", "one")
    api.objects.await_that(lambda: names(store) == ["two"])
    watch.stop()
    assert eventually(partial(ended, api, watch))
    assert caplog.messages[0] == (
        "the watch of pods broke, and is taken up again: list /api/v1/namespaces/lab/pods: 500: down"
    )
    assert set(breaks) == {"broken", "expired"}


def paused(watch, monkeypatch, *errors, seconds=0.0):
    """Which pauses the watch makes when it breaks so, each time after some seconds."""
    left, pauses = list(errors), []

    def turn():
        watch._began_at -= seconds
        error = left.pop(0)
        if not left:
            watch.stop()
        raise error

    monkeypatch.setattr(watch, "turn", turn)
    monkeypatch.setattr(watch._stop, "wait", pauses.append)
    watch._run()
    return pauses


EXPIRED, BROKEN = MissingError("watch pods", 410, "too old"), UnavailableError("watch pods", 0, "reset")


@pytest.mark.parametrize("error", [EXPIRED, BROKEN], ids=["forgotten", "broken"])
def test_pauses_grow_while_watches_break_at_once(watch, monkeypatch, error):
    assert paused(watch, monkeypatch, *[error] * 7) == [0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0]


def test_a_watch_that_breaks_after_a_while_is_taken_up_soon(watch, monkeypatch):
    assert paused(watch, monkeypatch, *[BROKEN] * 3, seconds=20) == [0.5, 0.5, 0.5]


def test_a_server_that_asks_to_wait_is_given_its_time(watch, monkeypatch):
    assert paused(watch, monkeypatch, UnavailableError("list", 429, "busy", 7.0)) == [7.0]


def test_only_a_version_that_is_forgotten_is_given_up(watch, monkeypatch):
    watch._version = "7"
    paused(watch, monkeypatch, BROKEN)
    assert watch._version == "7"
    watch._stop.clear()
    paused(watch, monkeypatch, EXPIRED)
    assert watch._version is None
