"""Trainings and preparations as a cluster has them: looked up by name, or listed, and read into frozen values.

An object that is no valid resource, or that a newer operator has written, is shown as far as it can be understood.
"""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from bionemo_operator.api.conditions import Condition, condition_of
from bionemo_operator.api.preprocess import PreprocessStatus
from bionemo_operator.api.resource import ObjectMeta
from bionemo_operator.api.training_status import Attempt, TrainingStatus
from bionemo_operator.api.wording import nearest_name
from bionemo_operator.cli.cluster_access import Cluster
from bionemo_operator.cluster.client import Body
from bionemo_operator.cluster.kinds import PREPROCESSES, TRAININGS, Kind
from bionemo_operator.errors import MissingError
from bionemo_trainer.errors import DataError, MissingInputError, Problem

KINDS = (TRAININGS, PREPROCESSES)
"""In the order in which a name is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A training or a preparation."""

    kind: Kind
    metadata: ObjectMeta
    nodes: int
    """Of a training as it is written; workers of a preparation."""
    gpus_per_node: int
    processes_per_node: int
    """Ranks of each node."""
    max_restarts: int
    recipe: str
    suspend: bool
    status: TrainingStatus | PreprocessStatus

    @property
    def name(self) -> str:
        """Of the object."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """Of the object."""
        return self.metadata.namespace or "default"

    @property
    def kind_name(self) -> str:
        """`BioNeMoTraining`."""
        return "BioNeMoTraining" if self.kind == TRAININGS else "BioNeMoPreprocess"

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The last attempts of a training, oldest first."""
        recovery = self.status.recovery if isinstance(self.status, TrainingStatus) else None
        return recovery.attempts if recovery else ()

    @property
    def end(self) -> Condition | None:
        """The condition that says how it ended; None while it has not."""
        succeeded = condition_of(self.status.conditions, "Succeeded")
        return succeeded if succeeded and succeeded.status != "Unknown" else None

    @property
    def obstacle(self) -> Condition | None:
        """The condition that says why it does not run; None while it runs or when nothing is known yet."""
        conditions = self.status.conditions
        accepted, ready = condition_of(conditions, "Accepted"), condition_of(conditions, "DataReady")
        running = condition_of(conditions, "Running")
        candidates = (self.end, accepted, ready, running)
        return next((one for one in candidates if one and one.status == "False"), None)


def find(cluster: Cluster, name: str) -> Seen:
    """The training of that name, or else the preparation.

    Raises:
        MissingInputError: There is neither.
        ClusterError: The cluster does not tell.
    """
    for kind in KINDS:
        try:
            return seen_of(kind, cluster.client.get(kind, cluster.namespace, name))
        except MissingError:
            continue
    known = [seen.name for seen in all_of(cluster, cluster.namespace)]
    nearest = nearest_name(name, known)
    rule = f"is no BioNeMoTraining or BioNeMoPreprocess of namespace {cluster.namespace}"
    mend = (
        f"did you mean {nearest}" if nearest else "name one that `bionemo status` lists, or another namespace with -n"
    )
    raise MissingInputError(str(Problem(field="NAME", value=name, rule=rule, mend=mend)))


def all_of(cluster: Cluster, namespace: str | None) -> list[Seen]:
    """All trainings and preparations, of a namespace or of all.

    Raises:
        ClusterError: The cluster does not tell.
    """
    return [seen_of(kind, body) for kind in KINDS for body in cluster.client.list(kind, namespace)["items"]]


def seen_of(kind: Kind, body: Body) -> Seen:
    """An object as the API server gives it.

    Raises:
        DataError: Its status is written in words that this version does not know.
    """
    spec: Body = body.get("spec") or {}
    gpus = spec.get("gpusPerNode", 1 if kind == TRAININGS else 0)
    return Seen(
        kind=kind,
        metadata=ObjectMeta.model_validate_json(json.dumps(body["metadata"])),
        nodes=spec.get("nodes", 1) if kind == TRAININGS else spec.get("workers", 1),
        gpus_per_node=gpus,
        processes_per_node=gpus or spec.get("processesPerNode") or 1,
        max_restarts=(spec.get("recovery") or {}).get("maxRestarts", 0),
        recipe=str(spec.get("recipe") or ""),
        suspend=bool(spec.get("suspend")),
        status=_status(kind, body),
    )


def _status(kind: Kind, body: Body) -> TrainingStatus | PreprocessStatus:
    model: Any = TrainingStatus if kind == TRAININGS else PreprocessStatus
    try:
        status: TrainingStatus | PreprocessStatus = model.model_validate_json(json.dumps(body.get("status") or {}))
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        rule = "has a status that this version of the command does not know"
        problem = Problem(field=f"status.{place}", value=body["metadata"]["name"], rule=rule, mend="update `bionemo`")
        raise DataError(str(problem)) from None
    return status
