"""A real Prometheus on the loopback interface that scrapes what a test names, and a server of recorded answers to scrape."""

import json
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from testkit.cluster_processes import free_ports
from testkit.cluster_waiting import eventually

type Series = list[tuple[dict[str, str], float]]
"""Labels and value of each sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is scraped as Prometheus in a cluster would."""

    port: int
    labels: Mapping[str, str]
    """Of the pod that answers there, such as its namespace."""
    path: str = "/metrics"
    honors_labels: bool = False
    """Whether labels of series win over those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """One that answers."""

    port: int

    def query(self, expr: str, at: float) -> Series:
        """Samples of an instant query.

        Raises:
            AssertionError: Prometheus does not take it.
        """
        answer = self._get("/api/v1/query", {"query": expr, "time": f"{at:.3f}"})
        assert answer["status"] == "success", answer
        found = answer["data"]["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in found]

    def values(self, selector: str, at: float, seconds: int) -> set[float]:
        """Every value that series had at a scrape of the last seconds.

        Raises:
            AssertionError: Prometheus does not take the selector.
        """
        answer = self._get("/api/v1/query", {"query": f"{selector}[{seconds}s]", "time": f"{at:.3f}"})
        assert answer["status"] == "success", answer
        return {float(value) for series in answer["data"]["result"] for _, value in series["values"]}

    def all_are_up(self) -> bool:
        """Whether every target was scraped."""
        active = self._get("/api/v1/targets", {})["data"]["activeTargets"]
        return bool(active) and all(target["health"] == "up" for target in active)

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/ready", timeout=5):
                return True
        except OSError:
            return False

    def _get(self, path: str, query: Mapping[str, str]) -> Any:
        url = f"http://127.0.0.1:{self.port}{path}?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return {"status": error.read().decode()}


@contextmanager
def prometheus(folder: Path, targets: Mapping[str, Target]) -> Iterator[Prometheus]:
    """Runs one until the block is left.

    Args:
        folder: For its configuration, log and data.
        targets: By name of the job.
    """
    (port,) = free_ports(1)
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": _scraped(targets)}))
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        server = Prometheus(port=port)
        try:
            assert eventually(server.is_ready), (folder / "log").read_text()
            yield server
        finally:
            process.terminate()
            process.wait(timeout=30)


@contextmanager
def recorded_expositions(folder: Path) -> Iterator[int]:
    """Serves the text files of a folder, each at its name, until the block is left; yields the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = (folder / f"{self.path.strip('/')}.txt").read_bytes()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: Prometheus asks every second."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


def _scraped(targets: Mapping[str, Target]) -> list[dict[str, object]]:
    return [
        {
            "job_name": name,
            "metrics_path": target.path,
            "honor_labels": target.honors_labels,
            "static_configs": [{"targets": [f"127.0.0.1:{target.port}"], "labels": dict(target.labels)}],
        }
        for name, target in targets.items()
    ]
