"""Rank 0 is asked how far it is; what does not answer as our trainer would is unknown."""

import contextlib
import socket
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bionemo_operator.cluster.progress import MOST_BYTES, ProgressReader
from bionemo_trainer.contract import Progress, progress_to_json

pytestmark = pytest.mark.enable_socket
NOON = 1_700_000_000
PROGRESS = Progress(phase="Stepping", attempt=1, step=3, max_steps=9, consumed_samples=24, updated_at=NOON - 5.0)
DATE = formatdate(NOON, usegmt=True)
BODY = progress_to_json(PROGRESS).encode()


@pytest.fixture
def answering():
    """Start to answer with a body, a status and a date; the result is a reader of that port."""
    started = []

    def start(body=BODY, status=200, date=DATE, host="127.0.0.1"):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response_only(status if self.path == "/progress" else 404)
                if date:
                    self.send_header("Date", date)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(HTTPServer):
            address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

        server = Server((host, 0), Handler)
        reader = ProgressReader(server.server_address[1], timeout_seconds=10)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        started.append(server)
        return reader

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"], ids=["IPv4", "IPv6"])
def test_an_answer_is_a_reading(answering, host):
    reading = answering(host=host).read(host)
    assert reading.progress == PROGRESS
    assert reading.read_at.microsecond == 0


def test_a_stall_is_measured_by_the_clock_of_the_pod(answering):
    assert answering().read("127.0.0.1").stalled_seconds == 5.0
    assert answering(date=formatdate(NOON - 60, usegmt=True)).read("127.0.0.1").stalled_seconds == 0.0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"body": b"hello"}, id="no JSON"),
        pytest.param({"body": b"{}"}, id="other JSON"),
        pytest.param({"body": b"\xff"}, id="no text"),
        pytest.param({"body": b" " * MOST_BYTES + BODY}, id="too much"),
        pytest.param({"status": 500}, id="a failure"),
        pytest.param({"date": None}, id="no date"),
        pytest.param({"date": "yesterday"}, id="a date that is none"),
    ],
)
def test_another_answer_is_no_reading(answering, answer):
    assert answering(**answer).read("127.0.0.1") is None


def test_an_answer_without_end_is_cut_off(answering):
    with pytest.raises(ValueError, match=f"^an answer of more than {MOST_BYTES} bytes$"):
        answering(body=b" " * MOST_BYTES)._exchange("127.0.0.1")


def test_a_pod_that_answers_byte_by_byte_holds_nobody_up():
    listener = socket.create_server(("127.0.0.1", 0))

    def trickle():
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            while True:
                connection.sendall(b"H")
                time.sleep(0.01)

    threading.Thread(target=trickle, daemon=True).start()
    started_at = time.monotonic()
    assert ProgressReader(listener.getsockname()[1], timeout_seconds=0.2).read("127.0.0.1") is None
    assert time.monotonic() - started_at < 5
    listener.close()


def test_no_answer_is_no_reading():
    assert ProgressReader(1, timeout_seconds=10).read("127.0.0.1") is None
