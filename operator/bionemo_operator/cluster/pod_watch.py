"""Watches the pods of our jobs, and no others: by a label selector, which kopf's watches do not have.

Runs in a thread of its own, and goes on whatever breaks a watch: from the version seen last, or when that is too old by a list.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Literal

from bionemo_operator.cluster.client import Body, Client
from bionemo_operator.cluster.kinds import PODS
from bionemo_operator.cluster.store import Store
from bionemo_operator.errors import ClusterError, MissingError
from bionemo_operator.planning.names import MANAGED_BY, MANAGER

_log = logging.getLogger(__name__)
SELECTOR = f"{MANAGED_BY}={MANAGER}"
WATCH_SECONDS = 60
"""How long one watch lasts; the end of each shows that the API server still answers."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 15.0
"""Pauses double from one break to the next; one that comes after a while is the first again."""

type Break = Literal["expired", "broken"]
"""Why a watch was taken up again: its version was forgotten, or it failed in any other way."""


class PodWatch:
    """Keeps the pods of a namespace, or of all, in the store."""

    def __init__(
        self,
        client: Client,
        store: Store,
        namespace: str | None,
        on_pod: Callable[[Body], None],
        on_break: Callable[[Break], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._store = store
        self._namespace = namespace
        self._on_pod = on_pod
        self._on_break = on_break
        self._version: str | None = None
        self._stop = threading.Event()
        self._answered_at = self._began_at = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"pods {namespace or 'everywhere'}", daemon=True)

    @property
    def silent_seconds(self) -> float:
        """Since the API server answered last."""
        return time.monotonic() - self._answered_at

    @property
    def idle_seconds(self) -> float:
        """Since it began to watch last; a thread that is well begins anew each minute, whether it is answered or not."""
        return time.monotonic() - self._began_at

    def start(self) -> None:
        """Begins to watch."""
        self._thread.start()

    def stop(self) -> None:
        """Lets the watch end with its next event."""
        self._stop.set()

    def turn(self) -> None:
        """Lists if need be, then watches until the watch ends.

        Raises:
            ClusterError: The API server can't be reached, or has forgotten the version watched from.
        """
        if self._version is None:
            self._list()
        events = self._client.watch(PODS, self._namespace, SELECTOR, self._version or "0", seconds=WATCH_SECONDS)
        for kind, pod in events:
            self._answered_at = time.monotonic()
            self._version = pod["metadata"]["resourceVersion"]
            if kind == "BOOKMARK":
                continue
            if kind == "DELETED":
                self._store.remove(PODS, pod)
            else:
                self._store.put(PODS, pod)
            self._on_pod(pod)
            if self._stop.is_set():
                return
        self._answered_at = time.monotonic()

    def _list(self) -> None:
        answer = self._client.list(PODS, self._namespace, SELECTOR)
        self._answered_at = time.monotonic()
        for pod in self._store.take_list(PODS, answer, self._namespace):
            self._on_pod(pod)
        self._version = answer["metadata"]["resourceVersion"]

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while not self._stop.is_set():
            self._began_at = time.monotonic()
            try:
                self.turn()
                pause = FIRST_PAUSE_SECONDS
            except ClusterError as error:
                if self.idle_seconds > LONGEST_PAUSE_SECONDS:
                    pause = FIRST_PAUSE_SECONDS
                self._note(error)
                self._stop.wait(max(pause, error.retry_after_seconds or 0.0))
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _note(self, error: ClusterError) -> None:
        if isinstance(error, MissingError):
            self._version = None  # too old: list anew
            self._on_break("expired")
        else:
            _log.warning("the watch of pods broke, and is taken up again: %s", error)
            self._on_break("broken")
