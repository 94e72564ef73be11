"""The kubelet and Prometheus get their answers, and what is stuck is named."""

import http.client
import json

import pytest
from prometheus_client import CollectorRegistry, Gauge

from bionemo_operator.probes import ProbeServer

pytestmark = pytest.mark.enable_socket
HOST = "127.0.0.1"


@pytest.fixture
def faults():
    return {}


@pytest.fixture
def server(faults):
    registry = CollectorRegistry()
    Gauge("answer", "Of all questions.", registry=registry).set(42)
    server = ProbeServer(HOST, 0, registry, health=lambda: faults, readiness=lambda: {"event loop": "not begun"})
    server.start()
    yield server
    server.stop()


def get(server, path):
    connection = http.client.HTTPConnection(HOST, server.port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()
    finally:
        connection.close()


def test_who_is_well_says_so(server):
    assert get(server, "/healthz") == (200, "application/json", '{"faults": {}}')


def test_what_is_stuck_is_named(server, faults):
    faults["pass"] = "for 200 seconds"
    status, _, body = get(server, "/healthz?verbose")
    assert (status, json.loads(body)) == (503, {"faults": {"pass": "for 200 seconds"}})


def test_readiness_is_judged_apart_from_health(server):
    assert get(server, "/readyz")[0] == 503


def test_metrics_are_served(server):
    status, content_type, body = get(server, "/metrics")
    assert status == 200
    assert content_type.startswith("text/plain")
    assert "answer 42.0" in body


def test_other_paths_are_answered_with_those_there_are(server):
    status, _, body = get(server, "/")
    assert status == 404
    assert "There are /metrics, /healthz and /readyz." in body
