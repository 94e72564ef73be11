"""What nodes say of themselves, where the operator may read them: a cluster's permission that it does without if need be.

Nodes are asked for, never watched. What can't be had is unknown, and everything goes on as if nobody had asked.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping

from bionemo_operator.cluster.client import Client
from bionemo_operator.cluster.kinds import NODES
from bionemo_operator.errors import ClusterError, MissingError, RejectedError
from bionemo_operator.planning.observed import GPU_MEMORY, Node, gpu_memory_bytes_of, node_of

_log = logging.getLogger(__name__)
KEEP_SECONDS = 300.0
"""How long an answer about GPUs is good for, and a refusal."""
MOST_KEPT = 256


class NodeReader:
    """Asks for nodes; many threads at once."""

    def __init__(self, client: Client, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, int | None]] = {}
        """GPU memory by label selector, and when it was asked for."""
        self._refused_at: float | None = None

    def get(self, name: str) -> Node | None:
        """A node as it is now; None when that can't be known."""
        if self._is_refused():
            return None
        try:
            return node_of(self._client.get(NODES, "", name))
        except MissingError:
            return Node(name=name, trouble="it is no node of the cluster any more")
        except ClusterError as error:
            self._note(error)
            return None

    def gpu_memory_bytes(self, labels: Mapping[str, str]) -> int | None:
        """Memory of the largest GPU of the nodes with these labels; None when no node says."""
        if labels.get(GPU_MEMORY) is not None:
            return gpu_memory_bytes_of([labels])  # chosen by its memory, so no node need be asked
        selector = ",".join([GPU_MEMORY, *(f"{name}={value}" for name, value in sorted(labels.items()))])
        with self._lock:
            known = self._known.get(selector)
        if known is not None and self._clock() - known[0] < KEEP_SECONDS:
            return known[1]
        if self._is_refused():
            return None
        found = self._largest(selector)
        with self._lock:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            self._known[selector] = (self._clock(), found)
        return found

    def _largest(self, selector: str) -> int | None:
        try:
            # Of metadata alone, an empty list is null.
            nodes = self._client.list(NODES, None, selector, is_metadata_only=True).get("items") or ()
        except ClusterError as error:
            self._note(error)
            return None
        return gpu_memory_bytes_of(node["metadata"].get("labels") or {} for node in nodes)

    def _is_refused(self) -> bool:
        return self._refused_at is not None and self._clock() - self._refused_at < KEEP_SECONDS

    def _note(self, error: ClusterError) -> None:
        if isinstance(error, RejectedError):
            self._refused_at = self._clock()
        _log.debug("nodes can't be read: %s", error)
