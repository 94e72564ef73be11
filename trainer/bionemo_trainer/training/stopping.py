"""The wish to stop: SIGTERM from Kubernetes or the launcher, or the end of `trainer.max_time`. Read by `module` at every step.

A wish of one rank becomes a decision of all when the ranks next sum their counts, so that all save the same step.
"""

import signal
import time
from types import FrameType


class StopWish:
    """Whether this rank has been asked to stop."""

    def __init__(self) -> None:
        self._is_made = False
        self._ends_at: float | None = None

    def limit(self, max_time: str | None) -> None:
        """Makes the wish when a time, `DD:HH:MM:SS` from now on, is over; None never does."""
        self._ends_at = None if max_time is None else time.monotonic() + seconds_of(max_time)

    def listen(self) -> None:
        """Takes SIGTERM over from Lightning, whose handler would raise on one rank before the others know."""
        signal.signal(signal.SIGTERM, self._hear)

    def is_made(self) -> bool:
        """Whether to stop after the next step."""
        return self._is_made or (self._ends_at is not None and time.monotonic() >= self._ends_at)

    def _hear(self, _signal: int, _frame: FrameType | None) -> None:
        self._is_made = True


def seconds_of(duration: str) -> int:
    """`01:02:03:04` is one day, two hours, three minutes and four seconds."""
    days, hours, minutes, seconds = map(int, duration.split(":"))
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
