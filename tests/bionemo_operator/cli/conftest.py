"""A cluster for the commands: the real client over connections that lead to a dictionary."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
import urllib3
from kubernetes.client.configuration import Configuration

from bionemo_operator.cli.cluster_access import Cluster, UserClient
from bionemo_operator.cluster.credentials import Connection
from bionemo_operator.cluster.kinds import EVENTS, PODS, PREPROCESSES, TRAININGS
from testkit.documents import documents_in

OBJECTS = Path(__file__).parents[2] / "golden" / "cli" / "objects"
"""Objects as a cluster has them, each file with a comment that says in which state."""
KINDS = {"BioNeMoTraining": TRAININGS, "BioNeMoPreprocess": PREPROCESSES, "Pod": PODS, "Event": EVENTS}


class Api:
    """Objects by path, as an API server would serve them; what is wished for goes wrong."""

    def __init__(self):
        self.objects = {}
        self.logs = {}
        self.failures = {}
        """Status and message by method and path."""
        self.requests = []

    def put(self, body):
        """Takes an object in, with the metadata that an API server gives."""
        given = {"namespace": "lab", "uid": "u-1", "generation": 1, "creationTimestamp": "2026-11-24T10:00:00Z"}
        body = {**body, "metadata": {**given, **body["metadata"]}}
        metadata = body["metadata"]
        self.objects[KINDS[body["kind"]].path(metadata["namespace"], metadata["name"])] = body
        return body

    def request(self, method, url, *, body=None, headers, preload_content=True, **_):
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        document = json.loads(body) if body else None
        self.requests.append((method, parts.path, query, document))
        if failure := self.failures.get((method, parts.path)):
            return _answer(*_failed(*failure), preload_content)
        if parts.path in self.logs:
            return _answer(200, self.logs[parts.path], preload_content)
        status, found = self._found(method, parts.path, query, document, headers["Content-Type"])
        return _answer(status, json.dumps(found).encode(), preload_content)

    def _found(self, method, path, query, document, content_type):
        if method == "PATCH":
            return self._changed(path, query, document, is_apply="apply" in content_type)
        if path in self.objects:
            return 200, self.objects[path]
        if path.rpartition("/")[2] in [kind.plural for kind in KINDS.values()]:
            return 200, {"metadata": {"resourceVersion": "1"}, "items": self._listed(path, query)}
        return 404, {"message": "not found"}

    def _listed(self, path, query):
        wanted = dict(part.split("=") for part in query.get("labelSelector", "").split(",") if part)
        return [
            body
            for place, body in self.objects.items()
            if place.startswith(f"{path}/") or ("/namespaces/" not in path and place.endswith(f"/{path.split('/')[-1]}/{body['metadata']['name']}"))
            if wanted.items() <= body["metadata"].get("labels", {}).items()
        ]  # fmt: skip

    def _changed(self, path, query, document, *, is_apply):
        before = self.objects.get(path)
        if before is None and not is_apply:
            return 404, {"message": "not found"}
        before = before or {**document, "spec": {}}
        after = {**before, "spec": {**before["spec"], **document["spec"]}}
        after["metadata"] = {**before["metadata"], **document.get("metadata", {})}
        if "dryRun" not in query:
            after = self.put(after)
        return 200, after


class _Body(io.BytesIO):
    """A body that is closed once it has been read, as that of a connection."""

    def read(self, *arguments):
        found = super().read(*arguments)
        if self.tell() == len(self.getbuffer()):
            self.close()
        return found


def _failed(status, message):
    return status, json.dumps({"message": message}).encode()


def _answer(status, body, preload):
    return urllib3.HTTPResponse(body=_Body(body), status=status, headers={}, preload_content=preload)


@pytest.fixture
def api():
    return Api()


@pytest.fixture
def cluster(api):
    """A cluster whose kubeconfig names the namespace lab."""
    configuration = Configuration(host="https://cluster")
    connection = Connection(configuration=configuration, pool=api, namespace="lab")
    return Cluster(client=UserClient(connection), namespace="lab")


@pytest.fixture
def said(capsys):
    """What was written to standard output since last asked, and nothing to standard error."""

    def read():
        captured = capsys.readouterr()
        assert captured.err == ""
        return captured.out

    return read


@pytest.fixture
def objects():
    """Builders of objects as a cluster has them."""
    return SimpleNamespace(pod=_pod, event=_event)


def _pod(name="small-1-worker-0", *, owner="small", labels=None, phase="Running", **status):
    own = {"bionemo.dev/name": owner, "bionemo.dev/kind": "bionemotraining", "bionemo.dev/attempt": "1"}
    own |= {"training.kubeflow.org/job-name": "small-1", "training.kubeflow.org/replica-index": name.rpartition("-")[2]}
    return {
        "kind": "Pod",
        "metadata": {"name": name, "labels": own | (labels or {})},
        "spec": {},
        "status": {"phase": phase, **status},
    }


def _event(name, regarding, *, at="2026-11-24T11:59:00Z", type_="Normal", reason="Starting", note="A note.", **more):
    kind, object_name = regarding.split("/")
    return {
        "kind": "Event",
        "metadata": {"name": name},
        "eventTime": at,
        "type": type_,
        "reason": reason,
        "note": note,
        "regarding": {"kind": kind, "name": object_name},
        **more,
    }


@pytest.fixture
def golden_objects(api):
    """Put the objects of a golden file into the cluster; the result is these objects."""

    def put(name):
        return [api.put(json.loads(json.dumps(body, default=_time))) for body in documents_in(OBJECTS / f"{name}.yaml")]

    return put


def _time(moment):
    """As the API server writes it; YAML has a type for it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
