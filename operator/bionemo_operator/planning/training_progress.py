"""What a reading of `/progress` adds to a training's status: figures, checkpoint, and what the last failure cost. Pure."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from bionemo_operator.api.training_status import (
    Attempt,
    CheckpointStatus,
    Progress,
    RecoveryStatus,
    TrainingStatus,
)
from bionemo_operator.planning import names
from bionemo_operator.planning.observed import Reading
from bionemo_trainer import contract

SIGNIFICANT_DIGITS = 5
"""Of losses and rates."""


def with_reading(status: TrainingStatus, reading: Reading) -> TrainingStatus:
    """The status once rank 0 of the current attempt has answered."""
    before, now = status.progress, reading.progress
    recovery = status.recovery
    assert recovery is not None, "an attempt has begun"
    current = recovery.attempts[-1]
    if current.first_step_time is None:
        recovery = _at_start(recovery, current, reading)
    elif before is not None and before.update_time is not None and now.step > before.step:
        seconds = max(round((reading.read_at - before.update_time).total_seconds()), 0)
        recovery = recovery.model_copy(update={"productive_seconds": recovery.productive_seconds + seconds})
    progress = _progress(before, reading)
    recovery = recovery.model_copy(update={"goodput": goodput(status, recovery, reading.read_at)})
    return status.model_copy(
        update={
            "recovery": recovery,
            "progress": progress,
            "checkpoint": _checkpoint(status, now.checkpoint) if now.checkpoint else status.checkpoint,
        }
    )


def goodput(status: TrainingStatus, recovery: RecoveryStatus, now: datetime) -> str | None:
    """Productive time as a part of the time since the first attempt began."""
    if status.start_time is None:
        return None
    seconds = (now - status.start_time).total_seconds()
    return f"{min(recovery.productive_seconds / seconds, 1.0):.3f}" if seconds > 0 else None


def decimal_text(number: float) -> str:
    """A number as a decimal text without exponent, to a few digits."""
    return f"{Decimal(f'{number:.{SIGNIFICANT_DIGITS}g}'):f}"


def _at_start(recovery: RecoveryStatus, current: Attempt, reading: Reading) -> RecoveryStatus:
    """What the first answers of an attempt tell: where it goes on, and with its first step how long nothing was trained."""
    told = reading.progress.start_step
    start_step = told if told is not None else current.start_step or 0
    previous = recovery.attempts[-2] if len(recovery.attempts) > 1 else None
    changes: dict[str, object] = {"start_step": start_step}
    costs: dict[str, object] = {}
    if reading.progress.phase != "Starting":
        changes["first_step_time"] = reading.read_at
        if previous and previous.end_time:
            lost = max((previous.end_step or 0) - start_step, 0)
            again = recovery.productive_seconds * lost // max(previous.end_step or 0, 1)
            waited = max(round((reading.read_at - previous.end_time).total_seconds()), 0)
            costs = {
                "steps_lost": recovery.steps_lost + lost,
                "downtime_seconds": recovery.downtime_seconds + waited,
                "productive_seconds": recovery.productive_seconds - again,
            }
    return recovery.model_copy(
        update={"attempts": (*recovery.attempts[:-1], current.model_copy(update=changes)), **costs}
    )


def _progress(before: Progress | None, reading: Reading) -> Progress:
    now = reading.progress
    eta = now.eta_seconds
    progress = Progress(
        step=now.step,
        max_steps=now.max_steps,
        consumed_samples=now.consumed_samples,
        train_loss=_optional(now.train_loss),
        validation_loss=_optional(now.validation_loss),
        samples_per_second=_optional(now.samples_per_second),
        tokens_per_second=None if now.tokens_per_second is None else round(now.tokens_per_second),
        estimated_completion_time=None if eta is None else _whole(reading.read_at + timedelta(seconds=eta)),
        update_time=_whole(reading.read_at),
    )
    if before is not None and before.step == progress.step and before.validation_loss == progress.validation_loss:
        return before  # nothing was trained since, so the figures stay as old as they are
    return progress


def _checkpoint(status: TrainingStatus, saved: contract.SavedCheckpoint) -> CheckpointStatus:
    return CheckpointStatus(
        step=saved.step,
        path=names.joined(status.results_path, saved.path),
        size_bytes=saved.size_bytes,
        time=_whole(datetime.fromtimestamp(saved.saved_at, UTC)),
    )


def _optional(number: float | None) -> str | None:
    """A figure as a text; one that is no number is left out, for the API takes none."""
    return None if number is None or not math.isfinite(number) else decimal_text(number)


def _whole(time: datetime) -> datetime:
    """A moment in whole seconds, as the Kubernetes API writes them."""
    return time.replace(microsecond=0)
