"""One training: what it learns, how fast, what its GPUs do, and what it would lose now."""

from grafana_foundation_sdk.builders.dashboard import AnnotationQuery, Dashboard, Row

from bionemo_monitoring.joins import PODS, of_pods, on_kubernetes_nodes
from bionemo_monitoring.panels import DATASOURCE, Query, board, curves, number, states, variable

_IT = 'namespace=~"$namespace",name="$training"'
"""Series that the operator tells of it."""
_ITS_PODS = f"$training{PODS}"
_RANK_0 = f'namespace=~"$namespace",pod=~"{_ITS_PODS}"'
"""Series that rank 0 tells itself, and kube-state-metrics of its pods."""
_ATTEMPTS = f"bionemo_trainer_attempt{{{_RANK_0}}}"


def training() -> Dashboard:
    """The dashboard."""
    dashboard = (
        board("BioNeMo / Training", "training", "What one training learns, how fast, and what it would lose now.")
        .with_variable(
            variable("namespace", "Namespace", "label_values(bionemo_training_condition, namespace)", may_be_all=False)
        )
        .with_variable(
            variable(
                "training",
                "Training",
                'label_values(bionemo_training_condition{namespace=~"$namespace"}, name)',
                may_be_all=False,
            )
        )
        .annotation(
            AnnotationQuery()
            .name("Attempts")
            .datasource(DATASOURCE)
            .enable(True)
            .icon_color("orange")
            # For its first minute each attempt is new.
            .expr(f"{_ATTEMPTS} unless {_ATTEMPTS} offset 1m")
        )
    )
    for part in (_summary, _learning, _speed, _gpus, _safety):
        part(dashboard)
    return dashboard


def _summary(dashboard: Dashboard) -> None:
    done = f"max(bionemo_training_step{{{_IT}}}) / max(bionemo_training_max_steps{{{_IT}}})"
    dashboard.with_row(Row("Now"))
    for panel in (
        number("Done", "Finished steps of all.", done, unit="percentunit", decimals=1),
        number("Nodes", "Of the current attempt.", f"max(bionemo_training_nodes{{{_IT}}})"),
        number("GPUs", "Of the current attempt.", f"max(bionemo_training_gpus{{{_IT}}})"),
        number(
            "Goodput",
            "Productive time as a part of all time since the start.",
            f"max(bionemo_training_goodput_ratio{{{_IT}}})",
            unit="percentunit",
            decimals=1,
        ),
        number("Restarts", "Since the first attempt.", f"max(bionemo_training_restarts{{{_IT}}})"),
        number("Samples", "Position in the data.", f"max(bionemo_trainer_consumed_samples{{{_RANK_0}}})"),
    ):
        dashboard.with_panel(panel)
    dashboard.with_panel(
        states(
            "Conditions",
            "Which conditions of the resource are true.",
            Query(expr=f'max by (type) (bionemo_training_condition{{{_IT},status="True"}})', legend="{{type}}"),
            width=12,
        )
    ).with_panel(
        states(
            "Phase",
            "What rank 0 says that it does.",
            Query(
                expr=f"max by (bionemo_trainer_phase) (bionemo_trainer_phase{{{_RANK_0}}})",
                legend="{{bionemo_trainer_phase}}",
            ),
            width=12,
        )
    )


def _learning(dashboard: Dashboard) -> None:
    dashboard.with_row(Row("Learning"))
    for panel in (
        curves(
            "Loss",
            "Nats per target, in training and on held-out data.",
            _own("bionemo_trainer_train_loss_nats", "training"),
            _own("bionemo_trainer_validation_loss_nats", "validation"),
        ),
        curves(
            "Validation",
            "Shares that validation measures; which there are depends on the model.",
            Query(expr=f"max by (measure) (bionemo_trainer_validation_ratio{{{_RANK_0}}})", legend="{{measure}}"),
            unit="percentunit",
        ),
        curves("Perplexity", "Exponential of the validation loss.", _own("bionemo_trainer_validation_perplexity", "")),
        curves("Learning rate", "Of the last step.", _own("bionemo_trainer_learning_rate", "")),
        curves("Gradient norm", "Before clipping.", _own("bionemo_trainer_gradient_norm", "")),
        curves(
            "Loss scale",
            "One unless precision is 16-mixed; updates whose scaled gradient overflowed are skipped.",
            _own("bionemo_trainer_loss_scale", "scale"),
            Query(
                expr=f"max(increase(bionemo_trainer_skipped_updates_total{{{_RANK_0}}}[$__rate_interval]))",
                legend="skipped",
            ),
        ),
    ):
        dashboard.with_panel(panel)


def _speed(dashboard: Dashboard) -> None:
    dashboard.with_row(Row("Speed"))
    for panel in (
        curves("Tokens per second", "Of all ranks.", _own("bionemo_trainer_tokens_per_second", "tokens")),
        curves("Samples per second", "Of all ranks.", _own("bionemo_trainer_samples_per_second", "samples")),
        curves(
            "Duration of a step",
            "Of the means between two logs.",
            *(Query(expr=_step_quantile(share), legend=f"p{share * 100:.0f}") for share in (0.5, 0.95)),
            unit="s",
        ),
        curves(
            "Waiting for data",
            "Part of the time in which rank 0 had no batch; more workers or a faster volume lower it.",
            Query(
                expr=f"max(rate(bionemo_trainer_data_wait_seconds_total{{{_RANK_0}}}[$__rate_interval]))",
                legend="waiting",
            ),
            unit="percentunit",
        ),
        curves(
            "Start",
            "Seconds from launch to the end of the first step, by what took them; every attempt pays them.",
            Query(expr=f"max by (phase) (bionemo_trainer_startup_seconds{{{_RANK_0}}})", legend="{{phase}}"),
            unit="s",
        ),
        curves(
            "Model FLOPs utilization",
            "Operations that the model needs over what its GPUs could do; only for GPUs with a published 16-bit peak.",
            _own("bionemo_trainer_mfu_ratio", "MFU"),
            unit="percentunit",
        ),
    ):
        dashboard.with_panel(panel)


def _gpus(dashboard: Dashboard) -> None:
    dashboard.with_row(Row("GPUs, from NVIDIA's exporter"))
    for title, about, metric, unit in (
        ("Utilization", "Part of the time in which a kernel ran.", "DCGM_FI_DEV_GPU_UTIL", "percent"),
        ("Tensor cores", "Part of the cycles in which they worked.", "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE", "percentunit"),
        ("Memory", "In use.", "DCGM_FI_DEV_FB_USED", "decmbytes"),
        ("Power", "Drawn.", "DCGM_FI_DEV_POWER_USAGE", "watt"),
        ("Temperature", "Of the chip.", "DCGM_FI_DEV_GPU_TEMP", "celsius"),
        (
            "Last XID error",
            "Zero is none; NVIDIA's list of XID errors says what others mean.",
            "DCGM_FI_DEV_XID_ERRORS",
            "none",
        ),
    ):
        query = Query(expr=on_kubernetes_nodes(of_pods(metric, "$namespace", _ITS_PODS)), legend="{{node}} {{gpu}}")
        dashboard.with_panel(curves(title, about, query, unit=unit, width=8))


def _safety(dashboard: Dashboard) -> None:
    dashboard.with_row(Row("Checkpoints and attempts"))
    saves = "bionemo_trainer_save_seconds"
    for panel in (
        curves(
            "Age of the newest checkpoint",
            "Work that a failure would cost.",
            _own("bionemo_trainer_checkpoint_age_seconds", ""),
            unit="s",
            width=8,
        ),
        curves(
            "Duration of saving",
            "Mean of this attempt.",
            Query(expr=f"max({saves}_sum{{{_RANK_0}}}) / max({saves}_count{{{_RANK_0}}})", legend="mean"),
            unit="s",
            width=8,
        ),
        curves(
            "Size of the newest checkpoint",
            "On the volume.",
            _own("bionemo_trainer_checkpoint_bytes", ""),
            unit="bytes",
            width=8,
        ),
        curves(
            "Ended attempts by cause",
            "Every attempt that ended before the training was done.",
            Query(expr=f"max by (cause) (bionemo_training_ended_attempts{{{_IT}}})", legend="{{cause}}"),
        ),
        curves(
            "Pods by phase",
            "As Kubernetes gives it.",
            Query(expr=f"sum by (phase) (kube_pod_status_phase{{{_RANK_0}}})", legend="{{phase}}"),
        ),
    ):
        dashboard.with_panel(panel)


def _own(metric: str, legend: str) -> Query:
    """What rank 0 tells; of a newer attempt and one that is just going, the larger."""
    return Query(expr=f"max({metric}{{{_RANK_0}}})", legend=legend)


def _step_quantile(share: float) -> str:
    rates = f"sum by (le) (rate(bionemo_trainer_step_seconds_bucket{{{_RANK_0}}}[$__rate_interval]))"
    return f"histogram_quantile({share}, {rates})"
