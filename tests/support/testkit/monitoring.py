"""What the chart's dashboards and alerts ask of Prometheus, read from their files."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bionemo_operator.metrics import OperatorMetrics, ResourceCollector
from bionemo_trainer.training.metrics import TrainingMetrics
from testkit.observations import NOON

CHART_FILES = Path(__file__).parents[3] / "charts" / "bionemo-operator" / "files"
ALERT_FILES = sorted((CHART_FILES / "alerts").glob("*.yaml"))
EXPOSITIONS = Path(__file__).parents[2] / "golden" / "expositions"
"""What other exporters answer, as text files by exporter."""

_NO_METRIC = re.compile(
    r'"[^"]*"|\{[^}]*\}|\[[^\]]*\]'  # texts, label matchers, ranges
    r"|\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)"  # lists of labels
    r"|[A-Za-z_][A-Za-z0-9_]*\s*(?=\(|(?:by|without)\b)"  # functions and aggregations
    r"|\b(?:and|or|unless|offset|bool)\b|\b[0-9][0-9.]*(?:e[0-9]+)?[smhdwy]?\b"
)
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A query and where it stands."""

    place: str
    expr: str


def alerts() -> list[dict[str, Any]]:
    """Every rule."""
    documents = [yaml.safe_load(path.read_text("utf-8")) for path in ALERT_FILES]
    return [rule for document in documents for group in document["groups"] for rule in group["rules"]]


def panel_queries() -> Iterator[Asked]:
    """Every query of every dashboard's panels and annotations."""
    for path in sorted((CHART_FILES / "dashboards").glob("*.json")):
        dashboard = json.loads(path.read_text("utf-8"))
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                yield Asked(place=f"{path.stem}: {panel['title']} {target['refId']}", expr=target["expr"])
        for annotation in dashboard["annotations"].get("list", ()):
            yield Asked(place=f"{path.stem}: annotation {annotation['name']}", expr=annotation["expr"])


def variable_queries() -> Iterator[Asked]:
    """The series that every choice of every dashboard is looked up in."""
    for path in sorted((CHART_FILES / "dashboards").glob("*.json")):
        for variable in json.loads(path.read_text("utf-8"))["templating"]["list"]:
            if variable["type"] == "query":
                looked_up = re.fullmatch(r"label_values\((.+), \w+\)", variable["query"])
                assert looked_up, f"{variable['query']} is no label_values(series, label)"
                yield Asked(place=f"{path.stem}: variable {variable['name']}", expr=looked_up[1])


def alert_queries() -> Iterator[Asked]:
    """Every rule's."""
    for rule in alerts():
        yield Asked(place=rule["alert"], expr=rule["expr"])


def metrics_in(expr: str) -> set[str]:
    """Names of the metrics that a query reads."""
    return set(_NAME.findall(_NO_METRIC.sub(" ", expr)))


def selectors_in(expr: str) -> set[str]:
    """The series that a query reads, as queries of their own without ranges and offsets."""
    names = "|".join(sorted(metrics_in(expr), key=len, reverse=True))
    return {match[0] for match in re.finditer(rf"\b(?:{names})\b(?:\{{[^}}]*\}})?", expr)}


def declared_metrics() -> set[str]:
    """Names of every sample of our own metrics, and of those of others that the recorded answers hold."""
    trainer, operator = TrainingMetrics(), OperatorMetrics()
    trainer.measured_mfu(0.5)
    resources = ResourceCollector(lambda: ((), ()), lambda: NOON)
    families = [*trainer.registry.collect(), *operator.registry.collect(), *resources.collect()]
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    own = {f"{family.name}{suffix}" for family in families for suffix in suffixes.get(family.type, ("",))}
    return own | {line.split("{")[0] for path in EXPOSITIONS.glob("*.txt") for line in samples_in(path)}


def samples_in(path: Path) -> list[str]:
    """Lines of an exposition that hold values."""
    return [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
