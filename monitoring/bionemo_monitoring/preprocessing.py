"""All preparations of data: how far they are, what they kept and what they left out."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from bionemo_monitoring.panels import FULL_WIDTH, Query, board, curves, number, states, variable

_IN = 'namespace=~"$namespace"'
_NAME = "{{namespace}}/{{name}}"


def preprocessing() -> Dashboard:
    """The dashboard."""
    dashboard = board(
        "BioNeMo / Preprocessing", "preprocessing", "How far preparations are, and what they left out."
    ).with_variable(
        variable("namespace", "Namespace", "label_values(bionemo_preprocess_condition, namespace)", may_be_all=True)
    )
    dashboard.with_row(Row("Now"))
    for panel in (
        number("Running", "Preparations with pods at work.", _count("Running", "True"), width=6),
        number("Succeeded", "Whose dataset is complete.", _count("Succeeded", "True"), width=6),
        number("Failed", "That ended without a dataset.", _count("Succeeded", "False"), width=6),
        number("Records", "To train on, of all datasets.", f"sum(bionemo_preprocess_train_records{{{_IN}}})", width=6),
        states(
            "Runs",
            "When pods of a preparation worked.",
            Query(
                expr=f'max by (namespace, name) (bionemo_preprocess_condition{{{_IN},type="Running",status="True"}})',
                legend=_NAME,
            ),
        ),
        curves(
            "Shards done",
            "Part of the stage that runs; each stage begins at nought.",
            Query(
                expr=f"max by (namespace, name) (bionemo_preprocess_shards_done{{{_IN}}} / bionemo_preprocess_shards{{{_IN}}})",
                legend=_NAME,
            ),
            unit="percentunit",
        ),
        curves(
            "Rejected records",
            "Part of all records that were read; rejects.csv.gz beside the dataset names each with its cause.",
            Query(expr=_rejected_share(), legend=_NAME),
            unit="percentunit",
        ),
        curves(
            "Pods by phase",
            "As Kubernetes gives it, of the jobs that the operator makes for stages.",
            Query(
                expr=f'sum by (phase) (kube_pod_status_phase{{{_IN},pod=~".+-(list|fetch|cut|map|settle|reduce|finish)-.+"}})',
                legend="{{phase}}",
            ),
            width=FULL_WIDTH,
        ),
    ):
        dashboard.with_panel(panel)
    return dashboard


def _count(condition: str, status: str) -> str:
    return f'sum(bionemo_preprocess_condition{{{_IN},type="{condition}",status="{status}"}})'


def _rejected_share() -> str:
    rejected = f"bionemo_preprocess_rejected_records{{{_IN}}}"
    return f"max by (namespace, name) ({rejected} / ({rejected} + bionemo_preprocess_train_records{{{_IN}}}))"
