"""Carries decisions out: one request for each action, in order. Safe to repeat after any of them."""

from collections.abc import Iterable
from typing import assert_never

from bionemo_operator.cluster.client import Client
from bionemo_operator.cluster.kinds import JOBS, PODS, Kind
from bionemo_operator.cluster.store import Store
from bionemo_operator.errors import ConflictError, MissingError
from bionemo_operator.planning.training_view import (
    Action,
    CreateJob,
    DeleteJob,
    DeleteResource,
    ForceDeletePod,
    PauseJob,
)


class Actor:
    """Acts for one kind of resources, on one kind of jobs."""

    def __init__(self, client: Client, store: Store, *, resources: Kind, jobs: Kind) -> None:
        self._client = client
        self._store = store
        self._resources = resources
        self._jobs = jobs

    def act(self, namespace: str, name: str, actions: Iterable[Action]) -> None:
        """Carry actions out for a resource.

        Args:
            namespace: Of the resource.
            name: Of the resource.
            actions: What to do, in order.

        Raises:
            ConflictError: A job to be made is there already; it is in the store now, so look again.
            ClusterError: The API server refuses, or can't be reached.
        """
        for action in actions:
            match action:
                case CreateJob():
                    self._create(namespace, action)
                case DeleteJob():
                    self._delete(self._jobs, namespace, action.name, uid=action.uid)
                case ForceDeletePod():
                    self._delete(PODS, namespace, action.name, grace_seconds=0)
                case PauseJob():
                    changes = {"spec": {"suspend": action.suspend}}
                    self._store.put(JOBS, self._client.merge(JOBS, namespace, action.name, changes))
                case DeleteResource():
                    self._delete(self._resources, namespace, name)
                case _:
                    assert_never(action)

    def _create(self, namespace: str, action: CreateJob) -> None:
        """Made, not applied: an attempt never changes, and an object of that name that is not ours must stay as it is."""
        try:
            self._store.put(self._jobs, self._client.create(self._jobs, namespace, action.manifest))
        except ConflictError:
            self._store.put(self._jobs, self._client.get(self._jobs, namespace, action.manifest["metadata"]["name"]))
            raise

    def _delete(
        self, kind: Kind, namespace: str, name: str, *, uid: str | None = None, grace_seconds: int | None = None
    ) -> None:
        try:
            self._client.delete(kind, namespace, name, uid=uid, grace_seconds=grace_seconds)
        except MissingError:
            if body := self._store.get(kind, (namespace, name)):
                self._store.remove(kind, body)
        except ConflictError:
            pass  # another object has that name now, and the watch will say so
