"""All trainings: what runs and waits, what it costs, how much of it is useful, and what interrupts it."""

from grafana_foundation_sdk.builders.dashboard import Dashboard, Row

from bionemo_monitoring.joins import PODS, by_training, of_pods
from bionemo_monitoring.panels import Query, board, curves, number, states, table, variable

_IN = 'namespace=~"$namespace"'
_RUNNING = f'bionemo_training_condition{{{_IN},type="Running",status="True"}}'
_UTILIZATION = by_training(of_pods("DCGM_FI_DEV_GPU_UTIL", "$namespace", f".+{PODS}"))


def fleet() -> Dashboard:
    """The dashboard."""
    dashboard = board("BioNeMo / Fleet", "fleet", "What all trainings do, and what keeps them from it.").with_variable(
        variable("namespace", "Namespace", "label_values(bionemo_training_condition, namespace)", may_be_all=True)
    )
    dashboard.with_row(Row("Now"))
    for panel in (
        number("Running", "Trainings whose nodes all run.", f"sum({_RUNNING})"),
        number(
            "Waiting", "Trainings that have not ended and do not run.", f"{_condition('Unknown')} - sum({_RUNNING})"
        ),
        number("Failed", "Trainings that ended without success and are still there.", _condition("False")),
        number(
            "GPUs at work",
            "GPUs of the trainings that run.",
            f"sum(bionemo_training_gpus{{{_IN}}} * on (namespace, name) {_RUNNING})",
        ),
        number(
            "Goodput",
            "Productive time as a part of all time since the start, weighted by nodes.",
            f"sum(bionemo_training_goodput_ratio{{{_IN}}} * on (namespace, name) bionemo_training_nodes) / "
            f"sum(bionemo_training_nodes{{{_IN}}} and on (namespace, name) bionemo_training_goodput_ratio)",
            unit="percentunit",
            decimals=1,
        ),
        number(
            "Steps done again", "Finished steps that interruptions cost.", f"sum(bionemo_training_steps_lost{{{_IN}}})"
        ),
    ):
        dashboard.with_panel(panel)
    return _interruptions(_work(dashboard))


def _work(dashboard: Dashboard) -> Dashboard:
    columns = {
        "Step": "bionemo_training_step",
        "of": "bionemo_training_max_steps",
        "Loss": "bionemo_training_train_loss_nats",
        "Tokens/s": "bionemo_training_tokens_per_second",
        "GPUs": "bionemo_training_gpus",
        "Goodput": "bionemo_training_goodput_ratio",
        "Restarts": "bionemo_training_restarts",
        "Checkpoint age (s)": "bionemo_training_checkpoint_age_seconds",
    }
    queries = {heading: f"max by (name) ({metric}{{{_IN}}})" for heading, metric in columns.items()}
    return (
        dashboard.with_row(Row("Work"))
        .with_panel(
            table("Trainings", "What each does; those that ended stay until they are deleted.", queries, key="name")
        )
        .with_panel(
            states(
                "Runs",
                "When all nodes of a training ran.",
                Query(expr=f"max by (namespace, name) ({_RUNNING})", legend="{{namespace}}/{{name}}"),
            )
        )
        .with_panel(
            curves(
                "Tokens per second",
                "Of all ranks of a training.",
                Query(expr=f"max by (name) (bionemo_training_tokens_per_second{{{_IN}}})", legend="{{name}}"),
            )
        )
        .with_panel(
            curves(
                "GPU utilization",
                "Mean over the GPUs of a training, from NVIDIA's exporter.",
                Query(expr=f"avg by (name) ({_UTILIZATION})", legend="{{name}}"),
                unit="percent",
            )
        )
    )


def _interruptions(dashboard: Dashboard) -> Dashboard:
    return (
        dashboard.with_row(Row("Interruptions"))
        .with_panel(
            curves(
                "Ended attempts by cause",
                "Every attempt that ended before its training was done.",
                Query(expr=f"sum by (cause) (bionemo_training_ended_attempts{{{_IN}}})", legend="{{cause}}"),
            )
        )
        .with_panel(
            curves(
                "Restart budget used",
                "Restarts in the window of spec.recovery over what it allows; at one the training fails.",
                Query(
                    expr=f"max by (namespace, name) (bionemo_training_restarts_in_window{{{_IN}}} / bionemo_training_max_restarts)",
                    legend="{{namespace}}/{{name}}",
                ),
                unit="percentunit",
            )
        )
        .with_panel(
            curves(
                "Time without a step",
                "Between the end of an attempt and the first step of the next.",
                Query(expr=f"sum by (name) (bionemo_training_downtime_seconds{{{_IN}}})", legend="{{name}}"),
                unit="s",
            )
        )
        .with_panel(
            curves(
                "Ended containers by reason",
                "As Kubernetes gives it, of the pods of trainings that are still there.",
                Query(
                    expr=f'sum by (reason) (kube_pod_container_status_terminated_reason{{{_IN},pod=~".+{PODS}"}})',
                    legend="{{reason}}",
                ),
            )
        )
    )


def _condition(succeeded: str) -> str:
    return f'sum(bionemo_training_condition{{{_IN},type="Succeeded",status="{succeeded}"}})'
