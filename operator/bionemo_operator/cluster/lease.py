"""Which of several replicas works: the one that holds a Lease. The others watch, and take over when it falls silent.

A leader stops by its own clock before its lease runs out by anybody else's, so two never write at the same time unless clocks
run at different speeds.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bionemo_operator.cluster.client import Body, Client
from bionemo_operator.cluster.kinds import LEASES
from bionemo_operator.errors import ClusterError, ConflictError, MissingError

_log = logging.getLogger(__name__)
RENEW_SHARE = 0.2
"""Part of the lease between two renewals."""
HOLD_SHARE = 0.8
"""Part of the lease for which a leader trusts its last renewal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasePlace:
    """The lease, and who wants it."""

    namespace: str
    name: str
    identity: str
    seconds: float


@dataclass(frozen=True, slots=True)
class _Sighting:
    """A state of the lease, and when it was first seen; other replicas' clocks are never read."""

    version: str
    seen_at: float


class Leadership:
    """Holds the lease, or waits for it, in a thread of its own."""

    def __init__(
        self,
        client: Client,
        place: LeasePlace,
        on_change: Callable[[bool], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._place = place
        self._on_change = on_change
        self._clock = clock
        self._held_until = 0.0
        self._sighting: _Sighting | None = None
        self._written: Body | None = None
        self._was_leading = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leadership", daemon=True)

    @property
    def is_leading(self) -> bool:
        """Whether this replica may write now."""
        return self._clock() < self._held_until

    def start(self) -> None:
        """Begins to try."""
        self._thread.start()

    def stop(self) -> None:
        """Gives the lease back, so that another replica need not wait for its end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        if self.is_leading:
            self._held_until = 0.0
            self._release()

    def turn(self) -> None:
        """Tries once to take or to keep the lease."""
        asked_at = self._clock()
        try:
            if self._take():
                self._held_until = asked_at + HOLD_SHARE * self._place.seconds
        except ConflictError:
            pass  # another replica was faster
        except ClusterError as error:
            _log.warning("the lease can't be renewed: %s", error)
        self._tell()

    def _run(self) -> None:
        while not self._stop.is_set():
            self.turn()
            self._stop.wait(RENEW_SHARE * self._place.seconds)

    def _tell(self) -> None:
        if self.is_leading != self._was_leading:
            self._was_leading = self.is_leading
            _log.info("leads" if self._was_leading else "does not lead", extra={"identity": self._place.identity})
            self._on_change(self._was_leading)

    def _take(self) -> bool:
        return self._keep() or self._take_what_is_seen()

    def _keep(self) -> bool:
        """Renews the lease as it was left, with one request: two slow ones would take more of its time."""
        if self._written is None or not self.is_leading:
            return False
        try:
            self._write(self._written)
        except (ConflictError, MissingError):
            return False  # somebody else wrote, or our last answer was lost
        return True

    def _take_what_is_seen(self) -> bool:
        place = self._place
        try:
            lease = self._client.get(LEASES, place.namespace, place.name)
        except MissingError:
            self._written = self._client.create(LEASES, place.namespace, self._manifest(None, transitions=0))
            return True
        holder = (lease.get("spec") or {}).get("holderIdentity")
        if holder not in (place.identity, "", None) and not self._has_run_out(lease):
            return False
        self._write(lease)
        return True

    def _write(self, lease: Body) -> None:
        """Holds the lease from now on, if nobody has changed it."""
        spec = lease.get("spec") or {}
        is_new = spec.get("holderIdentity") != self._place.identity
        transitions = int(spec.get("leaseTransitions") or 0) + is_new
        acquired = None if is_new else spec.get("acquireTime")
        manifest = self._manifest(lease, transitions=transitions, acquired=acquired)
        self._written = self._client.replace(LEASES, self._place.namespace, manifest)

    def _has_run_out(self, lease: Body) -> bool:
        """Whether nothing has happened to the lease for as long as it lasts."""
        version = lease["metadata"]["resourceVersion"]
        if self._sighting is None or self._sighting.version != version:
            self._sighting = _Sighting(version, self._clock())
        seconds = float((lease.get("spec") or {}).get("leaseDurationSeconds") or self._place.seconds)
        return self._clock() - self._sighting.seen_at >= seconds

    def _manifest(self, before: Body | None, *, transitions: int, acquired: str | None = None) -> dict[str, Any]:
        place, now = self._place, datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        metadata: dict[str, Any] = {"name": place.name, "namespace": place.namespace}
        if before is not None:
            metadata["resourceVersion"] = before["metadata"]["resourceVersion"]
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": metadata,
            "spec": {
                "holderIdentity": place.identity,
                "leaseDurationSeconds": round(place.seconds),
                "acquireTime": acquired or now,
                "renewTime": now,
                "leaseTransitions": transitions,
            },
        }

    def _release(self) -> None:
        place = self._place
        try:
            lease = self._client.get(LEASES, place.namespace, place.name)
            if (lease.get("spec") or {}).get("holderIdentity") == place.identity:
                manifest = self._manifest(lease, transitions=int(lease["spec"].get("leaseTransitions") or 0))
                manifest["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                self._client.replace(LEASES, place.namespace, manifest)
        except ClusterError as error:
            _log.info("the lease runs out by itself: %s", error)
