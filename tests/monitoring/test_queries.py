"""Every query of every dashboard and alert finds its data in a Prometheus that has scraped a real operator and a real trainer."""

import math
import time

import pytest

from testkit.cluster_waiting import eventually
from testkit.monitored_cluster import monitored_cluster
from testkit.monitoring import EXPOSITIONS, alert_queries, panel_queries, selectors_in, variable_queries
from testkit.prometheus import Target, prometheus, recorded_expositions

SCRAPED_SECONDS = 12
"""Some scrapes, of which rates are made; less than the minute for which an attempt counts as new."""

PHASES = {"Running": 1, "Pending": 0, "Succeeded": 0, "Failed": 0, "Unknown": 0}
"""kube-state-metrics says of each phase whether a pod is in it."""
EXPECTED = {
    "fleet: Running A": ("", {"": 1}),
    "fleet: Waiting A": ("", {"": 0}),
    "fleet: Failed A": ("", {"": 1}),
    "fleet: GPUs at work A": ("", {"": 2}),
    "fleet: Goodput A": ("", (0.01, 1.0)),
    "fleet: Steps done again A": ("", {"": 0}),
    "fleet: Trainings A": ("name", (20, 999_999)),
    "fleet: Trainings B": ("name", {"small": 1_000_000}),
    "fleet: Trainings C": ("name", (0.1, 7.0)),
    "fleet: Trainings D": ("name", (1, 1e6)),
    "fleet: Trainings E": ("name", {"small": 2}),
    "fleet: Trainings F": ("name", (0.01, 1.0)),
    "fleet: Trainings G": ("name", {"small": 1, "diverged": 0}),
    "fleet: Trainings H": ("name", (0, 120)),
    "fleet: Runs A": ("name", {"small": 1, "diverged": 0}),
    "fleet: Tokens per second A": ("name", (1, 1e6)),
    "fleet: GPU utilization A": ("name", {"small": 97}),
    "fleet: Ended attempts by cause A": ("cause", {"OutOfMemory": 1, "NonFiniteLoss": 1}),
    "fleet: Restart budget used A": ("name", {"small": 0.05, "diverged": 0}),
    "fleet: Time without a step A": ("name", (0, 300)),
    "fleet: Ended containers by reason A": ("reason", {"Error": 1}),
    "operator: Leaders A": ("", {"": 1}),
    "operator: Replicas A": ("", {"": 1}),
    "operator: Due passes A": ("", (0, 4)),
    "operator: Longest pass A": ("", (0, 10)),
    "operator: Passes A": (("kind", "result"), (0, 100)),
    "operator: Duration A": ("kind", (0, 10)),
    "operator: Wait A": ("", (0, 10)),
    "operator: Kubernetes events A": ("", {"": 0}),
    "operator: Kubernetes events B": ("", {"": 0}),
    "operator: Requests A": (("verb", "code"), (0, 1000)),
    "operator: Latency A": ("verb", (0, 10)),
    "operator: Silence of watches A": ("resource", (0, 120)),
    "operator: Broken watches A": ("reason", {"expired": 1}),
    "operator: Memory A": ("pod", (20e6, 4e9)),
    "operator: CPU A": ("pod", (0, 4)),
    "preprocessing: Running A": ("", {"": 1}),
    "preprocessing: Succeeded A": ("", {"": 1}),
    "preprocessing: Failed A": ("", {"": 0}),
    "preprocessing: Records A": ("", {"": 900}),
    "preprocessing: Runs A": ("name", {"zinc": 1, "complete": 0}),
    "preprocessing: Shards done A": ("name", {"zinc": 0.4}),
    "preprocessing: Rejected records A": ("name", {"complete": 0.1}),
    "preprocessing: Pods by phase A": ("phase", PHASES),
    "training: Done A": ("", (20e-6, 0.1)),
    "training: Nodes A": ("", {"": 2}),
    "training: GPUs A": ("", {"": 2}),
    "training: Goodput A": ("", (0.01, 1.0)),
    "training: Restarts A": ("", {"": 1}),
    "training: Samples A": ("", (60, 1e6)),
    "training: Conditions A": (
        "type", {"Accepted": 1, "DataReady": 1, "Running": 1, "Succeeded": 0, "Suspended": 0}
    ),
    "training: Phase A": ("bionemo_trainer_phase", (0, 1)),
    "training: Loss A": ("", (0.1, 7.0)),
    "training: Loss B": ("", (0.1, 7.0)),
    "training: Validation A": ("measure", (0, 1)),
    "training: Perplexity A": ("", (1.0, 1100.0)),
    "training: Learning rate A": ("", (0, 1e-3)),
    "training: Gradient norm A": ("", (1e-6, 1e3)),
    "training: Loss scale A": ("", {"": 1}),
    "training: Loss scale B": ("", {"": 0}),
    "training: Tokens per second A": ("", (1, 1e6)),
    "training: Samples per second A": ("", (0.1, 1e5)),
    "training: Duration of a step A": ("", (0.001, 5)),
    "training: Duration of a step B": ("", (0.001, 10)),
    "training: Waiting for data A": ("", (1e-5, 1)),
    "training: Start A": ("phase", (0, 3600)),
    "training: Model FLOPs utilization A": ("", {"": 0.31}),
    "training: Utilization A": ("gpu", {"0": 97}),
    "training: Tensor cores A": ("gpu", {"0": 0.412}),
    "training: Memory A": ("gpu", {"0": 40211}),
    "training: Power A": ("gpu", {"0": 612.4}),
    "training: Temperature A": ("gpu", {"0": 61}),
    "training: Last XID error A": ("gpu", {"0": 0}),
    "training: Age of the newest checkpoint A": ("", (0, 120)),
    "training: Duration of saving A": ("", (0.001, 60)),
    "training: Size of the newest checkpoint A": ("", (1e5, 1e8)),
    "training: Ended attempts by cause A": ("cause", {"OutOfMemory": 1}),
    "training: Pods by phase A": ("phase", PHASES),
    "training: annotation Attempts": ("pod", {"small-2-worker-0": 2}),
}  # fmt: skip
"""Of each query: the labels that tell its samples apart, and their values, or their bounds where the run decides them."""

PENDING = {
    "BioNeMoTrainingLossNotFinite": {"diverged": 1},
    # Prometheus is seconds old and has seen no progress yet, which is an alert only when it goes on for a quarter of an hour.
    "BioNeMoTrainingNoProgress": {"small": 1},
}
"""What the expressions of alerts tell of, before any `for`; the others of nothing."""


@pytest.fixture(scope="module")
def ask(tmp_path_factory):
    """Asks a query, always of the same moment."""
    folder = tmp_path_factory.mktemp("monitoring")
    with recorded_expositions(EXPOSITIONS) as recorded, monitored_cluster(folder) as cluster:
        pod = {"namespace": "lab", "pod": "small-2-worker-0"}
        targets = {
            "operator": Target(
                port=cluster.operator_port, labels={"namespace": "bionemo", "pod": "operator-0"}, honors_labels=True
            ),
            "trainer": Target(port=cluster.trainer_port, labels=pod),
            "trainer on a GPU": Target(port=recorded, path="/trainer_on_gpu", labels=pod),
            "dcgm": Target(port=recorded, path="/dcgm", labels={"namespace": "gpu-operator", "pod": "dcgm-exporter-x"}),
            "kube-state-metrics": Target(
                port=recorded, path="/kube_state_metrics", labels={"namespace": "monitoring", "pod": "ksm"}, honors_labels=True
            ),
        }  # fmt: skip
        with prometheus(folder, targets) as server:
            assert eventually(server.all_are_up)
            time.sleep(SCRAPED_SECONDS)
            now = time.time()
            yield lambda expr: server.query(substituted(expr), now)


def substituted(expr, training="small"):
    """A query as Grafana would send it."""
    for name, value in (("$namespace", ".+"), ("$training", training), ("$__rate_interval", "10s")):
        expr = expr.replace(name, value)
    assert "$" not in expr.replace('"$1"', "")
    return expr


def test_every_panel_and_annotation_has_an_expectation():
    assert [asked.place for asked in panel_queries()] == list(EXPECTED)


def value_of(labels, names):
    return labels.get(names, "") if isinstance(names, str) else tuple(labels[name] for name in names)


@pytest.mark.parametrize("asked", [*panel_queries()], ids=lambda asked: asked.place)
def test_a_query_of_a_dashboard_finds_the_values_that_the_run_has(ask, asked):
    found = ask(asked.expr)
    told_apart_by, wanted = EXPECTED[asked.place]
    values = {value_of(labels, told_apart_by): value for labels, value in found}
    assert len(values) == len(found) > 0
    if isinstance(wanted, dict):
        assert values == wanted
    else:
        low, high = wanted
        assert [value for value in values.values() if not low <= value <= high and not math.isnan(value)] == []
        assert not all(map(math.isnan, values.values()))


@pytest.mark.parametrize("asked", [*variable_queries()], ids=lambda asked: asked.place)
def test_a_choice_is_made_out_of_series_that_there_are(ask, asked):
    assert {labels["namespace"] for labels, _ in ask(asked.expr)} <= {"lab", "bionemo"}
    assert ask(asked.expr)


@pytest.mark.parametrize("asked", [*alert_queries()], ids=lambda asked: asked.place)
def test_an_alert_reads_series_that_there_are_and_tells_of_what_is_wrong_alone(ask, asked):
    assert [selector for selector in selectors_in(asked.expr) if not ask(selector)] == []
    assert {labels["name"]: value for labels, value in ask(asked.expr)} == PENDING.get(asked.place, {})


def test_no_pass_of_the_operator_failed(ask):
    assert {labels["result"] for labels, _ in ask("bionemo_operator_passes_total")} == {"ok"}


def test_a_gpu_is_told_under_the_name_of_the_node_that_kubernetes_knows(ask):
    (utilization,) = [asked for asked in panel_queries() if asked.place == "training: Utilization A"]
    ((labels, value),) = ask(utilization.expr)
    assert (labels["node"], labels["pod"], labels["namespace"], value) == (
        "gpu-node-0",
        "small-2-worker-0",
        "lab",
        97.0,
    )
