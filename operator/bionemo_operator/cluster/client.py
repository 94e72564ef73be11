"""Requests to the API server, over a plain pool of connections. Blocking; used by many threads at once.

Every answer that is no success becomes an error of `errors`. Nothing is repeated here: a pass that failed is repeated as a
whole, so that it decides on what is there by then.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlencode

import urllib3
from urllib3.exceptions import HTTPError

from bionemo_operator.cluster.answers import document_of, failure_of, lines_of
from bionemo_operator.cluster.credentials import Connection
from bionemo_operator.cluster.kinds import EVENTS, Kind
from bionemo_operator.errors import LeadershipLostError, MissingError, UnavailableError, cluster_error
from bionemo_operator.planning.names import MANAGER

type Body = Mapping[str, Any]
type Method = Literal["GET", "POST", "PATCH", "PUT", "DELETE"]
type Observer = Callable[[str, int, float], None]
"""Hears of every request: its verb as in Kubernetes, its status, its seconds."""

JSON = "application/json"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0


def _ignore(verb: str, status: int, seconds: float) -> None:
    del verb, status, seconds


class Client:
    """Speaks to one API server."""

    manager = MANAGER
    """Field manager of every write."""

    def __init__(
        self, connection: Connection, observer: Observer = _ignore, may_write: Callable[[], bool] = lambda: True
    ) -> None:
        self._connection = connection
        self._observer = observer
        self._may_write = may_write

    def serves(self, kind: Kind) -> bool:
        """Whether the API server has a kind.

        Raises:
            ClusterError: It does not say.
        """
        try:
            return kind.plural in {one["name"] for one in self._request("discover", "GET", kind.home)["resources"]}
        except MissingError:
            return False

    def get(self, kind: Kind, namespace: str, name: str) -> Body:
        """One object.

        Raises:
            ClusterError: It is not there, or can't be had.
        """
        return self._request("get", "GET", kind.path(namespace, name))

    def list(
        self, kind: Kind, namespace: str | None = None, selector: str = "", *, is_metadata_only: bool = False
    ) -> Body:
        """A list with its resource version; of each object all, or its metadata.

        Raises:
            ClusterError: It can't be had.
        """
        query = {"labelSelector": selector} if selector else {}
        headers = {"Accept": METADATA_ONLY} if is_metadata_only else {}
        return self._request("list", "GET", kind.path(namespace), query=query, headers=headers)

    def create(self, kind: Kind, namespace: str, manifest: Body) -> Body:
        """Makes an object.

        Raises:
            ConflictError: There is one of that name.
            ClusterError: It can't be made.
        """
        query = {"fieldManager": self.manager}
        verb = "event" if kind == EVENTS else "create"  # told apart, since events are not what work costs
        return self._request(verb, "POST", kind.path(namespace), manifest, query=query)

    def apply(self, kind: Kind, namespace: str, manifest: Body, subresource: str | None = None) -> Body:
        """Makes an object's fields as in the manifest, by server-side apply; fields of others stay.

        Raises:
            ClusterError: It can't be applied.
        """
        path = kind.path(namespace, manifest["metadata"]["name"], subresource)
        query = {"fieldManager": self.manager, "force": "true"}
        return self._request("apply", "PATCH", path, manifest, query=query, headers={"Content-Type": APPLY})

    def merge(self, kind: Kind, namespace: str, name: str, changes: Body) -> Body:
        """Changes fields of an object.

        Raises:
            ClusterError: It can't be changed.
        """
        path = kind.path(namespace, name)
        return self._request(
            "patch", "PATCH", path, changes, query={"fieldManager": self.manager}, headers={"Content-Type": MERGE}
        )

    def replace(self, kind: Kind, namespace: str, manifest: Body) -> Body:
        """Replaces an object that must still have the manifest's resource version.

        Raises:
            ConflictError: It has changed.
            ClusterError: It can't be replaced.
        """
        return self._request("update", "PUT", kind.path(namespace, manifest["metadata"]["name"]), manifest)

    def delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str | None = None, grace_seconds: int | None = None
    ) -> None:
        """Deletes an object, and in the background what it owns.

        Args:
            kind: Its kind.
            namespace: Its namespace.
            name: Its name.
            uid: Which object of that name is meant; another one is left alone.
            grace_seconds: In place of the object's own; 0 removes a pod without its node's word.

        Raises:
            MissingError: There is none.
            ConflictError: There is another one of that name.
            ClusterError: It can't be deleted.
        """
        options: dict[str, object] = {"propagationPolicy": "Background"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        self._request("delete", "DELETE", kind.path(namespace, name), options)

    def watch(
        self, kind: Kind, namespace: str | None, selector: str, version: str, *, seconds: int
    ) -> Iterator[tuple[str, Body]]:
        """Events of a list since a resource version: their types and objects; ends after some seconds.

        Raises:
            MissingError: That version is too old; list anew.
            ClusterError: The API server can't be reached.
        """
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "labelSelector": selector,
            "timeoutSeconds": str(seconds),
        }
        target = _target(kind.path(namespace), query)
        answer = self._send("GET", target, None, read_seconds=seconds + 10, is_stream=True)
        request = f"watch {kind.plural}"
        try:
            if answer.status != 200:
                raise failure_of(request, answer)
            self._observer("watch", answer.status, 0.0)
            for line in lines_of(answer):
                event = document_of(request, answer, line)
                if event["type"] == "ERROR":
                    raise cluster_error(
                        request, int(event["object"].get("code") or 0), str(event["object"].get("message"))
                    )
                yield event["type"], event["object"]
        except HTTPError as error:
            raise UnavailableError(request, 0, str(error)) from error
        finally:
            answer.close()

    def text(self, path: str, query: Mapping[str, str], *, follow: bool = False) -> Iterator[bytes]:
        """A text such as a log, in pieces as they come.

        Raises:
            ClusterError: It can't be had.
        """
        seconds = None if follow else _ANSWER_SECONDS
        answer = self._send("GET", _target(path, query), None, read_seconds=seconds, is_stream=True)
        try:
            if answer.status != 200:
                raise failure_of(f"get {path}", answer)
            yield from answer.stream(amt=None if follow else 65536)
        except HTTPError as error:
            raise UnavailableError(f"get {path}", 0, str(error)) from error
        finally:
            answer.close()

    def _request(
        self,
        verb: str,
        method: Method,
        path: str,
        body: Body | None = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Body:
        if method != "GET" and not self._may_write():
            raise LeadershipLostError(f"{verb} {path}: not sent, because another replica leads now")
        started_at = time.monotonic()
        status = 0
        try:
            target = _target(path, query)
            answer = self._send(method, target, body, headers, read_seconds=_ANSWER_SECONDS)
            status = answer.status
        finally:
            self._observer(verb, status, time.monotonic() - started_at)
        if status >= 300:
            raise failure_of(f"{verb} {path}", answer)
        return document_of(f"{verb} {path}", answer, answer.data)

    def _send(
        self,
        method: Method,
        target: str,
        body: Body | None,
        headers: Mapping[str, str] | None = None,
        *,
        read_seconds: float | None,
        is_stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        usual = {"Accept": JSON, "Content-Type": JSON, **self._connection.headers()}
        try:
            return self._connection.pool.request(
                method,
                f"{self._connection.host}{target}",
                body=None if body is None else json.dumps(body, default=str).encode(),
                headers={**usual, **(headers or {})},
                timeout=urllib3.Timeout(connect=_CONNECT_SECONDS, read=read_seconds),
                retries=False,
                preload_content=not is_stream,
            )
        except HTTPError as error:
            raise UnavailableError(f"{method} {target.partition('?')[0]}", 0, str(error)) from error


def _target(path: str, query: Mapping[str, str] | None) -> str:
    return f"{path}?{urlencode(query)}" if query else path
