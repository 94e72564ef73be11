"""What controllers work on: an API server in memory, a client and a store, with resources and objects put into both."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bionemo_operator.cluster.client import Body, Client
from bionemo_operator.cluster.kinds import EVENTS, PODS, PREPROCESSES, TRAININGS, Kind
from bionemo_operator.cluster.store import Key, Store, key_of
from bionemo_operator.controller.controller import owner_of
from bionemo_operator.controller.reporter import StatusReporter
from bionemo_operator.metrics import OperatorMetrics
from testkit.api_objects import place_of
from testkit.api_stand_in import ApiStandIn, api_stand_in
from testkit.documents import preprocess_document, training_document
from testkit.observations import SMALL

NAMESPACE = "lab"


@dataclass(kw_only=True)
class ApiLab:
    """A namespace of a cluster."""

    api: ApiStandIn
    client: Client
    store: Store = field(default_factory=lambda: Store(owner_of))
    metrics: OperatorMetrics = field(default_factory=OperatorMetrics)
    leads: bool = True
    """Whether the client may write."""

    def training(self, name: str = "small", **spec: object) -> Key:
        """Creates a training of two nodes, and lets the watch see it."""
        return self.seen(TRAININGS, training_document(name, **{**SMALL, **spec}))

    def preprocess(self, name: str = "zinc", **spec: object) -> Key:
        """Creates a preparation, and lets the watch see it."""
        return self.seen(PREPROCESSES, preprocess_document(name, **spec))

    def seen(self, kind: Kind, document: Mapping[str, Any]) -> Key:
        """Creates an object behind the operator's back, and lets the watch see it."""
        body = self._api_write("POST", kind, document)
        self.store.put(kind, body)
        return key_of(body)

    def hidden(self, kind: Kind, document: Mapping[str, Any]) -> Key:
        """Creates an object that no watch has seen."""
        return key_of(self._api_write("POST", kind, document))

    def changed(self, kind: Kind, name: str, **changes: object) -> None:
        """Changes an object, and lets the watch see it."""
        self.store.put(kind, self.changed_unseen(kind, name, **changes))

    def changed_unseen(self, kind: Kind, name: str, **changes: object) -> Body:
        """Changes an object behind the operator's back; the object."""
        return self._api_write("PATCH", kind, {"metadata": {"name": name}, **changes})

    def pod(self, of: Body, index: int, **status: object) -> None:
        """A pod of a job, that the watch sees."""
        labels = {
            **of["metadata"]["labels"],
            "training.kubeflow.org/job-name": of["metadata"]["name"],
            "training.kubeflow.org/replica-index": str(index),
        }
        name = f"{of['metadata']['name']}-worker-{index}"
        self.seen(PODS, {"metadata": {"name": name, "labels": labels}, "spec": {"nodeName": "node"}, "status": status})

    def reporter(self, kind: Kind) -> StatusReporter:
        """Reports on resources of a kind; its events are written at once."""
        return StatusReporter(self.client, self.store, self.tell, kind, "operator-0")

    def tell(self, event: Body) -> None:
        """Writes an event."""
        self.client.create(EVENTS, event["metadata"]["namespace"], event)

    def status(self, kind: Kind, name: str) -> Body:
        """Of a resource, as the API server has it."""
        found: Body = self.client.get(kind, NAMESPACE, name).get("status") or {}
        return found

    def condition(self, kind: Kind, name: str, type_: str) -> tuple[str, str]:
        """Reason and message of a condition."""
        conditions = self.status(kind, name).get("conditions") or ()
        return next((one["reason"], one["message"]) for one in conditions if one["type"] == type_)

    def names(self, kind: Kind) -> list[str]:
        """Of all objects of a kind that the API server has."""
        return [item["metadata"]["name"] for item in self.client.list(kind, NAMESPACE)["items"]]

    def events(self) -> list[tuple[str, str]]:
        """Type and reason of all events, in order."""
        told = [request.body for request in self.api.asked("POST", EVENTS)]
        return [(event["type"], event["reason"]) for event in told]

    def _api_write(self, method: str, kind: Kind, document: Mapping[str, Any]) -> Body:
        place = place_of(kind.path(NAMESPACE, None if method == "POST" else document["metadata"]["name"]))
        if method == "POST":
            return self.api.objects.create(place, document)
        return self.api.objects.merge(place, document)


@contextmanager
def api_lab() -> Iterator[ApiLab]:
    """One with nothing in it, until the block is left."""
    with api_stand_in() as api:
        connection = api.connection()
        lab = ApiLab(api=api, client=Client(connection))
        lab.client = Client(connection, lab.metrics.observe_request, lambda: lab.leads)
        yield lab
        connection.pool.clear()
