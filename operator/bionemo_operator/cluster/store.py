"""What the watches have seen last of every object that matters, for passes to decide on without asking the API server.

Filled by watches and by the answers to our own writes. Thread-safe. Of two versions of an object the newer one stays, in
whichever order they arrive, so that a pass never sees the time before its own last write.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bionemo_operator.cluster.kinds import Kind

type Body = Mapping[str, Any]
type Key = tuple[str, str]
"""Namespace and name."""

_UNREAD = "managedFields"
_UNREAD_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
"""What nobody decides on: as large as all the rest, and kept for every object."""

REMEMBER_SECONDS = 600.0
"""How long what was removed is remembered."""


class Store:
    """Objects by kind."""

    def __init__(
        self, index_by: Callable[[Body], Key | None] = lambda _: None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lock = threading.Lock()
        self._index_by = index_by
        self._clock = clock
        self._objects: dict[Kind, dict[Key, Body]] = defaultdict(dict)
        self._gone: dict[Kind, dict[Key, tuple[float, Body]]] = defaultdict(dict)
        self._members: dict[Kind, dict[Key, set[Key]]] = defaultdict(lambda: defaultdict(set))

    def put(self, kind: Kind, body: Body) -> bool:
        """Takes an object in; whether it was news."""
        key = key_of(body)
        with self._lock:
            before = self._objects[kind].get(key)
            if before is not None and version_of(before) >= version_of(body):
                return False  # as it was earlier, or what had its name earlier
            removed = self._gone[kind].get(key)
            if removed is not None and _is_same_object(removed[1], body):
                return False
            self._forget_index(kind, key, before or (removed and removed[1]))
            self._objects[kind][key] = _slim(body)
            if owner := self._index_by(body):
                self._members[kind][owner].add(key)
        return True

    def remove(self, kind: Kind, body: Body) -> None:
        """Takes an object out, as it was at its end."""
        key = key_of(body)
        with self._lock:
            before = self._objects[kind].get(key)
            if before is None or _is_same_object(before, body):
                self._objects[kind].pop(key, None)
                now = self._clock()
                self._gone[kind][key] = (now, _slim(body))
                self._expire(kind, now)

    def take_list(self, kind: Kind, answer: Body, namespace: str | None = None) -> list[Body]:
        """Takes in a fresh list of a namespace, or of all; the objects that are news, or are gone.

        What is newer than the list is left alone: a watch has seen it since.
        """
        api_version, item_kind = answer["apiVersion"], str(answer["kind"]).removesuffix("List")
        bodies = [{"apiVersion": api_version, "kind": item_kind, **body} for body in answer["items"]]
        news = [body for body in bodies if self.put(kind, body)]
        keys, version = {key_of(body) for body in bodies}, version_of(answer)
        with self._lock:
            here = [(key, body) for key, body in self._objects[kind].items() if namespace in (None, key[0])]
        lost = [body for key, body in here if key not in keys and version_of(body) <= version]
        for body in lost:
            self.remove(kind, body)
        return [*news, *lost]

    def get(self, kind: Kind, key: Key) -> Body | None:
        """An object; None when it is not there."""
        with self._lock:
            return self._objects[kind].get(key)

    def members(self, kind: Kind, owner: Key) -> tuple[Body, ...]:
        """Objects of a kind that the index gives to an owner."""
        with self._lock:
            return tuple(
                body for key in sorted(self._members[kind].get(owner, ())) if (body := self._objects[kind].get(key))
            )

    def gone_members(self, kind: Kind, owner: Key) -> tuple[Body, ...]:
        """The same of those that were removed not long ago."""
        with self._lock:
            keys = sorted(self._members[kind].get(owner, ()))
            return tuple(
                self._gone[kind][key][1] for key in keys if key in self._gone[kind] and key not in self._objects[kind]
            )

    def all(self, kind: Kind) -> tuple[Body, ...]:
        """Every object of a kind."""
        with self._lock:
            return tuple(self._objects[kind].values())

    def _forget_index(self, kind: Kind, key: Key, body: Body | None) -> None:
        if body is not None and (owner := self._index_by(body)):
            self._members[kind][owner].discard(key)

    def _expire(self, kind: Kind, now: float) -> None:
        """What was removed long ago is forgotten; the dictionary is in the order of removal but for repeated names."""
        for key in list(self._old(kind, now)):
            _, body = self._gone[kind].pop(key)
            if key not in self._objects[kind] and (owner := self._index_by(body)):
                members = self._members[kind]
                members[owner].discard(key)
                if not members[owner]:
                    del members[owner]

    def _old(self, kind: Kind, now: float) -> Iterator[Key]:
        return (key for key, (removed_at, _) in self._gone[kind].items() if now - removed_at > REMEMBER_SECONDS)


def key_of(body: Body) -> Key:
    """Namespace and name of an object."""
    metadata = body["metadata"]
    return metadata.get("namespace") or "", metadata["name"]


def version_of(body: Body) -> int:
    """Resource version as a number; Kubernetes orders them so (KEP-5504)."""
    text = str(body["metadata"].get("resourceVersion") or "0")
    return int(text) if text.isdecimal() else 0


def _slim(body: Body) -> Body:
    """The object without what is never read of it."""
    metadata = {key: value for key, value in body["metadata"].items() if key != _UNREAD}
    if _UNREAD_ANNOTATION in (annotations := metadata.get("annotations") or {}):
        metadata["annotations"] = {key: value for key, value in annotations.items() if key != _UNREAD_ANNOTATION}
    return {**body, "metadata": metadata}


def _is_same_object(one: Body, other: Body) -> bool:
    return bool(one["metadata"].get("uid") == other["metadata"].get("uid"))
