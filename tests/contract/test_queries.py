"""Dashboards and alerts ask only for metrics that somebody declares, and every alert says what to do."""

from pathlib import Path

import pytest

from testkit.monitoring import (
    alert_queries,
    alerts,
    declared_metrics,
    metrics_in,
    panel_queries,
    selectors_in,
    variable_queries,
)

ROOT = Path(__file__).parents[2]
ASKED = [*panel_queries(), *variable_queries(), *alert_queries()]


@pytest.fixture(scope="module")
def declared():
    return declared_metrics()


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.place)
def test_a_query_names_only_declared_metrics(asked, declared):
    assert metrics_in(asked.expr)
    assert metrics_in(asked.expr) - declared == set()


def test_every_metric_of_others_is_asked_for(declared):
    asked = {name for query in ASKED for name in metrics_in(query.expr)}
    assert {name for name in declared if not name.startswith(("bionemo_", "process_", "python_"))} <= asked


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ("a", {"a"}),
        ('sum by (le, b) (rate(a_bucket{c="d",e=~".+"}[5m])) > 0.5', {"a_bucket"}),
        ("a * on (x, y) group_left (z) max by (x, y, z) (b offset 1d)", {"a", "b"}),
        ('label_replace(a, "b", "$1", "c", "(.+)-[0-9]+") or absent(d) unless bool_e', {"a", "d", "bool_e"}),
        ("histogram_quantile(0.95, sum by (le) (a)) and changes((max(b))[15m:1m]) >= 1e3", {"a", "b"}),
    ],
)
def test_names_of_metrics_are_told_from_everything_else_in_a_query(expr, names):
    assert metrics_in(expr) == names


def test_selectors_are_cut_out_without_ranges():
    assert selectors_in('rate(a{b="c"}[5m]) / (a_total offset 1h)') == {'a{b="c"}', "a_total"}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(alert):
    annotations = alert["annotations"]
    assert alert["labels"]["severity"] in ("warning", "critical")
    assert len(annotations["summary"]) < 120
    assert len(annotations["description"]) > 100
    assert annotations["runbook_url"] == f"docs/runbooks/{alert['alert']}.md"


def test_every_runbook_is_that_of_an_alert():
    runbooks = {path.stem: path.read_text() for path in (ROOT / "docs" / "runbooks").glob("*.md")}
    assert set(runbooks) == {alert["alert"] for alert in alerts()}
    for name, text in runbooks.items():
        parts = [line for line in text.splitlines() if line.startswith("#")]
        assert parts == [f"# {name}", "## What it costs", "## Where to look", "## What to do"]
