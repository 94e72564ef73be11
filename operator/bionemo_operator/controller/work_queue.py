"""A queue of keys for level-triggered passes: a key waits once however often it is woken, and is worked on once at a time.

Thread-safe; knows nothing of Kubernetes. Time is measured by a monotonic clock that is an argument.
"""

import heapq
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

FIRST_RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 120.0
"""Delay after a failed pass; it doubles with each failure in a row."""
YIELD_SECONDS = 5.0
"""How long a key that comes again at once lets others go first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken[K]:
    """A key that was taken to be worked on."""

    key: K
    waited_seconds: float
    """Since it was due."""


@dataclass(order=True, slots=True)
class _Due[K]:
    at: float
    order: int
    key: K = field(compare=False)
    yields: bool = field(compare=False)
    """Whether it may be worked on earlier, when nothing else is due."""


class WorkQueue[K: Hashable]:
    """Keys with the times at which they are due."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._due: dict[K, float] = {}
        """When each waiting key is due; the heap may also hold times that no longer count."""
        self._heap: list[_Due[K]] = []
        self._order = 0
        self._working: dict[K, float] = {}
        self._failures: dict[K, int] = {}
        self._is_closed = False

    def wake(self, key: K, after_seconds: float = 0.0, *, yields: bool = False) -> None:
        """Makes a key due, no later than it is already.

        Args:
            key: Which.
            after_seconds: When it is due.
            yields: Whether it is taken before that when nothing else is due.
        """
        with self._changed:
            at = self._clock() + after_seconds
            if at < self._due.get(key, float("inf")):
                self._due[key] = at
                self._order += 1
                heapq.heappush(self._heap, _Due(at, self._order, key, yields))
                self._changed.notify()

    def take(self) -> Taken[K] | None:
        """The key that is due first, once it is; None when the queue was closed."""
        with self._changed:
            while not self._is_closed:
                now = self._clock()
                found, wait_seconds = self._first(now)
                if found is not None:
                    self._working[found.key] = now
                    del self._due[found.key]
                    return Taken(key=found.key, waited_seconds=max(now - found.at, 0.0))
                self._changed.wait(wait_seconds)
            return None

    def succeeded(self, key: K, again_after_seconds: float | None = None) -> None:
        """The work on a key is done; it comes again after a while if asked for.

        What comes again at once yields to keys that were woken: one pass over each of a thousand new resources comes before
        the second pass over the first.
        """
        with self._changed:
            self._working.pop(key, None)
            self._failures.pop(key, None)
            self._changed.notify()
        if again_after_seconds == 0.0:
            self.wake(key, YIELD_SECONDS, yields=True)
        elif again_after_seconds is not None:
            self.wake(key, again_after_seconds)

    def failed(self, key: K, least_seconds: float = 0.0) -> None:
        """The work on a key failed; it comes again later, and ever later while it goes on failing."""
        with self._changed:
            self._working.pop(key, None)
            failures = self._failures.get(key, 0)
            self._failures[key] = failures + 1
            self._changed.notify()
        delay = min(FIRST_RETRY_SECONDS * 2.0 ** min(failures, 32), LONGEST_RETRY_SECONDS)
        self.wake(key, max(delay, least_seconds))

    def close(self) -> None:
        """Lets everyone who waits for a key go."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    @property
    def depth(self) -> int:
        """Keys that are due and wait."""
        with self._changed:
            now = self._clock()
            return sum(at <= now for at in self._due.values())

    @property
    def longest_work_seconds(self) -> float:
        """How long the oldest work has been going on."""
        with self._changed:
            return max((self._clock() - started_at for started_at in self._working.values()), default=0.0)

    def _first(self, now: float) -> tuple[_Due[K] | None, float | None]:
        """The key to work on now, or how long to wait for one; keys that are worked on are passed over."""
        passed_over = []
        found, wait_seconds = None, None
        while self._heap:
            first = self._heap[0]
            if self._due.get(first.key) != first.at:
                heapq.heappop(self._heap)  # it was taken, or has become due earlier
            elif first.at > now and not first.yields:
                wait_seconds = first.at - now
                break
            elif first.key in self._working:
                passed_over.append(heapq.heappop(self._heap))
            else:
                found = heapq.heappop(self._heap)
                break
        for due in passed_over:
            heapq.heappush(self._heap, due)
        return found, wait_seconds
