"""Waiting for what controllers do in their own time."""

import time
from collections.abc import Callable

_FIRST_POLL_SECONDS = 0.1
_LONGEST_POLL_SECONDS = 0.5
"""A question often starts a process, and a wait may last minutes: so it is asked less often as time goes by."""
_GROWTH = 1.2
PATIENCE_SECONDS = 180.0
"""Many times what anything takes on an idle machine: busy ones have been seen to take ten times as long."""
PATIENTLY = f"--timeout={PATIENCE_SECONDS:.0f}s"
"""The same for `kubectl wait`."""


def eventually[Answer](question: Callable[[], Answer], within_seconds: float = PATIENCE_SECONDS) -> Answer:
    """Asks until the answer is truthy, or the time is up, and returns the last answer: assert on it."""
    deadline = time.monotonic() + within_seconds
    pause_seconds = _FIRST_POLL_SECONDS
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(pause_seconds)
        pause_seconds = min(pause_seconds * _GROWTH, _LONGEST_POLL_SECONDS)
    return answer
