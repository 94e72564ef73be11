"""Writes Kubernetes events behind the work: passes hand them over, and a thread sends them one by one, at a gentle rate.

Events are for people who look on, and conditions say the same. So none delays a pass, and when too many wait, or the API server
does not take one, it is counted and forgotten.
"""

import logging
import queue
import threading
import time

from bionemo_operator.cluster.client import Body, Client
from bionemo_operator.cluster.kinds import EVENTS
from bionemo_operator.errors import ClusterError, LeadershipLostError
from bionemo_operator.metrics import OperatorMetrics

_log = logging.getLogger(__name__)
MOST_WAITING = 4096
"""Events that wait; two for each of two thousand trainings that begin at once. Each takes some 2 kB."""
PAUSE_SECONDS = 0.02
"""Between two events, so that a burst of them does not crowd the work out of the API server."""
DRAIN_SECONDS = 5.0
"""How long a process that ends still writes what waits."""


class EventWriter:
    """Takes events from any thread; writes them in order."""

    def __init__(self, client: Client, metrics: OperatorMetrics, *, most_waiting: int = MOST_WAITING) -> None:
        self._client = client
        self._metrics = metrics
        self._waiting: queue.SimpleQueue[Body | None] = queue.SimpleQueue()
        self._most_waiting = most_waiting
        self._drain_until = float("inf")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    @property
    def depth(self) -> int:
        """Events that wait."""
        return self._waiting.qsize()

    def start(self) -> None:
        """Begins to write."""
        self._thread.start()

    def stop(self) -> None:
        """Writes what waits, as far as the time allows, and ends; passes must have ended before."""
        self._drain_until = time.monotonic() + DRAIN_SECONDS
        self._stop.set()
        self._waiting.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def put(self, event: Body) -> None:
        """Hands an event over, or drops it when too many wait."""
        if self.depth >= self._most_waiting:
            self._lose(f"{self._most_waiting} others wait")
        else:
            self._waiting.put(event)

    def _run(self) -> None:
        late = 0
        while (event := self._waiting.get()) is not None:
            if time.monotonic() > self._drain_until:
                late += 1
                continue
            self._write(event)
            self._stop.wait(PAUSE_SECONDS)
        if late:
            self._lose("the operator ends", late)

    def _write(self, event: Body) -> None:
        try:
            self._client.create(EVENTS, event["metadata"]["namespace"], event)
        except (ClusterError, LeadershipLostError) as error:
            self._lose(str(error))

    def _lose(self, why: str, count: int = 1) -> None:
        self._metrics.events_lost.inc(count)
        _log.info("events lost: %d (%s)", count, why)
