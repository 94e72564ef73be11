"""Where the seconds between a launch and the first step go. Marked by `train` and `module`; no clock but the machine's.

Each attempt of a training pays them again, so they are told: in the log, and to Prometheus.
"""

import time
from typing import Literal, get_args

import psutil

type StartupPhase = Literal["launcher", "imports", "rendezvous", "data", "network", "loop", "first step"]
"""In this order: the launcher's own start; interpreter, libraries and configuration of the rank; meeting the other ranks; folder
and index of the data; network, optimizer and checkpoint; loaders and the validation that only tries itself out; the first
update, with all that is compiled for it."""

STARTUP_PHASES: tuple[StartupPhase, ...] = get_args(StartupPhase.__value__)


class Startup:
    """The durations of one start, in one process."""

    def __init__(self, launched_at: float | None) -> None:
        """Takes what has passed already.

        Args:
            launched_at: When the launcher began, in seconds since the epoch; None when there was none.
        """
        began_at = process_began_at()
        self.seconds: dict[StartupPhase, float] = {}
        """Of each phase that has ended."""
        self._since = began_at if launched_at is None else launched_at
        if launched_at is not None:
            self._end("launcher", began_at)

    def ended(self, phase: StartupPhase) -> None:
        """A phase ends now, and the next one begins; what ends again, as in a test after the training, is left as it was."""
        if phase not in self.seconds:
            self._end(phase, time.time())

    @property
    def is_over(self) -> bool:
        """Whether the first step has ended."""
        return STARTUP_PHASES[-1] in self.seconds

    def __str__(self) -> str:
        parts = ", ".join(f"{phase} {seconds:.1f}" for phase, seconds in self.seconds.items())
        return f"{sum(self.seconds.values()):.1f} s ({parts})"

    def _end(self, phase: StartupPhase, now: float) -> None:
        self.seconds[phase] = max(now - self._since, 0.0)
        self._since = now


def process_began_at() -> float:
    """When this process began, in seconds since the epoch."""
    return float(psutil.Process().create_time())
