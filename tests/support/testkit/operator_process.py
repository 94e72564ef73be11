"""The operator as a real process against a cluster, for tests: started, killed, asked for its metrics."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from testkit.cluster_processes import free_ports
from testkit.cluster_waiting import PATIENCE_SECONDS, eventually


@dataclass(kw_only=True)
class OperatorProcess:
    """One replica."""

    kubeconfig: Path
    identity: str = "operator-0"
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further settings, without the prefix of their variables."""
    port: int = 0
    _process: subprocess.Popen[bytes] | None = None

    def start(self, well: str = "/readyz") -> None:
        """Starts it and waits until it answers well.

        Args:
            well: Path of the probe that must succeed.
        """
        (self.port,) = free_ports(1)
        given = {
            "METRICS_HOST": "127.0.0.1",
            "METRICS_PORT": str(self.port),
            "IDENTITY": self.identity,
            "LEASE_SECONDS": "3",
            "LOG_FORMAT": "text",
            "TRAINER_IMAGE": "trainer:1",
            **self.settings,
        }
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            **{f"BIONEMO_OPERATOR_{name}": value for name, value in given.items()},
        }
        self._process = subprocess.Popen([sys.executable, "-m", "bionemo_operator"], env=environment)
        assert eventually(lambda: self._answers(well)), "the operator does not answer"

    def kill(self) -> None:
        """Ends it without a chance to say anything."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Asks it to end, and returns its exit code."""
        return self._end(signal.SIGTERM)

    def ended(self, within_seconds: float = PATIENCE_SECONDS) -> int:
        """Waits until it ends by itself, and returns its exit code."""
        assert self._process is not None, "it was started"
        code = self._process.wait(timeout=within_seconds)
        self._process = None
        return code

    def get(self, path: str) -> str:
        """What it answers on its own port."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            body: bytes = answer.read()
        return body.decode()

    def metric(self, sample: str) -> float | None:
        """Value of a sample, such as `bionemo_operator_leads`; None when it is not exposed."""
        lines = (line.rpartition(" ") for line in self.get("/metrics").splitlines())
        return next((float(value) for name, _, value in lines if name == sample), None)

    def _answers(self, path: str) -> bool:
        try:
            self.get(path)
        except OSError:
            return False
        return True

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(timeout=PATIENCE_SECONDS)
        self._process = None
        return code
