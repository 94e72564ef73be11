"""An API server for tests of what talks to one: in memory, on a free port of the loopback interface, for every kind there is.

It keeps Kubernetes' promises about names, versions, preconditions, lists and watches, and validates nothing. A test reads what
was asked of it, and lets requests fail.
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qsl, urlsplit

import urllib3
from kubernetes.client.configuration import Configuration

from bionemo_operator.cluster.credentials import Connection
from bionemo_operator.cluster.kinds import Kind
from testkit.api_objects import ApiObjects, Body, RefusedError, discovery, place_of

LOG = "a line\nanother line\n"
"""Of every pod."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: dict[str, str]
    body: Any
    """None when there was none."""
    content_type: str
    authorization: str


@dataclass(slots=True, kw_only=True)
class _Failure:
    refusal: RefusedError
    method: str
    path: str
    """Part of a path."""
    times: int


@dataclass(slots=True)
class ApiStandIn:
    """What the test sees of the API server."""

    objects: ApiObjects = field(default_factory=ApiObjects)
    requests: list[Request] = field(default_factory=list)
    """Everything that was asked, in order."""
    port: int = 0
    longest_watch_seconds: float = 600
    """When watches end at the latest, whatever they ask for."""
    breaks_watches: bool = False
    """Whether watches break off instead of ending properly."""
    _failures: list[_Failure] = field(default_factory=list)

    def fail(
        self,
        status: int,
        message: str = "",
        *,
        method: str = "",
        path: str = "",
        times: int = 1,
        headers: Body | None = None,
    ) -> None:
        """Answers the next requests of a method on a path so; 0 breaks the connection instead."""
        refusal = RefusedError(status, message, headers or {})
        self._failures.append(_Failure(refusal=refusal, method=method, path=path, times=times))

    def connection(self, **facts: object) -> Connection:
        """How a client reaches it; facts: fields of the configuration such as api_key."""
        configuration = Configuration()
        configuration.host = f"http://127.0.0.1:{self.port}/"
        for name, value in facts.items():
            setattr(configuration, name, value)
        return Connection(configuration=configuration, pool=urllib3.PoolManager(maxsize=16), namespace="default")

    def asked(self, method: str, kind: Kind) -> list[Request]:
        """Requests of a method that were about a kind."""
        root = kind.path().removesuffix(kind.plural)
        return [
            one
            for one in self.requests
            if one.method == method and one.path.startswith(root) and kind.plural in one.path.split("/")
        ]

    def refusal_of(self, request: Request) -> RefusedError | None:
        """How a request fails, if a test wants it to."""
        for failure in self._failures:
            if failure.times and failure.method in ("", request.method) and failure.path in request.path:
                failure.times -= 1
                return failure.refusal
        return None


@contextmanager
def api_stand_in() -> Iterator[ApiStandIn]:
    """Runs one until the block is left."""
    api = ApiStandIn()
    server = _Server(api)
    api.port = int(server.server_address[1])
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.01}, name="API stand-in", daemon=True
    ).start()
    try:
        yield api
    finally:
        api.objects.end_watches()
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: ApiStandIn) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def _api(self) -> ApiStandIn:
        return cast("_Server", self.server).api

    def _answer(self) -> None:
        request = self._request()
        self._api.requests.append(request)
        try:
            if refusal := self._api.refusal_of(request):
                raise refusal
            if request.query.get("watch"):
                self._stream(request)
            else:
                self._send(200, _known(request.path) or self._result(request))
        except RefusedError as refusal:
            if refusal.status:
                self._send(refusal.status, refusal.body, refusal.headers)
            else:
                self.close_connection = True

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815 - the library's own names

    def _request(self) -> Request:
        target = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return Request(
            method=self.command,
            path=target.path,
            query=dict(parse_qsl(target.query)),
            body=json.loads(raw) if raw else None,
            content_type=self.headers.get("Content-Type", ""),
            authorization=self.headers.get("Authorization", ""),
        )

    def _result(self, request: Request) -> Body:
        place, objects = place_of(request.path), self._api.objects
        match request.method:
            case "GET" if place.name:
                return objects.get(place)
            case "GET":
                return objects.list(place, request.query.get("labelSelector", ""))
            case "POST":
                return objects.create(place, request.body)
            case "PATCH" if "apply" in request.content_type:
                return objects.apply(place, request.body)
            case "PATCH":
                return objects.merge(place, request.body)
            case "PUT":
                return objects.replace(place, request.body)
            case _:
                return objects.delete(place, request.body or {})

    def _stream(self, request: Request) -> None:
        query = request.query
        seconds = min(float(query.get("timeoutSeconds") or 600), self._api.longest_watch_seconds)
        since = int(query.get("resourceVersion") or 0)
        place, deadline = place_of(request.path), time.monotonic() + seconds
        events = self._api.objects.watch(place, query.get("labelSelector", ""), since, deadline)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for type_, body in events:
            line = json.dumps({"type": type_, "object": body}).encode() + b"\n"
            # Two pieces for each event, as a network may cut it.
            for piece in (line[:10], line[10:]):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if self._api.breaks_watches:
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _send(self, status: int, body: Body | str, headers: Body | None = None) -> None:
        text = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        usual = {"Content-Type": "application/json", "Content-Length": str(len(text))}
        for name, value in {**usual, **(headers or {})}.items():
            self.send_header(name, value)
        self.close_connection = "Content-Length" in (headers or {})  # a lie, after which nothing can follow
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Nothing: tests read the requests."""


def _known(path: str) -> Body | str | None:
    """What is answered the same at any time: logs of pods, and which kinds there are."""
    return LOG if path.endswith("/log") else discovery(path)
