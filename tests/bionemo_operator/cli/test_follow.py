"""What the ends of nodes mean together, and what is no progress."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bionemo_operator.cli.follow import Ended, progress_at, verdict
from bionemo_trainer.contract import Progress, progress_to_json

PROGRESS = Progress(phase="Stepping", attempt=1, step=3, max_steps=9, consumed_samples=24, updated_at=1.0)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        pytest.param([0, 0], (0, 0), id="success"),
        pytest.param([0, 75], (75, 1), id="stopped"),
        pytest.param([75, 1], (1, 1), id="a failure while stopping"),
        pytest.param([1, 65], (65, 1), id="a final failure explains the others"),
        pytest.param([137, 74], (74, 1), id="a failure explains a kill"),
        pytest.param([75, 137], (137, 1), id="a kill"),
    ],
)
def test_one_node_tells_why_all_ended(codes, expected):
    assert verdict(codes) == expected


@pytest.mark.parametrize(
    ("exit_code", "was_asked", "expected"),
    [(75, False, True), (75, True, True), (137, True, True), (137, False, False), (1, True, False)],
)
def test_a_stop_is_told_from_a_failure(exit_code, was_asked, expected):
    ended = Ended(exit_code=exit_code, rank=0, progress=None, was_asked=was_asked)
    assert ended.was_stopped is expected


@pytest.fixture
def answering():
    """Start to answer with a body; the result is the port."""
    servers = []

    def start(body, status=200):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status)
                self.end_headers()
                self.wfile.write(body if self.path == "/progress" else b"")

            def log_message(self, *_):
                pass

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return servers[-1].server_address[1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.enable_socket
def test_progress_is_what_rank_0_answers(answering, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert progress_at(answering(progress_to_json(PROGRESS).encode())) == PROGRESS


@pytest.mark.enable_socket
@pytest.mark.parametrize(("body", "status"), [(b"hello", 200), (b"{}", 200), (b"\xff", 200), (b"gone", 404)], ids=str)
def test_another_answer_is_no_progress(answering, body, status):
    assert progress_at(answering(body, status)) is None


@pytest.mark.enable_socket
def test_no_answer_is_no_progress():
    assert progress_at(1) is None
