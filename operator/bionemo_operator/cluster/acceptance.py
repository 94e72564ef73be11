"""Whether the API server still knows who asks. A client hears of every answer; `process` ends when it is refused for too long.

Tokens are renewed while a process runs, so one refusal means little. One that lasts does not mend itself: kopf asks for ever
with credentials that it has been refused, and only a new process reads a kubeconfig anew.
"""

import time
from collections.abc import Callable
from http import HTTPStatus


class Acceptance:
    """For how long every answer has been 401."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._refused_at: float | None = None

    def hear(self, status: int) -> None:
        """An answer came; status 0 is none, which says nothing."""
        if status == HTTPStatus.UNAUTHORIZED:
            if self._refused_at is None:
                self._refused_at = self._clock()
        elif status:
            self._refused_at = None

    @property
    def refused_seconds(self) -> float:
        """Since the first of the refusals in a row; 0 when the last answer was none."""
        refused_at = self._refused_at
        return 0.0 if refused_at is None else self._clock() - refused_at
