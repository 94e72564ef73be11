"""The operator as one process: its parts put together, started and stopped in order. Called by `__main__`."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial

import kopf

from bionemo_operator.cluster.acceptance import Acceptance
from bionemo_operator.cluster.client import Body, Client
from bionemo_operator.cluster.credentials import Connection
from bionemo_operator.cluster.kinds import PODS, PREPROCESSES, TRAININGS
from bionemo_operator.cluster.lease import Leadership, LeasePlace
from bionemo_operator.cluster.pod_watch import Break, PodWatch
from bionemo_operator.cluster.progress import ProgressReader
from bionemo_operator.cluster.store import Store
from bionemo_operator.controller.controller import Controller, Extent, owner_of
from bionemo_operator.controller.event_writer import EventWriter
from bionemo_operator.controller.preprocess_controller import PreprocessController
from bionemo_operator.controller.reporter import StatusReporter
from bionemo_operator.controller.training_controller import TrainingController
from bionemo_operator.errors import ClusterError
from bionemo_operator.handlers import events
from bionemo_operator.handlers.kopf_run import HEARTBEAT_SECONDS, run_kopf
from bionemo_operator.metrics import OperatorMetrics, ResourceCollector
from bionemo_operator.probes import ProbeServer
from bionemo_operator.settings import Settings

_log = logging.getLogger(__name__)
KOPF_PAUSE_SECONDS = 2.0
"""Before kopf is started again."""


class Operator:
    """Everything of one operator process."""

    def __init__(self, settings: Settings, connection: Connection) -> None:
        self._settings = settings
        self._connection = connection
        self._metrics = metrics = OperatorMetrics()
        self._store = store = Store(index_by=owner_of)
        self._began_at = time.monotonic()
        self._beat_at = 0.0
        place = LeasePlace(
            namespace=settings.lease_namespace,
            name=settings.lease_name,
            identity=settings.identity,
            seconds=settings.lease_seconds,
        )
        self._acceptance = Acceptance()
        self._missing: tuple[str, ...] = ()
        self._free = free = Client(connection, self._observe)
        self._leadership = Leadership(free, place, self._on_leadership)
        client = Client(connection, self._observe, lambda: self._leadership.is_leading)
        reader = ProgressReader(settings.progress_port, settings.progress_timeout_seconds)
        self._events = EventWriter(client, metrics)
        of_trainings = StatusReporter(client, store, self._events.put, TRAININGS, settings.identity)
        of_preprocesses = StatusReporter(client, store, self._events.put, PREPROCESSES, settings.identity)
        passes = (
            TrainingController(client, store, of_trainings, settings.trainer_image, reader),
            PreprocessController(client, store, of_preprocesses, settings.trainer_image),
        )
        extent = Extent(
            namespaces=settings.namespaces, workers=settings.workers, resync_seconds=settings.resync_seconds
        )
        self._controller = Controller(client, store, passes, metrics, extent)
        self._pod_watches = [
            PodWatch(free, store, namespace, partial(self._controller.wake_for, PODS), self._note_break)
            for namespace in settings.namespaces or (None,)
        ]
        metrics.registry.register(ResourceCollector(self._resources, lambda: datetime.now(UTC)))
        metrics.queue_depth.set_function(lambda: self._controller.queue.depth)
        metrics.longest_pass.set_function(lambda: self._controller.queue.longest_work_seconds)
        metrics.events_waiting.set_function(lambda: self._events.depth)
        metrics.watch_age.labels("pods").set_function(self._pod_silence)
        self._probes = ProbeServer(
            settings.metrics_host,
            settings.metrics_port,
            metrics.registry,
            health=self.faults,
            readiness=self.obstacles,
        )

    def run(self, stop: threading.Event) -> str | None:
        """Works until it is told to stop, or can't go on; why it can't, or None when it was told."""
        self._probes.start()
        _log.info("serves metrics and probes", extra={"port": self._probes.port})
        for watch in self._pod_watches:
            watch.start()
        self._events.start()
        self._controller.start()
        self._leadership.start()
        # Not in the main thread, where kopf would take the signals for itself.
        watching = threading.Thread(target=self._keep_watching, args=(stop,), name="kopf", daemon=True)
        watching.start()
        end = None
        try:
            while not stop.wait(timeout=HEARTBEAT_SECONDS) and end is None:
                end = self._end()
        finally:
            stop.set()
            self._controller.stop()
            self._events.stop()
            self._leadership.stop()
            for watch in self._pod_watches:
                watch.stop()
            watching.join(timeout=10)
            self._probes.stop()
        return end

    @property
    def metrics_port(self) -> int:
        """Where it serves `/metrics`."""
        return self._probes.port

    def faults(self) -> Mapping[str, str]:
        """What is stuck, in words; a kubelet that asks restarts the process then."""
        limit = self._settings.stuck_seconds
        ages = {
            "event loop": time.monotonic() - (self._beat_at or self._began_at),
            "watch of pods": max(watch.idle_seconds for watch in self._pod_watches),
            "pass": self._controller.queue.longest_work_seconds,
        }
        return {name: f"for {seconds:.0f} seconds" for name, seconds in ages.items() if seconds > limit}

    def obstacles(self) -> Mapping[str, str]:
        """What keeps it from working, and no restart would mend; a replica that does not lead is ready to take over."""
        if not self._beat_at:
            return {"event loop": "not begun"}
        silence = self._pod_silence()
        if silence > self._settings.stuck_seconds:
            return {"API server": f"no answer for {silence:.0f} seconds"}
        if self._missing:
            return {"API server": f"serves no {', '.join(self._missing)}; install what defines them"}
        return {}

    def _end(self) -> str | None:
        """Why it can't go on; None while it can."""
        refused = self._acceptance.refused_seconds
        if refused > self._settings.refused_seconds:
            return (
                f"the API server has refused our credentials for {refused:.0f} seconds (401); "
                "renew the kubeconfig, or the token of the service account"
            )
        return None

    def _observe(self, verb: str, status: int, seconds: float) -> None:
        self._metrics.observe_request(verb, status, seconds)
        self._acceptance.hear(status)

    def _note_break(self, reason: Break) -> None:
        self._metrics.watch_breaks.labels("pods", reason).inc()

    def _pod_silence(self) -> float:
        return max(watch.silent_seconds for watch in self._pod_watches)

    def _on_leadership(self, is_leading: bool) -> None:
        self._controller.lead(is_leading)

    def _resources(self) -> tuple[Iterable[Body], Iterable[Body]]:
        if not self._controller.leads:
            return (), ()
        return self._store.all(TRAININGS), self._store.all(PREPROCESSES)

    def _keep_watching(self, stop: threading.Event) -> None:
        """Starts kopf again when it gives up, as it does when a watch is answered with 410; it lists everything then.

        Never without all kinds, since kopf looks for them but once: it gives up as well when a definition is removed.
        """
        while not stop.is_set():
            if not self._serves_all():
                self._beat()  # nothing is stuck
                stop.wait(KOPF_PAUSE_SECONDS)
                continue
            try:
                asyncio.run(self._watch(stop))
            except Exception as error:
                _log.warning("kopf has given up, and is started again: %s", error)
            if not stop.wait(KOPF_PAUSE_SECONDS):
                self._metrics.watch_breaks.labels("kopf", "broken").inc()

    def _serves_all(self) -> bool:
        """Whether the API server has every kind that kopf watches; tells of those that it lacks."""
        try:
            missing = tuple(str(kind) for kind in events.WATCHED if not self._free.serves(kind))
        except ClusterError as error:
            _log.warning("can't watch yet: %s", error)
            return False
        if missing and missing != self._missing:
            _log.warning("waits for kinds that the API server does not serve: %s", ", ".join(missing))
        self._missing = missing
        return not missing

    async def _watch(self, stop: threading.Event) -> None:
        registry = kopf.OperatorRegistry()
        events.register(registry, self._controller, self._connection)
        await run_kopf(registry, self._settings.namespaces, stop, self._beat)

    def _beat(self) -> None:
        self._beat_at = time.monotonic()
