"""What rank 0 tells the world while it trains: `/metrics` for Prometheus, `/progress` as JSON, and lines of the log.

Made by `train`, fed by `module` and `checkpointing`. A port that is taken never stops a training.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from bionemo_trainer.contract import Phase, Progress, SavedCheckpoint, progress_to_json
from bionemo_trainer.training.metrics import MEASURES, TrainingMetrics

_log = logging.getLogger(__name__)


class Reporter:
    """Holds the newest progress and serves it; all methods may be called from any thread."""

    def __init__(self, *, attempt: int, step: int, max_steps: int, consumed_samples: int) -> None:
        self.metrics = TrainingMetrics()
        self.metrics.max_steps.set(max_steps)
        self.metrics.attempt.set(attempt)
        self.metrics.step.set(step)
        self.metrics.consumed_samples.set(consumed_samples)
        self._safe_since = time.time()
        self.metrics.checkpoint_age.set_function(lambda: time.time() - self._safe_since)
        self._lock = threading.Lock()
        self._progress = Progress(
            phase="Starting",
            attempt=attempt,
            step=step,
            max_steps=max_steps,
            consumed_samples=consumed_samples,
            updated_at=time.time(),
            start_step=step,
        )
        self._server: ThreadingHTTPServer | None = None

    @property
    def progress(self) -> Progress:
        """The newest."""
        with self._lock:
            return self._progress

    def enter(self, phase: Phase) -> None:
        """Says what the training does from now on."""
        self.metrics.phase.state(phase)
        with self._lock:
            self._progress = replace(self._progress, phase=phase, updated_at=time.time())

    def stepped(self, step: int, consumed_samples: int) -> None:
        """A step ended."""
        self.metrics.step.set(step)
        self.metrics.steps.inc()
        self.metrics.consumed_samples.set(consumed_samples)
        with self._lock:
            self._progress = replace(
                self._progress, phase="Stepping", step=step, consumed_samples=consumed_samples, updated_at=time.time()
            )

    def logged(
        self, *, step: int, train_loss: float, samples_per_second: float, tokens_per_second: float, eta_seconds: float
    ) -> None:
        """The figures since the last log, which ends with this step."""
        _log.info(
            "step %d of %d: loss %.4f, %s samples/s, %s tokens/s, %s left",
            step,
            self._progress.max_steps,
            train_loss,
            f"{samples_per_second:,.1f}",
            f"{tokens_per_second:,.0f}",
            timedelta(seconds=round(eta_seconds)),
        )
        self.metrics.train_loss.set(train_loss)
        self.metrics.samples_per_second.set(samples_per_second)
        self.metrics.tokens_per_second.set(tokens_per_second)
        with self._lock:
            self._progress = replace(
                self._progress,
                train_loss=train_loss,
                samples_per_second=samples_per_second,
                tokens_per_second=tokens_per_second,
                eta_seconds=eta_seconds,
            )

    def validated(self, found: Mapping[str, float]) -> None:
        """A validation ended, and found this, under BioNeMo's names."""
        _log.info("validation: %s", ", ".join(f"{name} {value:.4f}" for name, value in found.items()))
        loss = found["val_loss"]
        self.metrics.validation_loss.set(loss)
        self.metrics.validation_perplexity.set(found["val_perplexity"])
        for measure in MEASURES:
            if (share := found.get(f"val_{measure}")) is not None:
                self.metrics.validation_ratio.labels(measure).set(share)
        with self._lock:
            self._progress = replace(self._progress, validation_loss=loss, updated_at=time.time())

    def saved(self, checkpoint: SavedCheckpoint, seconds: float | None = None) -> None:
        """A checkpoint was committed, or found at the start."""
        self.metrics.saved_step.set(checkpoint.step)
        self.metrics.saved_bytes.set(checkpoint.size_bytes)
        self._safe_since = checkpoint.saved_at
        if seconds is not None:
            megabytes = checkpoint.size_bytes / 1e6
            _log.info("saved %s of step %d: %.1f MB in %.1f s", checkpoint.path, checkpoint.step, megabytes, seconds)
            self.metrics.save_seconds.observe(seconds)
        with self._lock:
            self._progress = replace(self._progress, checkpoint=checkpoint, updated_at=time.time())

    def serve(self, host: str, port: int) -> int | None:
        """Starts to answer in threads of its own; the port that it listens on, or None when it can't be had."""
        try:
            self._server = ThreadingHTTPServer((host, port), _handler_for(self))
        except OSError as error:
            _log.warning("progress is not served: port %s can't be used (%s)", port, error.strerror)
            return None
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="progress", daemon=True).start()
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stops to answer."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


def _handler_for(reporter: Reporter) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            bodies: Mapping[str, Callable[[], tuple[str, bytes]]] = {
                "/metrics": lambda: (CONTENT_TYPE_LATEST, generate_latest(reporter.metrics.registry)),
                "/progress": lambda: ("application/json", progress_to_json(reporter.progress).encode()),
            }
            path = self.path.partition("?")[0]  # an API server that passes a request on may add to it
            if path not in bodies:
                self.send_error(HTTPStatus.NOT_FOUND, explain="There are /metrics and /progress.")
                return
            content_type, body = bodies[path]()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: one line per poll would drown the log."""

    return Handler
