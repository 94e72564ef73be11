"""Rules about the course of a run: its learning rate and the metric that ranks its checkpoints."""

from collections.abc import Iterator

from bionemo_trainer.config.metrics import monitored_metrics
from bionemo_trainer.config.schema.optim import CosineAnnealing, NoamAnnealing
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.errors import Problem


def schedule_fits_the_run(config: TrainConfig) -> Iterator[Problem]:
    """Warm-up is said once and leaves steps to anneal over."""
    sched = config.model.optim.sched
    if sched.warmup_steps is not None and sched.warmup_ratio is not None:
        yield Problem(
            field="model.optim.sched.warmup_ratio",
            value=sched.warmup_ratio,
            rule=f"is given beside warmup_steps ({sched.warmup_steps})",
            mend="set one of them to null",
        )
        return
    length = _schedule_steps(config)
    tail = sched.constant_steps if isinstance(sched, CosineAnnealing) else 0
    used = _warmup_steps(config) + tail
    if used >= length:
        parts = "warmup_steps + constant_steps" if tail else "warmup_steps"
        yield Problem(
            field=f"model.optim.sched.{parts}",
            value=used,
            rule=f"leaves no step of the schedule's {length} to anneal over",
            mend="shorten it, or lengthen model.optim.sched.max_steps or trainer.max_steps",
        )


def _schedule_steps(config: TrainConfig) -> int:
    return config.model.optim.sched.max_steps or config.trainer.max_steps


def _warmup_steps(config: TrainConfig) -> int:
    sched = config.model.optim.sched
    if sched.warmup_steps is not None:
        return sched.warmup_steps
    return int((sched.warmup_ratio or 0.0) * _schedule_steps(config))


def monitor_is_measured(config: TrainConfig) -> Iterator[Problem]:
    """Checkpoints are ranked by a metric that is measured."""
    monitor = config.exp_manager.checkpoint_callback_params.monitor
    known = monitored_metrics(config.family)
    if monitor not in known:
        yield Problem(
            field="exp_manager.checkpoint_callback_params.monitor",
            value=monitor,
            rule=f"is not measured for {config.family}",
            mend=f"choose one of {', '.join(known)}",
        )


def schedule_warnings(config: TrainConfig) -> Iterator[str]:
    """A floor above the whole curve, which NeMo warns of too."""
    sched = config.model.optim.sched
    if isinstance(sched, NoamAnnealing) and (warmup := _warmup_steps(config)):
        peak = config.model.optim.lr * sched.d_model**-0.5 * warmup**-0.5
        if peak <= sched.min_lr:
            yield f"model.optim.sched.min_lr ({sched.min_lr:g}) is not below the peak of the curve ({peak:.3g})"
