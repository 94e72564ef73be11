"""Reports what a pass came to: the status, written when it has changed, and an event for each new reason of a condition.

Of the two only the status is written by the pass; events are handed over.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bionemo_operator.api.reasons import QUIET, WARNINGS
from bionemo_operator.cluster.client import Body, Client
from bionemo_operator.cluster.kinds import Kind
from bionemo_operator.cluster.store import Store
from bionemo_operator.planning.names import MANAGER

_NOTE_LIMIT = 1024
"""Longest note of an event."""

type Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The object that is reported on."""

    api_version: str
    kind: str
    name: str
    namespace: str
    uid: str


def subject_of(body: Fields) -> Subject:
    """An object as the API server gives it."""
    metadata = body["metadata"]
    return Subject(
        api_version=body["apiVersion"],
        kind=body["kind"],
        name=metadata["name"],
        namespace=metadata["namespace"],
        uid=metadata["uid"],
    )


class StatusReporter:
    """Writes statuses and events of one kind."""

    def __init__(self, client: Client, store: Store, tell: Callable[[Body], None], kind: Kind, identity: str) -> None:
        self._client = client
        self._store = store
        self._tell = tell
        """Takes an event to be written."""
        self._kind = kind
        self._identity = identity

    def report(self, subject: Subject, before: Fields, after: Fields) -> bool:
        """Write a status if it differs, by server-side apply, and the events that follow from it; whether it is another one now.

        Args:
            subject: Whose it is.
            before: As the API server has it.
            after: As it should be.

        Raises:
            ClusterError: It can't be written.
        """
        if before == after:
            return False
        manifest = {
            "apiVersion": subject.api_version,
            "kind": subject.kind,
            "metadata": {"name": subject.name, "namespace": subject.namespace, "uid": subject.uid},
            "status": after,
        }
        is_news = self._store.put(self._kind, self._client.apply(self._kind, subject.namespace, manifest, "status"))
        for condition in _news(before.get("conditions") or (), after.get("conditions") or ()):
            self._tell(self._event(subject, condition))
        return is_news

    def _event(self, subject: Subject, condition: Fields) -> Body:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        digest = hashlib.sha256(f"{subject.uid} {condition['type']} {condition['reason']} {now}".encode()).hexdigest()
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{subject.name}.{digest[:16]}", "namespace": subject.namespace},
            "eventTime": now,
            "reportingController": f"bionemo.dev/{MANAGER}",
            "reportingInstance": self._identity[:128] or MANAGER,
            "action": condition["type"],
            "reason": condition["reason"],
            "type": "Warning" if condition["reason"] in WARNINGS else "Normal",
            "note": condition["message"][:_NOTE_LIMIT],
            "regarding": {
                "apiVersion": subject.api_version,
                "kind": subject.kind,
                "name": subject.name,
                "namespace": subject.namespace,
                "uid": subject.uid,
            },
        }


def _news(before: Iterable[Fields], after: Iterable[Fields]) -> list[Fields]:
    """Conditions whose reason is new and worth telling."""
    reasons = {condition["type"]: condition["reason"] for condition in before}
    return [
        condition
        for condition in after
        if reasons.get(condition["type"]) != condition["reason"] and condition["reason"] not in QUIET
    ]
