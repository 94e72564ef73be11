"""Waiting for what controllers do in their own time."""

import time
from collections.abc import Callable

_POLL_SECONDS = 0.2


def eventually[Answer](question: Callable[[], Answer], within_seconds: float = 30) -> Answer:
    """Asks until the answer is truthy, or the time is up, and returns the last answer: assert on it."""
    deadline = time.monotonic() + within_seconds
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    return answer
