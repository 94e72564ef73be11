"""Every metric of the operator, declared once. Names of resources are labels of gauges only, which go with the resource.

What is told of trainings is read from their status when Prometheus asks, by the leader alone: so nothing is counted twice
when another replica takes over, and nothing is lost.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from importlib import metadata
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, PlatformCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

type Body = Mapping[str, Any]

_PASS_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_OBJECT = ("namespace", "name")


class OperatorMetrics:
    """What the operator tells of itself."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.passes = Counter(
            "bionemo_operator_passes", "Passes over resources.", ("kind", "result"), registry=registry
        )
        self.pass_seconds = Histogram(
            "bionemo_operator_pass_seconds", "Duration of passes.", ("kind",), buckets=_PASS_SECONDS, registry=registry
        )
        self.queue_seconds = Histogram(
            "bionemo_operator_queue_wait_seconds",
            "Time that due passes waited for a worker.",
            buckets=_PASS_SECONDS,
            registry=registry,
        )
        self.queue_depth = Gauge("bionemo_operator_queue_depth", "Passes that are due and wait.", registry=registry)
        self.longest_pass = Gauge(
            "bionemo_operator_longest_pass_seconds", "Age of the oldest pass that runs.", registry=registry
        )
        self.requests = Counter(
            "bionemo_operator_api_requests", "Requests to the API server.", ("verb", "code"), registry=registry
        )
        self.request_seconds = Histogram(
            "bionemo_operator_api_request_seconds",
            "Duration of requests to the API server.",
            ("verb",),
            registry=registry,
        )
        self.watch_age = Gauge(
            "bionemo_operator_watch_age_seconds",
            "Time since a watch was answered last.",
            ("resource",),
            registry=registry,
        )
        self.watch_breaks = Counter(
            "bionemo_operator_watch_breaks",
            "Watches that were taken up again because they broke, or their version was forgotten.",
            ("resource", "reason"),
            registry=registry,
        )
        self.leads = Gauge("bionemo_operator_leads", "Whether this replica leads.", registry=registry)
        self.events_lost = Counter(
            "bionemo_operator_lost_events", "Kubernetes events that could not be written.", registry=registry
        )
        self.events_waiting = Gauge(
            "bionemo_operator_waiting_events", "Kubernetes events that wait to be written.", registry=registry
        )
        build = Gauge("bionemo_operator_build_info", "Version of the operator.", ("version",), registry=registry)
        build.labels(metadata.version("bionemo-operator")).set(1)

    def observe_request(self, verb: str, status: int, seconds: float) -> None:
        """A request was answered, or not."""
        self.requests.labels(verb, str(status or "none")).inc()
        self.request_seconds.labels(verb).observe(seconds)


class ResourceCollector(Collector):
    """What the leader tells of trainings and preparations."""

    def __init__(
        self, bodies: Callable[[], tuple[Iterable[Body], Iterable[Body]]], clock: Callable[[], datetime]
    ) -> None:
        self._bodies = bodies
        """Trainings and preparations; none while another replica leads."""
        self._clock = clock

    def describe(self) -> Iterable[Metric]:
        """Nothing: asking at registration would read a cluster that is not there yet."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """The gauges of all resources."""
        trainings, preprocesses = self._bodies()
        yield from _families("bionemo_training", _TRAINING_GAUGES, trainings, self._clock())
        yield from _families("bionemo_preprocess", _PREPROCESS_GAUGES, preprocesses, self._clock())


type Sample = tuple[tuple[str, ...], float]
type Gauges = tuple[tuple[str, str, tuple[str, ...], Callable[[Body, datetime], Iterable[Sample]]], ...]
"""Names, help texts, labels besides namespace and name, and what they are read from."""


def _families(prefix: str, gauges: Gauges, bodies: Iterable[Body], now: datetime) -> Iterator[Metric]:
    listed = list(bodies)
    for name, text, labels, samples_of in gauges:
        family = GaugeMetricFamily(f"{prefix}_{name}", text, labels=(*_OBJECT, *labels))
        for body in listed:
            place = (body["metadata"]["namespace"], body["metadata"]["name"])
            for values, number in samples_of(body, now):
                family.add_metric((*place, *values), number)
        yield family


def _number(*path: str, part: str = "status") -> Callable[[Body, datetime], Iterator[Sample]]:
    """A number of the status, or of another part, if it is there."""

    def samples(body: Body, now: datetime) -> Iterator[Sample]:
        del now
        found: Any = body.get(part)
        for name in path:
            found = (found or {}).get(name)
        if found is not None:
            yield (), float(found)

    return samples


def _conditions(body: Body, now: datetime) -> Iterator[Sample]:
    """One for the status that a condition has, zero for the others, as kube-state-metrics does."""
    del now
    for condition in (body.get("status") or {}).get("conditions") or ():
        for status in ("True", "False", "Unknown"):
            yield (condition["type"], status), float(condition["status"] == status)


def _causes(body: Body, now: datetime) -> Iterator[Sample]:
    del now
    for count in ((body.get("status") or {}).get("recovery") or {}).get("causes") or ():
        yield (count["cause"],), float(count["count"])


def _checkpoint_age(body: Body, now: datetime) -> Iterator[Sample]:
    saved = (body.get("status") or {}).get("checkpoint")
    if saved:
        yield (), (now - datetime.fromisoformat(saved["time"])).total_seconds()


_TRAINING_GAUGES: Gauges = (
    ("condition", "Whether a condition has a status.", ("type", "status"), _conditions),
    ("nodes", "Nodes of the current attempt.", (), _number("resolved", "nodes")),
    ("gpus", "GPUs of the current attempt.", (), _number("resolved", "gpus")),
    ("step", "Finished steps.", (), _number("progress", "step")),
    ("max_steps", "Steps until done.", (), _number("progress", "maxSteps")),
    ("train_loss_nats", "Training loss per target.", (), _number("progress", "trainLoss")),
    ("validation_loss_nats", "Validation loss per target.", (), _number("progress", "validationLoss")),
    ("samples_per_second", "Samples of all ranks.", (), _number("progress", "samplesPerSecond")),
    ("tokens_per_second", "Tokens of all ranks.", (), _number("progress", "tokensPerSecond")),
    ("checkpoint_step", "Step of the last committed checkpoint.", (), _number("checkpoint", "step")),
    ("checkpoint_age_seconds", "Age of the last committed checkpoint.", (), _checkpoint_age),
    (
        "checkpoint_interval_steps",
        "Steps between checkpoints.",
        (),
        _number("checkpoint", "intervalSteps", part="spec"),
    ),
    ("restarts", "Restarts since the first attempt.", (), _number("recovery", "restarts")),
    ("restarts_in_window", "Restarts that count against the budget now.", (), _number("recovery", "restartsInWindow")),
    ("max_restarts", "Restarts that a window allows.", (), _number("recovery", "maxRestarts", part="spec")),
    ("ended_attempts", "Attempts that a cause has ended.", ("cause",), _causes),
    ("steps_lost", "Finished steps that had to be done again.", (), _number("recovery", "stepsLost")),
    ("downtime_seconds", "Time between attempts without a step.", (), _number("recovery", "downtimeSeconds")),
    ("productive_seconds", "Time of stepping whose steps were kept.", (), _number("recovery", "productiveSeconds")),
    ("goodput_ratio", "Productive time as a part of all since the start.", (), _number("recovery", "goodput")),
)
_PREPROCESS_GAUGES: Gauges = (
    ("condition", "Whether a condition has a status.", ("type", "status"), _conditions),
    ("shards", "Work units of the stage that runs.", (), _number("shards")),
    ("shards_done", "Work units of that stage that are done.", (), _number("shardsDone")),
    ("train_records", "Records to train on.", (), _number("records", "train")),
    ("rejected_records", "Records that were left out.", (), _number("records", "rejected")),
)
