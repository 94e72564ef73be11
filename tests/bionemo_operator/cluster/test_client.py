"""Requests reach the API server as meant, and each of its answers becomes a result or the error that says what to do."""

import threading

import pytest

from bionemo_operator.cluster.client import Client
from bionemo_operator.cluster.kinds import EVENTS, JOBS, PODS, PYTORCH_JOBS, TRAININGS, Kind
from bionemo_operator.errors import (
    ClusterError,
    ConflictError,
    LeadershipLostError,
    MissingError,
    RejectedError,
    UnavailableError,
)
from testkit.api_stand_in import LOG

pytestmark = pytest.mark.enable_socket


def job(name="one", **metadata):
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, **metadata}, "spec": {"suspend": False}}


def refusal(error, request, *arguments, **options):
    with pytest.raises(error) as caught:
        request(*arguments, **options)
    return str(caught.value)


def test_a_kind_is_served_or_not(client, api):
    assert client.serves(TRAININGS)
    assert not client.serves(Kind(group="bionemo.dev", version="v1alpha1", plural="others"))
    assert not client.serves(Kind(group="bionemo.dev", version="v2", plural="bionemotrainings"))
    api.fail(500, "down")
    assert refusal(UnavailableError, client.serves, PODS) == "discover /api/v1: 500: down"


def test_what_was_created_can_be_got(client):
    made = client.create(JOBS, "lab", job())
    assert made["metadata"]["namespace"] == "lab"
    assert client.get(JOBS, "lab", "one") == made


def test_writes_name_their_manager(client, api):
    client.create(JOBS, "lab", job())
    client.merge(JOBS, "lab", "one", {"spec": {"suspend": True}})
    client.apply(JOBS, "lab", job())
    assert [request.query for request in api.requests] == [
        {"fieldManager": "bionemo-operator"},
        {"fieldManager": "bionemo-operator"},
        {"fieldManager": "bionemo-operator", "force": "true"},
    ]


def test_a_list_has_what_bears_a_label(client):
    client.create(JOBS, "lab", job("one", labels={"a": "b"}))
    client.create(JOBS, "lab", job("two"))
    assert [body["metadata"]["name"] for body in client.list(JOBS, "lab")["items"]] == ["one", "two"]
    assert [body["metadata"]["name"] for body in client.list(JOBS, selector="a=b")["items"]] == ["one"]
    assert client.list(JOBS, "elsewhere")["items"] == []


def test_a_merge_changes_only_what_it_names(client):
    client.create(JOBS, "lab", job(labels={"a": "b"}))
    changed = client.merge(JOBS, "lab", "one", {"spec": {"suspend": True}})
    assert (changed["spec"], changed["metadata"]["labels"]) == ({"suspend": True}, {"a": "b"})


def test_a_status_is_applied_on_its_own(client, api):
    made = client.create(TRAININGS, "lab", {"metadata": {"name": "one"}, "spec": {"nodes": 2}})
    manifest = {"metadata": {"name": "one", "uid": made["metadata"]["uid"]}, "status": {"phase": "Running"}}
    applied = client.apply(TRAININGS, "lab", manifest, "status")
    assert (applied["spec"], applied["status"]) == ({"nodes": 2}, {"phase": "Running"})
    assert api.requests[-1].path.endswith("/bionemotrainings/one/status")
    assert api.requests[-1].content_type == "application/apply-patch+yaml"


def test_what_has_changed_since_is_not_replaced(client):
    made = client.create(JOBS, "lab", job())
    replaced = client.replace(JOBS, "lab", {**made, "spec": {"suspend": True}})
    assert replaced["spec"] == {"suspend": True}
    assert refusal(ConflictError, client.replace, JOBS, "lab", made) == (
        "update /apis/batch/v1/namespaces/lab/jobs/one: 409: the object has been modified"
    )


def test_what_is_deleted_is_gone(client, api):
    client.create(PODS, "lab", job())
    client.delete(PODS, "lab", "one", grace_seconds=0)
    assert api.requests[-1].body == {"propagationPolicy": "Background", "gracePeriodSeconds": 0}
    assert refusal(MissingError, client.get, PODS, "lab", "one") == (
        'get /api/v1/namespaces/lab/pods/one: 404: pods "one" not found'
    )


def test_another_object_of_the_same_name_is_not_deleted(client):
    client.create(JOBS, "lab", job())
    assert "409" in refusal(ConflictError, client.delete, JOBS, "lab", "one", uid="another")
    assert client.get(JOBS, "lab", "one")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        pytest.param(400, RejectedError, id="a bad request"),
        pytest.param(401, UnavailableError, id="a token that has just run out"),
        pytest.param(403, RejectedError, id="no permission"),
        pytest.param(404, MissingError, id="not there"),
        pytest.param(409, ConflictError, id="there already"),
        pytest.param(410, MissingError, id="a version too old"),
        pytest.param(422, RejectedError, id="invalid"),
        pytest.param(429, UnavailableError, id="too many requests"),
        pytest.param(500, UnavailableError, id="a fault of the server"),
        pytest.param(504, UnavailableError, id="a timeout"),
    ],
)
def test_a_failure_says_what_to_do_about_it(client, api, status, error):
    api.fail(status, "so it is")
    with pytest.raises(ClusterError) as caught:
        client.get(JOBS, "lab", "one")
    assert type(caught.value) is error
    assert str(caught.value) == f"get /apis/batch/v1/namespaces/lab/jobs/one: {status}: so it is"
    assert (caught.value.status, caught.value.retry_after_seconds) == (status, None)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [pytest.param("7", 7.0, id="seconds"), pytest.param("Wed, 21 Oct 2026 07:28:00 GMT", None, id="a date")],
)
def test_how_long_to_wait_is_taken_over(client, api, header, seconds):
    api.fail(429, "slow down", headers={"Retry-After": header})
    with pytest.raises(UnavailableError) as caught:
        client.get(JOBS, "lab", "one")
    assert caught.value.retry_after_seconds == seconds


def test_a_failure_without_a_message_is_quoted(client, api):
    api.fail(502)
    assert refusal(UnavailableError, client.list, JOBS).endswith("jobs: 502: no JSON")


def test_a_success_that_is_no_json_is_no_answer(client, api):
    api.fail(200)
    assert refusal(UnavailableError, client.list, JOBS) == (
        "list /apis/batch/v1/jobs: 200: the answer is no JSON: b'no JSON'"
    )


def test_a_connection_that_breaks_is_no_answer(client, api):
    api.fail(0)
    said = refusal(UnavailableError, client.get, JOBS, "lab", "one")
    assert said.startswith("GET /apis/batch/v1/namespaces/lab/jobs/one: no answer: ")


def test_who_no_longer_leads_reads_but_does_not_write(api):
    connection = api.connection()
    client = Client(connection, may_write=lambda: False)
    assert client.list(JOBS)["items"] == []
    assert refusal(LeadershipLostError, client.create, JOBS, "lab", job()) == (
        "create /apis/batch/v1/namespaces/lab/jobs: not sent, because another replica leads now"
    )
    assert [request.method for request in api.requests] == ["GET"]
    connection.pool.clear()


def test_every_request_is_observed(api):
    connection, seen = api.connection(), []
    client = Client(connection, lambda verb, status, seconds: seen.append((verb, status, seconds >= 0)))
    client.create(JOBS, "lab", job())
    client.create(EVENTS, "lab", job())
    api.fail(500)
    refusal(UnavailableError, client.list, JOBS)
    api.fail(0)
    refusal(UnavailableError, client.list, JOBS)
    assert seen == [("create", 200, True), ("event", 200, True), ("list", 500, True), ("list", 0, True)]
    connection.pool.clear()


def test_who_asks_is_told_with_each_request(api):
    connection = api.connection(api_key={"BearerToken": "Bearer abc"})
    Client(connection).list(JOBS)
    assert api.requests[-1].authorization == "Bearer abc"
    connection.pool.clear()


def test_a_watch_tells_what_happens_after_a_version(client, api):
    client.create(JOBS, "lab", job("early"))
    version = client.list(JOBS)["metadata"]["resourceVersion"]
    client.create(JOBS, "lab", job("late", labels={"a": "b"}))
    client.create(JOBS, "lab", job("other"))
    client.delete(JOBS, "lab", "late")
    api.objects.bookmark()
    api.longest_watch_seconds = 0
    events = list(client.watch(JOBS, "lab", "a=b", version, seconds=30))
    assert [(type_, body["metadata"].get("name")) for type_, body in events] == [
        ("ADDED", "late"),
        ("DELETED", "late"),
        ("BOOKMARK", None),
    ]


def test_a_watch_tells_at_once(client):
    events = client.watch(JOBS, None, "", "0", seconds=30)
    made = []
    making = threading.Thread(target=lambda: made.append(client.create(JOBS, "lab", job())))
    making.start()
    assert next(events)[0] == "ADDED"
    making.join()
    events.close()


def test_a_version_that_is_too_old_is_not_watched_from(client, api):
    api.objects.forget_history()
    assert refusal(MissingError, list, client.watch(PYTORCH_JOBS, None, "", "0", seconds=30)) == (
        "watch pytorchjobs: 410: too old resource version"
    )


def test_a_watch_that_is_refused_says_why(client, api):
    api.fail(403, "forbidden")
    assert refusal(RejectedError, list, client.watch(JOBS, None, "", "0", seconds=30)) == "watch jobs: 403: forbidden"


def test_a_watch_that_breaks_is_no_answer(client, api):
    api.longest_watch_seconds = 0
    api.breaks_watches = True
    assert refusal(UnavailableError, list, client.watch(JOBS, None, "", "0", seconds=30)).startswith(
        "watch jobs: no answer: "
    )


@pytest.mark.parametrize("follow", [False, True], ids=["at once", "as it comes"])
def test_a_log_is_text(client, api, follow):
    assert b"".join(client.text("/api/v1/namespaces/lab/pods/one/log", {"follow": "1"}, follow=follow)) == LOG.encode()
    assert api.requests[-1].query == {"follow": "1"}


def test_a_log_that_is_not_there_says_so(client, api):
    api.fail(404, "no such pod")
    assert refusal(MissingError, list, client.text("/api/v1/namespaces/lab/pods/one/log", {})) == (
        "get /api/v1/namespaces/lab/pods/one/log: 404: no such pod"
    )


def test_a_log_that_breaks_is_no_answer(client, api):
    api.fail(200, "half of it", headers={"Content-Length": "10000"})
    assert refusal(UnavailableError, list, client.text("/api/v1/namespaces/lab/pods/one/log", {})).startswith(
        "get /api/v1/namespaces/lab/pods/one/log: no answer: "
    )
