"""Workers that take keys from the queue and run passes, while this replica leads.

A key that is woken while another replica leads is not lost: whoever begins to lead lists everything anew and wakes it all.
"""

import logging
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from bionemo_operator.cluster.client import Body, Client
from bionemo_operator.cluster.kinds import JOBS, PODS, PREPROCESSES, PYTORCH_JOBS, TRAININGS, Kind
from bionemo_operator.cluster.pod_watch import SELECTOR
from bionemo_operator.cluster.store import Key, Store, key_of
from bionemo_operator.controller.work_queue import Taken, WorkQueue
from bionemo_operator.errors import ClusterError, ConflictError, LeadershipLostError, MissingError
from bionemo_operator.metrics import OperatorMetrics
from bionemo_operator.planning import names

_log = logging.getLogger(__name__)
_LISTED: tuple[tuple[Kind, str], ...] = (
    (TRAININGS, ""),
    (PREPROCESSES, ""),
    (PYTORCH_JOBS, ""),
    (JOBS, SELECTOR),
    (PODS, SELECTOR),
)
"""What a new leader must have seen, with label selectors."""
_RESOURCES = {"bionemotraining": TRAININGS, "bionemopreprocess": PREPROCESSES}
"""Kinds of our resources by the value of the label that objects bear that work for one."""

type Work = tuple[Kind, Key]
"""A resource to look at."""


class Passes(Protocol):
    """Runs passes over one kind."""

    kind: Kind

    def run(self, key: Key) -> float | None:
        """One pass; after how many seconds to look again, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How much of the cluster is worked on, and by how many."""

    namespaces: tuple[str, ...] = ()
    """None means all."""
    workers: int
    resync_seconds: float
    """Longest time between two passes over a resource."""


class Controller:
    """Keeps all resources on their way."""

    def __init__(
        self,
        client: Client,
        store: Store,
        passes: Iterable[Passes],
        metrics: OperatorMetrics,
        extent: Extent,
    ) -> None:
        self._client = client
        self._store = store
        self._passes: Mapping[Kind, Passes] = {one.kind: one for one in passes}
        self._metrics = metrics
        self._namespaces: tuple[str | None, ...] = extent.namespaces or (None,)
        self._resync_seconds = extent.resync_seconds
        self._leads = threading.Event()
        self._term = 0
        """Counts when leadership came and went, so that a slow take-over does not begin to lead after its end."""
        self._turning = threading.Lock()
        self.queue: WorkQueue[Work] = WorkQueue()
        self._stopping = threading.Event()
        self._threads = [
            *(
                threading.Thread(target=self._work, name=f"worker {number}", daemon=True)
                for number in range(extent.workers)
            ),
            threading.Thread(target=self._resync, name="resync", daemon=True),
        ]

    def start(self) -> None:
        """Begins to work, once this replica leads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Lets every pass end, and begins none."""
        self._stopping.set()
        with self._turning:
            self._term += 1
            self._leads.clear()
        self.queue.close()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=10)

    def lead(self, is_leading: bool) -> None:
        """This replica leads from now on, or does so no more."""
        self._metrics.leads.set(is_leading)
        with self._turning:
            self._term += 1
            self._leads.clear()
        if is_leading:
            threading.Thread(target=self._take_over, args=(self._term,), name="taking over", daemon=True).start()

    def see(self, kind: Kind, body: Body, *, is_gone: bool = False) -> None:
        """Takes in what a watch has seen, and wakes the resource that it is about, unless it is the echo of our own write."""
        if is_gone:
            self._store.remove(kind, body)
        elif not self._store.put(kind, body):
            if kind == PREPROCESSES:
                self._wake_waiting(key_of(body))  # nobody has told them of what the pass wrote
            return
        self.wake_for(kind, body)

    def wake_for(self, kind: Kind, body: Body) -> None:
        """Wakes the resource that an object is, or works for, and trainings that wait for that one."""
        if kind in self._passes:
            self.queue.wake((kind, key_of(body)))
            if kind == PREPROCESSES:
                self._wake_waiting(key_of(body))
        elif owner := owner_of(body):
            labels = body["metadata"].get("labels") or {}
            if resource := _RESOURCES.get(labels.get(names.KIND, "")):
                self.queue.wake((resource, owner))

    @property
    def leads(self) -> bool:
        """Whether passes run here."""
        return self._leads.is_set()

    def _wake_waiting(self, preprocess: Key) -> None:
        for training in self._store.all(TRAININGS):
            source = (training["spec"].get("dataset") or {}).get("preprocessRef") or {}
            if (training["metadata"]["namespace"], source.get("name")) == preprocess:
                self.queue.wake((TRAININGS, key_of(training)))

    def _take_over(self, term: int) -> None:
        """Lists everything, so that no pass decides on what was true long ago, then looks at every resource."""
        while True:
            try:
                self._list_all()
                break
            except ClusterError as error:
                _log.warning("can't take over yet: %s", error)
                if self._stopping.wait(1.0) or self._term != term:
                    return
        with self._turning:
            if self._term != term:
                return
            self._leads.set()
        for kind in self._passes:
            for body in self._store.all(kind):
                self.queue.wake((kind, key_of(body)))

    def _resync(self) -> None:
        """Lists everything from time to time: kopf does not tell what went while a watch was broken."""
        while not self._stopping.wait(self._resync_seconds):
            try:
                for kind, body in self._list_all():
                    self.wake_for(kind, body)
            except ClusterError as error:
                _log.warning("the resync is left out: %s", error)

    def _list_all(self) -> list[tuple[Kind, Body]]:
        return [
            (kind, body)
            for namespace in self._namespaces
            for kind, selector in _LISTED
            for body in self._store.take_list(kind, self._client.list(kind, namespace, selector), namespace)
        ]

    def _work(self) -> None:
        while taken := self.queue.take():
            if self._leads.is_set():
                self._pass(taken)
            else:
                self.queue.succeeded(taken.key)

    def _pass(self, taken: Taken[Work]) -> None:
        kind, key = taken.key
        self._metrics.queue_seconds.observe(taken.waited_seconds)
        started_at = time.monotonic()
        result = "error"
        try:
            again = self._passes[kind].run(key)
            result = "ok"
            delay = self._resync_seconds if again is None else min(again, self._resync_seconds)
            self.queue.succeeded(taken.key, delay if self._store.get(kind, key) else None)
        except MissingError as error:
            # Itself or one of its jobs; the watch or the resync says which, and ends this if it was itself.
            result = "gone"
            _log.info("%s %s/%s: something is gone: %s", kind.plural, *key, error)
            self.queue.failed(taken.key)
        except ConflictError as error:
            result = "conflict"
            _log.info("%s %s/%s has changed meanwhile: %s", kind.plural, *key, error)
            self.queue.failed(taken.key)
        except LeadershipLostError:
            # Not dropped: a lease that was renewed late is held again without a change of leaders that would wake everything.
            result = "superseded"
            self.queue.failed(taken.key)
        except ClusterError as error:
            result = "unavailable"
            _log.warning("%s %s/%s is looked at again later: %s", kind.plural, *key, error)
            self.queue.failed(taken.key, error.retry_after_seconds or 0.0)
        except Exception:
            _log.exception("a pass over %s %s/%s failed", kind.plural, *key)
            self.queue.failed(taken.key)
        finally:
            self._metrics.passes.labels(kind.plural, result).inc()
            self._metrics.pass_seconds.labels(kind.plural).observe(time.monotonic() - started_at)


def owner_of(body: Body) -> Key | None:
    """The resource of ours that an object works for, by its labels; None for what is not ours."""
    labels = body["metadata"].get("labels") or {}
    if labels.get(names.MANAGED_BY) != names.MANAGER or names.OWNER not in labels:
        return None
    return body["metadata"].get("namespace") or "", labels[names.OWNER]
