"""One pass over a resource: observe, decide, act, report. Blocking; called by the workers of `controller`.

What differs between the kinds is what they observe and what they decide, in the two modules beside this one.
"""

import json
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Any

from bionemo_operator.api.conditions import with_condition
from bionemo_operator.api.parse import MODELS, parse_resource
from bionemo_operator.api.reasons import INVALID, REFUSED
from bionemo_operator.api.resource import AnyResource
from bionemo_operator.cluster.client import Body, Client
from bionemo_operator.cluster.kinds import PODS, Kind
from bionemo_operator.cluster.store import Key, Store
from bionemo_operator.controller.actions import Actor
from bionemo_operator.controller.reporter import StatusReporter, subject_of
from bionemo_operator.errors import RejectedError
from bionemo_operator.planning import names
from bionemo_operator.planning.observed import Job, Pod, job_of, pod_of, uid_of_controller
from bionemo_operator.planning.training_view import CreateJob, Decision, Said
from bionemo_trainer.errors import ConfigError

TRY_REFUSED_EVERY_SECONDS = 60.0


class ResourceController[R: AnyResource, V, S](ABC):
    """Passes over the resources of one kind: R is the resource, V what a pass sees, S its status."""

    kind: Kind
    jobs: Kind

    def __init__(self, client: Client, store: Store, reporter: StatusReporter, image: str) -> None:
        self.client = client
        self.store = store
        self.image = image
        self._reporter = reporter
        self._actor = Actor(client, store, resources=self.kind, jobs=self.jobs)

    def run(self, key: Key) -> float | None:
        """One pass; after how many seconds to look again, or None.

        Raises:
            ClusterError: The API server can't be reached, or something has changed meanwhile; the pass must be repeated.
        """
        body = self.store.get(self.kind, key)
        if body is None or body["metadata"].get("deletionTimestamp"):
            self.forget(key)
            return None  # owner references take everything with it
        before = body.get("status") or {}
        try:
            resource: Any = parse_resource(body)
        except ConfigError as error:
            self._reporter.report(subject_of(body), before, _unreadable(body, before, error))
            return None
        view = self.observe(resource)
        status, decision = self.decide(view)
        try:
            self._actor.act(key[0], key[1], decision.actions)
        except RejectedError as error:
            self._report(body, view, self.refuse(view, _refusal(decision, error)))
            return TRY_REFUSED_EVERY_SECONDS
        if self.may_report_later(view, decision) or self._report(body, view, status):
            return 0.0  # the next pass decides on what is so now
        return decision.wake_after_seconds

    @abstractmethod
    def observe(self, resource: R) -> V:
        """Everything that a pass over a resource decides on."""

    @abstractmethod
    def decide(self, view: V) -> tuple[S, Decision]:
        """The status that follows, and what to do."""

    def may_report_later(self, view: V, decision: Decision) -> bool:
        """Whether the next pass, which comes when no other resource waits, says as much as this one could."""
        del view, decision
        return False

    @abstractmethod
    def refuse(self, view: V, said: Said) -> S:
        """The status when the API server does not take what was decided: nothing has begun."""

    def forget(self, key: Key) -> None:
        """A resource is gone, or about to go; whatever was kept of it goes too."""
        del key

    def is_worth_reporting(self, view: V, before: Body, after: Body) -> bool:
        """Whether a changed status is written now, or may wait for a later pass."""
        del view
        return before != after

    def jobs_of(self, resource: R) -> tuple[Job, ...]:
        """Jobs that a resource controls."""
        key, uid = (resource.metadata.namespace or "", resource.metadata.name), resource.metadata.uid
        return tuple(job_of(body) for body in self.store.members(self.jobs, key) if uid_of_controller(body) == uid)

    def pods_of(self, resource: R) -> tuple[Pod, ...]:
        """Pods that work for a resource, and those that did until they were removed."""
        key, uid = (resource.metadata.namespace or "", resource.metadata.name), resource.metadata.uid
        there = [pod_of(body) for body in self.store.members(PODS, key) if _works_for(body, uid)]
        gone = [pod_of(body, is_gone=True) for body in self.store.gone_members(PODS, key) if _works_for(body, uid)]
        return (*there, *gone)

    def _report(self, body: Body, view: V, status: S) -> bool:
        """Writes a status if that is worth it; whether the API server has another one now."""
        before, after = body.get("status") or {}, _dumped(status)
        return self.is_worth_reporting(view, before, after) and self._reporter.report(subject_of(body), before, after)

    def is_taken(self, resource: R, name: str) -> bool:
        """Whether a job of that name belongs to somebody else."""
        body = self.store.get(self.jobs, (resource.metadata.namespace or "", name))
        return body is not None and uid_of_controller(body) != resource.metadata.uid


def now() -> datetime:
    """The moment of a pass, in whole seconds as the Kubernetes API writes them."""
    return datetime.now(UTC).replace(microsecond=0)


def _unreadable(body: Body, before: Body, error: ConfigError) -> dict[str, Any]:
    """The status of an object that passed the API server and still is no valid resource: what it was, and why it is not."""
    status_type = MODELS[body["kind"]].model_fields["status"].annotation.__args__[0]  # type: ignore[union-attr]  # Status | None
    status = status_type.model_validate_json(json.dumps(before))
    conditions = with_condition(
        status.conditions,
        INVALID,
        observed_generation=body["metadata"].get("generation") or 0,
        now=now(),
        problems="\n".join(map(str, error.problems)),
    )
    return _dumped(status.model_copy(update={"conditions": conditions, "phase": "Invalid"}))


def _refusal(decision: Decision, error: RejectedError) -> Said:
    made = next((action.manifest for action in decision.actions if isinstance(action, CreateJob)), None)
    return (
        REFUSED,
        {
            "kind": made["kind"] if made else "a change",
            "name": made["metadata"]["name"] if made else "of its objects",
            "message": str(error),
            "seconds": round(TRY_REFUSED_EVERY_SECONDS),
        },
    )


def _dumped(status: Any) -> dict[str, Any]:  # noqa: ANN401 - the status model of either kind
    dumped: dict[str, Any] = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return dumped


def _works_for(body: Body, uid: str | None) -> bool:
    return bool((body["metadata"].get("labels") or {}).get(names.OWNER_UID) == uid)
