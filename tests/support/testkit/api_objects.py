"""The objects of an API server for tests, with their versions and the history that watches tell. Used by `api_stand_in`."""

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, NamedTuple

from testkit.cluster_waiting import PATIENCE_SECONDS

type Body = Mapping[str, Any]

_PLACE = re.compile(
    r"(?P<root>/api/v1|/apis/[^/]+/[^/]+)(/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[^/]+)(/(?P<name>[^/]+))?(/status)?"
)
_KINDS = {
    "/api/v1": {"namespaces": "Namespace", "nodes": "Node", "pods": "Pod"},
    "/apis/apiextensions.k8s.io/v1": {"customresourcedefinitions": "CustomResourceDefinition"},
    "/apis/bionemo.dev/v1alpha1": {"bionemotrainings": "BioNeMoTraining", "bionemopreprocesses": "BioNeMoPreprocess"},
    "/apis/kubeflow.org/v1": {"pytorchjobs": "PyTorchJob"},
    "/apis/batch/v1": {"jobs": "Job"},
    "/apis/coordination.k8s.io/v1": {"leases": "Lease"},
    "/apis/events.k8s.io/v1": {"events": "Event"},
}
"""Names of kinds by their path."""


class RefusedError(Exception):
    """A request that fails."""

    def __init__(self, status: int, message: str, headers: Body | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body: Body | str = _status(status, message) if message else "no JSON"


class Place(NamedTuple):
    """Where objects are: all of a kind, of a namespace, or one."""

    root: str
    plural: str
    namespace: str | None
    name: str | None
    is_status: bool


class Event(NamedTuple):
    """One change."""

    version: int
    type: str
    place: Place
    body: Body


class ApiObjects:
    """All objects."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._objects: dict[Place, dict[str, Any]] = {}
        self._history: list[Event] = []
        self._version = 0
        self._oldest = 0
        self._ends = 0

    def get(self, place: Place) -> Body:
        """One of them."""
        with self._changed:
            return self._found(place)

    def list(self, place: Place, selector: str = "") -> Body:
        """Those of a kind, perhaps of a namespace, that bear labels."""
        with self._changed:
            items = [body for one, body in sorted(self._objects.items()) if _is_in(one, body, place, selector)]
            bare = [{key: value for key, value in body.items() if key not in ("apiVersion", "kind")} for body in items]
            version = str(self._version)
        api_version, kind = _type_of(place)
        return {
            "apiVersion": api_version,
            "kind": f"{kind}List",
            "metadata": {"resourceVersion": version},
            "items": bare,
        }

    def create(self, place: Place, body: Body) -> Body:
        """Makes one."""
        place = place._replace(name=body["metadata"]["name"])
        with self._changed:
            if place in self._objects:
                raise RefusedError(409, f'{place.plural} "{place.name}" already exists')
            facts = {
                "uid": f"uid-{self._version + 1}",
                "generation": 1,
                "creationTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            metadata = {"namespace": place.namespace, **facts, **body["metadata"]}
            return self._write("ADDED", place, {**body, "metadata": metadata})

    def apply(self, place: Place, body: Body) -> Body:
        """Makes its fields as in the body; of a status all, since it has one manager."""
        with self._changed:
            before = self._found(place)
            if body["metadata"].get("uid", before["metadata"]["uid"]) != before["metadata"]["uid"]:
                raise RefusedError(409, "the UID in the precondition is that of another object")
            after = {**before, "status": body["status"]} if place.is_status else _merged(before, body)
            return self._write("MODIFIED", place, after)

    def merge(self, place: Place, changes: Body) -> Body:
        """Changes fields of it."""
        with self._changed:
            return self._write("MODIFIED", place, _merged(self._found(place), changes))

    def replace(self, place: Place, body: Body) -> Body:
        """Replaces it, if nobody has since the body was read."""
        with self._changed:
            before = self._found(place)
            if body["metadata"].get("resourceVersion") != before["metadata"]["resourceVersion"]:
                raise RefusedError(409, "the object has been modified")
            return self._write("MODIFIED", place, {**body, "metadata": {**before["metadata"], **body["metadata"]}})

    def delete(self, place: Place, options: Body) -> Body:
        """Takes it out, unless another one is meant."""
        with self._changed:
            before = self._found(place)
            wanted = (options.get("preconditions") or {}).get("uid")
            if wanted not in (None, before["metadata"]["uid"]):
                raise RefusedError(409, "the UID in the precondition is that of another object")
            self._write("DELETED", place, before)
            del self._objects[place]
        return {"kind": "Status", "status": "Success"}

    def watch(self, place: Place, selector: str, since: int, deadline: float) -> Iterator[tuple[str, Body]]:
        """Tells what changes, until a deadline."""
        if since < self._oldest:
            yield "ERROR", _status(410, "too old resource version")
            return
        told, left, ends = since, 1.0, self._ends
        while self._ends == ends and left > 0:
            left = deadline - time.monotonic()
            with self._changed:
                news = [event for event in self._history if event.version > told]
                if not news and left > 0:
                    self._changed.wait(min(left, 0.5))
            for event in news:
                told = event.version
                if event.type == "BOOKMARK" or _is_in(event.place, event.body, place, selector):
                    yield event.type, event.body

    def bookmark(self) -> str:
        """Lets every watch tell its version, and returns it."""
        with self._changed:
            self._version += 1
            version = str(self._version)
            body = {"kind": "Pod", "metadata": {"resourceVersion": version}}
            self._history.append(Event(self._version, "BOOKMARK", Place("", "", None, None, is_status=False), body))
            self._changed.notify_all()
            return version

    def end_watches(self) -> None:
        """Lets every watch end that goes on now."""
        with self._changed:
            self._ends += 1
            self._changed.notify_all()

    def forget_history(self) -> None:
        """Watches can't begin with what is old from now on."""
        with self._changed:
            self._version += 1
            self._oldest = self._version

    def await_that(self, is_so: Callable[[], bool]) -> None:
        """Waits until something holds, asking again with each change and fifty times a second."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            assert time.monotonic() < deadline, "it did not come about in time"
            with self._changed:
                self._changed.wait(0.02)

    def _found(self, place: Place) -> dict[str, Any]:
        if (body := self._objects.get(place._replace(is_status=False))) is None:
            raise RefusedError(404, f'{place.plural} "{place.name}" not found')
        return body

    def _write(self, type_: str, place: Place, body: Body) -> Body:
        api_version, kind = _type_of(place)
        written = deepcopy({"apiVersion": api_version, "kind": kind, **body})
        place = place._replace(is_status=False)
        if type_ == "MODIFIED" and written == self._objects[place]:
            return written  # as an API server does: what changes nothing makes no version
        self._version += 1
        written["metadata"]["resourceVersion"] = str(self._version)
        self._objects[place] = written
        self._history.append(Event(self._version, type_, place, written))
        self._changed.notify_all()
        return written


def place_of(path: str) -> Place:
    """What a path is about."""
    found = _PLACE.fullmatch(path)
    if found is None or found["plural"] not in _KINDS.get(found["root"], {}):
        raise RefusedError(404, "the server could not find the requested resource")
    return Place(found["root"], found["plural"], found["namespace"], found["name"], path.endswith("/status"))


def discovery(path: str) -> Body | None:
    """What kinds there are; None for another path."""
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        versions = [root.removeprefix("/apis/") for root in _KINDS if root.startswith("/apis/")]
        groups = [(one.partition("/")[0], {"groupVersion": one, "version": one.partition("/")[2]}) for one in versions]
        return {"groups": [{"name": name, "versions": [one], "preferredVersion": one} for name, one in groups]}
    if path in _KINDS:
        verbs = ["get", "list", "watch", "create", "patch", "update", "delete"]
        kinds = _KINDS[path].items()
        return {
            "resources": [
                {"name": plural, "singularName": kind.lower(), "kind": kind, "namespaced": True, "verbs": verbs}
                for plural, kind in kinds
            ]
        }
    return None


def _type_of(place: Place) -> tuple[str, str]:
    return re.sub(r"^/apis?/", "", place.root), _KINDS[place.root][place.plural]


def _is_in(one: Place, body: Body, wanted: Place, selector: str) -> bool:
    labels = body["metadata"].get("labels") or {}
    terms = [term.partition("=") for term in selector.split(",") if term]
    is_there = one[:2] == wanted[:2] and wanted.namespace in (None, one.namespace)
    return is_there and all(name in labels and (not sign or labels[name] == value) for name, sign, value in terms)


def _merged(before: Any, changes: Any) -> Any:
    """JSON with changes, by RFC 7386."""
    if not isinstance(changes, Mapping):
        return changes
    kept = dict(before) if isinstance(before, Mapping) else {}
    for key, value in changes.items():
        kept[key] = _merged(kept.get(key), value)
    return {key: value for key, value in kept.items() if value is not None}


def _status(code: int, message: str) -> Body:
    return {"kind": "Status", "status": "Failure", "code": code, "message": message}
