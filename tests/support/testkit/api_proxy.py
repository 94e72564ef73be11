"""Stands between a client and a real API server, and does to requests what networks and busy servers do to them.

The client speaks plain HTTP on the loopback interface; the way on to the API server is as secure as ever.
"""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import cast

import urllib3
import yaml
from urllib3.exceptions import HTTPError

from bionemo_operator.cluster.credentials import Connection, connect

_FORWARDED = ("Accept", "Content-Type")
_RETURNED = ("Content-Type", "Retry-After")


@dataclass(slots=True, kw_only=True)
class Fault:
    """What happens to some requests."""

    method: str
    path: str
    """Part of it."""
    is_watch: bool
    times: int
    """How often it happens still."""
    status: int
    """What is answered; 0 breaks the connection instead."""
    headers: dict[str, str]
    is_sent: bool
    """Whether the API server hears of the request first; its answer is lost then."""


@dataclass(slots=True)
class ApiProxy:
    """What the test sees of it."""

    connection: Connection
    """To the API server."""
    kubeconfig: Path
    """Leads here."""
    created: list[str] = field(default_factory=list)
    """Paths of all objects that the API server has made, in order."""
    delay_seconds: float = 0.0
    """Before each answer, and each piece of a watch."""
    flows: threading.Event = field(default_factory=threading.Event)
    """While it is cleared, watches are silent."""
    _faults: list[Fault] = field(default_factory=list)
    _streams: set["_Handler"] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(
        self,
        status: int,
        *,
        method: str = "",
        path: str = "",
        is_watch: bool = False,
        times: int = 1,
        headers: dict[str, str] | None = None,
        is_sent: bool = False,
    ) -> Fault:
        """Lets the next requests fail so."""
        fault = Fault(
            method=method,
            path=path,
            is_watch=is_watch,
            times=times,
            status=status,
            headers=headers or {},
            is_sent=is_sent,
        )
        with self._lock:
            self._faults.append(fault)
        return fault

    def fault_of(self, method: str, path: str, *, is_watch: bool) -> Fault | None:
        """What happens to a request; None lets it through."""
        with self._lock:
            for fault in self._faults:
                if fault.times and fault.is_watch == is_watch and fault.method in ("", method) and fault.path in path:
                    fault.times -= 1
                    return fault
        return None

    def break_watches(self) -> int:
        """Cuts all watches off in the middle; how many there were."""
        with self._lock:
            streams = [*self._streams]
        return sum(stream.cut() for stream in streams)

    def expire_watches(self) -> int:
        """Ends all watches as when their version has been forgotten; how many there were."""
        with self._lock:
            streams = [*self._streams]
        status = _status(410, "too old resource version")
        event = json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"
        return sum(stream.cut(event) for stream in streams)

    def heal(self) -> None:
        """Lets everything through again."""
        with self._lock:
            self._faults.clear()
        self.delay_seconds = 0.0
        self.flows.set()

    @contextmanager
    def streaming(self, stream: "_Handler") -> Iterator[None]:
        """A watch is open until the block is left."""
        with self._lock:
            self._streams.add(stream)
        try:
            yield
        finally:
            with self._lock:
                self._streams.discard(stream)


@contextmanager
def api_proxy(kubeconfig: Path, folder: Path) -> Iterator[ApiProxy]:
    """Runs one until the block is left.

    Args:
        kubeconfig: Of the API server.
        folder: For the kubeconfig that leads here.
    """
    proxy = ApiProxy(connect(kubeconfig=str(kubeconfig), connections=64), folder / "kubeconfig")
    proxy.flows.set()
    server = _Server(proxy)
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{server.server_address[1]}"}}],
        "users": [{"name": "nobody", "user": {}}],
        "contexts": [{"name": "proxy", "context": {"cluster": "proxy", "user": "nobody"}}],
        "current-context": "proxy",
    }
    proxy.kubeconfig.write_text(yaml.safe_dump(document), encoding="utf-8")
    threading.Thread(target=server.serve_forever, name="API proxy", daemon=True).start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        proxy.connection.pool.clear()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, proxy: ApiProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    @property
    def _proxy(self) -> ApiProxy:
        return cast("_Server", self.server).proxy

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        is_watch = "watch=" in self.path
        fault = self._proxy.fault_of(self.command, self.path, is_watch=is_watch)
        if fault is None or fault.is_sent:
            answer = self._asked(body)
            if fault is None:
                self._forward(answer, is_watch=is_watch)
                return
            self._proxy_made(answer, answer.read())
        if fault.status:
            self._send(fault.status, fault.headers, json.dumps(_status(fault.status, "injected")).encode())
        else:
            self.cut()

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _answer  # noqa: N815 - the library's own names

    def say(self, piece: bytes) -> None:
        """Sends a piece of a stream."""
        self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))

    def cut(self, last_words: bytes = b"") -> bool:
        """Breaks the connection off, after a last piece of its stream; whether it was still there."""
        self.close_connection = True
        try:
            if last_words:
                self.say(last_words)
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return False
        return True

    def _asked(self, body: bytes) -> urllib3.BaseHTTPResponse:
        connection = self._proxy.connection
        headers = {name: self.headers[name] for name in _FORWARDED if name in self.headers}
        return connection.pool.request(
            self.command,
            f"{connection.host}{self.path}",
            body=body or None,
            headers={**headers, **connection.headers()},
            retries=False,
            preload_content=False,
        )

    def _forward(self, answer: urllib3.BaseHTTPResponse, *, is_watch: bool) -> None:
        time.sleep(self._proxy.delay_seconds)
        headers = {name: answer.headers[name] for name in _RETURNED if name in answer.headers}
        if is_watch and answer.status == 200:
            with self._proxy.streaming(self):
                self._stream(answer, headers)
            return
        body = answer.read()
        self._proxy_made(answer, body)
        self._send(answer.status, headers, body)

    def _proxy_made(self, answer: urllib3.BaseHTTPResponse, body: bytes) -> None:
        if self.command == "POST" and answer.status == 201:
            self._proxy.created.append(f"{self.path.partition('?')[0]}/{json.loads(body)['metadata']['name']}")

    def _stream(self, answer: urllib3.BaseHTTPResponse, headers: dict[str, str]) -> None:
        self.send_response(answer.status)
        for name, value in {**headers, "Transfer-Encoding": "chunked"}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            for piece in answer.stream(amt=None):
                self._proxy.flows.wait()
                time.sleep(self._proxy.delay_seconds)
                self.say(piece)
            self.wfile.write(b"0\r\n\r\n")
        except (OSError, HTTPError):
            self.close_connection = True  # one of the two has gone
        finally:
            answer.close()

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing: the operator's metrics tell what happened."""


def _status(code: int, message: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "message": message}
