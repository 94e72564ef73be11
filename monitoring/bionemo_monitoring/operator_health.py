"""The operator itself: who leads, what waits, what fails, and how the API server answers."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from bionemo_monitoring.panels import Query, board, curves, number, variable

_IT = 'namespace=~"$namespace"'
_BUILD = f"bionemo_operator_build_info{{{_IT}}}"


def operator_health() -> Dashboard:
    """The dashboard."""
    dashboard = board("BioNeMo / Operator", "operator", "Whether the operator does its work, and what hinders it.")
    dashboard.with_variable(
        variable("namespace", "Namespace", "label_values(bionemo_operator_build_info, namespace)", may_be_all=True)
    )
    dashboard.with_row(Row("Now"))
    for panel in (
        number(
            "Leaders",
            "One is right; none means that nothing is worked on.",
            f"sum(bionemo_operator_leads{{{_IT}}})",
            width=6,
        ),
        number("Replicas", "That answer.", f"count({_BUILD})", width=6),
        number("Due passes", "That wait for a worker.", f"sum(bionemo_operator_queue_depth{{{_IT}}})", width=6),
        number(
            "Longest pass",
            "Age of the oldest pass that runs.",
            f"max(bionemo_operator_longest_pass_seconds{{{_IT}}})",
            unit="s",
            width=6,
            decimals=1,
        ),
    ):
        dashboard.with_panel(panel)
    return _process(_api_server(_passes(dashboard)))


def _passes(dashboard: Dashboard) -> Dashboard:
    return (
        dashboard.with_row(Row("Passes"))
        .with_panel(
            curves(
                "Passes", "By kind and result.", _rate("bionemo_operator_passes_total", "kind", "result"), unit="ops"
            )
        )
        .with_panel(curves("Duration", "Of a pass.", _p95("bionemo_operator_pass_seconds", "kind"), unit="s"))
        .with_panel(
            curves("Wait", "Of a due pass for a worker.", _p95("bionemo_operator_queue_wait_seconds"), unit="s")
        )
        .with_panel(
            curves(
                "Kubernetes events",
                "Those that wait to be written, and those that were lost.",
                Query(expr=f"sum(bionemo_operator_waiting_events{{{_IT}}})", legend="waiting"),
                Query(expr=f"sum(bionemo_operator_lost_events_total{{{_IT}}})", legend="lost"),
            )
        )
    )


def _api_server(dashboard: Dashboard) -> Dashboard:
    return (
        dashboard.with_row(Row("API server"))
        .with_panel(
            curves(
                "Requests",
                "By verb and answer.",
                _rate("bionemo_operator_api_requests_total", "verb", "code"),
                unit="reqps",
            )
        )
        .with_panel(curves("Latency", "Of requests.", _p95("bionemo_operator_api_request_seconds", "verb"), unit="s"))
        .with_panel(
            curves(
                "Silence of watches",
                "Time since a watch was answered; a minute is usual.",
                Query(expr=f"max by (resource) (bionemo_operator_watch_age_seconds{{{_IT}}})", legend="{{resource}}"),
                unit="s",
            )
        )
        .with_panel(
            curves(
                "Broken watches",
                "Taken up again since the start.",
                Query(
                    expr=f"sum by (resource, reason) (bionemo_operator_watch_breaks_total{{{_IT}}})",
                    legend="{{resource}} {{reason}}",
                ),
            )
        )
    )


def _process(dashboard: Dashboard) -> Dashboard:
    replicas = f"on (namespace, pod) {_BUILD}"
    return (
        dashboard.with_row(Row("Process"))
        .with_panel(
            curves(
                "Memory",
                "Resident, by replica.",
                Query(expr=f"process_resident_memory_bytes and {replicas}", legend="{{pod}}"),
                unit="bytes",
            )
        )
        .with_panel(
            curves(
                "CPU",
                "Cores in use, by replica.",
                Query(expr=f"rate(process_cpu_seconds_total[$__rate_interval]) and {replicas}", legend="{{pod}}"),
            )
        )
    )


def _rate(counter: str, *labels: str) -> Query:
    legend = " ".join(f"{{{{{label}}}}}" for label in labels)
    return Query(expr=f"sum by ({', '.join(labels)}) (rate({counter}{{{_IT}}}[$__rate_interval]))", legend=legend)


def _p95(histogram: str, *labels: str) -> Query:
    by = ", ".join(("le", *labels))
    legend = " ".join((*(f"{{{{{label}}}}}" for label in labels), "p95"))
    return Query(
        expr=f"histogram_quantile(0.95, sum by ({by}) (rate({histogram}_bucket{{{_IT}}}[$__rate_interval])))",
        legend=legend,
    )
