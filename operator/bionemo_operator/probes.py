"""`/metrics`, `/healthz` and `/readyz`, on a port of their own. Health is judged, not assumed: what is stuck is named."""

import json
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

type Faults = Callable[[], Mapping[str, str]]
"""What is wrong now, by what it is wrong with; empty when nothing is."""


class ProbeServer:
    """Answers the kubelet and Prometheus, in threads of its own."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, *, health: Faults, readiness: Faults) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(registry, health, readiness))
        self._server.daemon_threads = True

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begins to answer."""
        threading.Thread(target=self._server.serve_forever, name="probes", daemon=True).start()

    def stop(self) -> None:
        """Stops to answer."""
        self._server.shutdown()
        self._server.server_close()


def _handler(registry: CollectorRegistry, health: Faults, readiness: Faults) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/metrics":
                    self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))
                case "/healthz":
                    self._judge(health())
                case "/readyz":
                    self._judge(readiness())
                case _:
                    self.send_error(HTTPStatus.NOT_FOUND, explain="There are /metrics, /healthz and /readyz.")

        def _judge(self, faults: Mapping[str, str]) -> None:
            status = HTTPStatus.SERVICE_UNAVAILABLE if faults else HTTPStatus.OK
            self._answer(status, "application/json", json.dumps({"faults": dict(faults)}).encode())

        def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: one line per probe would drown the log."""

    return Handler
