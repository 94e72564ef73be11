"""Weights & Biases in a thread of its own: a wrong key, a dead network or a missing package never blocks or stops a training.

Made by `experiment`. What the thread can't send in time is dropped and counted.
"""

import argparse
import importlib
import logging
import queue
import threading
from collections.abc import Mapping
from typing import Any

from lightning.pytorch.loggers import Logger

from bionemo_trainer.config.schema.experiment import WandbConfig

_log = logging.getLogger(__name__)
_MOST_WAITING = 1000
"""Log lines that may wait for the network."""
CLOSING_SECONDS = 15.0
"""How long the end of a training waits for what is still on its way."""


class WandbLogger(Logger):
    """Sends metrics if it can."""

    def __init__(self, settings: WandbConfig, folder: str, *, closing_seconds: float = CLOSING_SECONDS) -> None:
        super().__init__()
        self._settings, self._folder, self._closing_seconds = settings, folder, closing_seconds
        self._waiting: queue.Queue[tuple[Mapping[str, float], int] | None] = queue.Queue(_MOST_WAITING)
        self._num_dropped = 0
        self._thread = threading.Thread(target=self._send, name="wandb", daemon=True)
        self._thread.start()

    @property
    def name(self) -> str | None:
        """Project of the run."""
        return self._settings.project

    @property
    def version(self) -> str | None:
        """Name of the run."""
        return self._settings.name

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Hands metrics to the thread, or drops them when it is too far behind."""
        try:
            self._waiting.put_nowait((dict(metrics), step or 0))
        except queue.Full:
            self._num_dropped += 1

    def log_hyperparams(self, params: dict[str, Any] | argparse.Namespace, *_: Any, **__: Any) -> None:  # noqa: ANN401 - Lightning's signature
        """Nothing: the configuration is in the run's folder."""

    def finalize(self, status: str) -> None:
        """Waits a little for what is on its way."""
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            self._num_dropped += 1
        self._thread.join(self._closing_seconds)
        if self._thread.is_alive() or self._num_dropped:
            _log.warning("weights & biases did not take everything (%s); the run's own files have it", status)

    def _send(self) -> None:
        try:
            wandb = importlib.import_module("wandb")
            settings = self._settings
            run = wandb.init(
                project=settings.project,
                name=settings.name,
                group=settings.group,
                job_type=settings.job_type,
                notes=settings.notes,
                tags=settings.tags,
                mode="offline" if settings.offline else "online",
                dir=self._folder,
            )
            while (item := self._waiting.get()) is not None:
                run.log(item[0], step=item[1])
            run.finish()
        except Exception as error:
            _log.warning("weights & biases is off: %s", error)
