"""What the leader tells of resources is what their status says, and nothing of what it does not say."""

from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from bionemo_operator.metrics import OperatorMetrics, ResourceCollector
from testkit.observations import NOON

TRAINING = {
    "metadata": {"namespace": "lab", "name": "small"},
    "spec": {"checkpoint": {"intervalSteps": 1000}, "recovery": {"maxRestarts": 20}},
    "status": {
        "conditions": [{"type": "Running", "status": "True"}],
        "resolved": {"nodes": 2, "gpus": 16},
        "progress": {"step": 5, "maxSteps": 100, "trainLoss": 1.5},
        "checkpoint": {"step": 4, "time": "2026-11-24T11:59:00Z"},
        "recovery": {
            "restarts": 3,
            "goodput": "0.875",
            "causes": [{"cause": "Crashed", "count": 2}, {"cause": "Evicted", "count": 1}],
        },
    },
}
PREPROCESS = {
    "metadata": {"namespace": "lab", "name": "zinc"},
    "status": {"shards": 7, "shardsDone": 3, "records": {"train": 90, "rejected": 2}},
}
NEW = {"metadata": {"namespace": "lab", "name": "new"}}


def registry_of(trainings=(), preprocesses=()):
    registry = CollectorRegistry()
    registry.register(ResourceCollector(lambda: (trainings, preprocesses), lambda: NOON + timedelta(seconds=60)))
    return registry


def value(registry, name, of="small", **labels):
    return registry.get_sample_value(name, {"namespace": "lab", "name": of, **labels})


@pytest.mark.parametrize(
    ("name", "labels", "expected"),
    [
        pytest.param("nodes", {}, 2, id="nodes"),
        pytest.param("gpus", {}, 16, id="GPUs"),
        pytest.param("step", {}, 5, id="a step"),
        pytest.param("train_loss_nats", {}, 1.5, id="a loss"),
        pytest.param("validation_loss_nats", {}, None, id="a loss that is not known"),
        pytest.param("checkpoint_age_seconds", {}, 120, id="the age of a checkpoint"),
        pytest.param("checkpoint_interval_steps", {}, 1000, id="how often one is due"),
        pytest.param("restarts", {}, 3, id="restarts"),
        pytest.param("max_restarts", {}, 20, id="how many are allowed"),
        pytest.param("goodput_ratio", {}, 0.875, id="goodput"),
        pytest.param("ended_attempts", {"cause": "Crashed"}, 2, id="a cause"),
        pytest.param("condition", {"type": "Running", "status": "True"}, 1, id="a condition that holds"),
        pytest.param("condition", {"type": "Running", "status": "False"}, 0, id="and one that does not"),
    ],
)
def test_a_training_is_told_of(name, labels, expected):
    assert value(registry_of([TRAINING]), f"bionemo_training_{name}", **labels) == expected


def test_a_preparation_is_told_of():
    registry = registry_of([], [PREPROCESS])
    names = ("shards", "shards_done", "train_records", "rejected_records")
    assert [value(registry, f"bionemo_preprocess_{name}", "zinc") for name in names] == [7, 3, 90, 2]


def test_of_a_resource_without_a_status_nothing_is_told():
    assert [sample for family in registry_of([NEW], [NEW]).collect() for sample in family.samples] == []


def test_registration_asks_for_nothing():
    def bodies():
        raise AssertionError("there is no cluster yet")

    assert CollectorRegistry().register(ResourceCollector(bodies, lambda: NOON)) is None


def test_requests_are_counted_and_timed():
    metrics = OperatorMetrics()
    metrics.observe_request("get", 200, 0.5)
    metrics.observe_request("get", 0, 0.5)
    found = metrics.registry.get_sample_value
    assert found("bionemo_operator_api_requests_total", {"verb": "get", "code": "200"}) == 1
    assert found("bionemo_operator_api_requests_total", {"verb": "get", "code": "none"}) == 1
    assert found("bionemo_operator_api_request_seconds_sum", {"verb": "get"}) == 1.0


def test_the_version_is_told():
    names = {sample.name for family in OperatorMetrics().registry.collect() for sample in family.samples}
    assert {"bionemo_operator_build_info", "process_resident_memory_bytes", "python_info"} <= names
