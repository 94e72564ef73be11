"""What follows from what is seen of a training: one ordered list of checks, the first that applies decides. Pure.

Nothing here is remembered between passes. So a pass may be repeated, or die at any moment, and the next one reaches the
same end: `attempts` first records what has happened, then the checks say what to do about it.
"""

from collections.abc import Callable
from dataclasses import replace

from bionemo_operator.api import reasons
from bionemo_operator.api.conditions import phase_of
from bionemo_operator.api.training_status import TrainingStatus
from bionemo_operator.planning import live_attempt, starting
from bionemo_operator.planning.attempts import recorded
from bionemo_operator.planning.causes import FINAL
from bionemo_operator.planning.lifetime import after_the_end, is_over, is_too_late
from bionemo_operator.planning.live_attempt import clear_of, is_there, leftovers
from bionemo_operator.planning.starting import Standing, standing_of
from bionemo_operator.planning.training_view import Decision, DeleteJob, Said, TrainingView, told

type Check = Callable[[TrainingView, Standing], Decision | None]
"""Decides, or leaves it to the next one."""


def training_pass(view: TrainingView) -> tuple[TrainingStatus, Decision]:
    """The complete status that a training should have, and what to do.

    Args:
        view: What is seen; its status is the one of the last report.
    """
    view = recorded(view)
    standing = standing_of(view)
    for check in CHECKS:
        if decision := check(view, standing):
            return reported(view, decision, standing), decision
    raise AssertionError("the last check always decides")


def reported(view: TrainingView, decision: Decision, standing: Standing) -> TrainingStatus:
    """The status that says what was decided, and why."""
    status = view.status.model_copy(update=dict(decision.changes))
    generation = view.training.metadata.generation or 0
    said = (*standing.said, *decision.said)
    conditions = told(status.conditions, said, observed_generation=generation, now=view.now)
    return status.model_copy(
        update={"conditions": conditions, "phase": phase_of(conditions), "observed_generation": generation}
    )


def _has_ended(view: TrainingView, standing: Standing) -> Decision | None:
    """It was said to be over: what still runs is ended, and after its time the object goes."""
    del standing
    if not is_over(view.status.conditions):
        return None
    return after_the_end(
        leftovers(replace(view, jobs=tuple(job for job in view.jobs if job.outcome is None))),
        ttl_seconds=view.training.spec.ttl_seconds_after_finished,
        completed_at=view.status.completion_time,
        now=view.now,
    )


def _is_done(view: TrainingView, standing: Standing) -> Decision | None:
    del standing
    last = view.last
    if last is None or last.end_time is None or last.cause is not None:
        return None
    step = last.end_step if last.end_step is not None else "its last step"
    outcome = f"Attempt {last.number} finished the training at step {step}"
    return _over(view, (reasons.COMPLETED, {"outcome": outcome}))


def _failed_for_good(view: TrainingView, standing: Standing) -> Decision | None:
    del standing
    last = view.last
    if last is None or last.cause not in FINAL:
        return None
    return _over(
        view, (reasons.FINAL_FAILURE, {"attempt": last.number, "cause": last.cause, "message": last.message or ""})
    )


def _is_too_late(view: TrainingView, standing: Standing) -> Decision | None:
    del standing
    seconds = view.training.spec.active_deadline_seconds
    if not is_too_late(view.status.start_time, limit_seconds=seconds, now=view.now):
        return None
    return _over(view, (reasons.DEADLINE_EXCEEDED, {"seconds": seconds}), leftovers(view))


def _has_failed_too_often(view: TrainingView, standing: Standing) -> Decision | None:
    del standing
    recovery, limits = view.recovery, view.training.spec.recovery
    if view.current is not None or recovery.restarts_in_window <= limits.max_restarts:
        return None
    last = view.last
    return _over(
        view,
        (
            reasons.BUDGET_EXHAUSTED,
            {
                "restarts": recovery.restarts_in_window - 1,
                "window_seconds": limits.window_seconds,
                "cause": f"{last.cause}: {last.message}" if last else "unknown",
            },
        ),
        leftovers(view),
    )


def _is_suspended(view: TrainingView, standing: Standing) -> Decision | None:
    """Pods are asked to go, which saves; the pause begins when they are gone."""
    del standing
    if not view.training.spec.suspend:
        return None
    paused: Said = (reasons.PAUSED, {})
    if is_there(view):
        number = view.last.number if view.last else view.jobs[-1].number
        saving: Said = (reasons.SAVING, {"attempt": number})
        return Decision(
            said=(paused, saving), actions=clear_of(view), wake_after_seconds=live_attempt.READ_EVERY_SECONDS
        )
    last = view.last
    position = f"step {last.end_step}" if last and last.end_step is not None else "where it stands"
    return Decision(said=(paused, (reasons.SUSPENDED, {"position": position})))


def _over(view: TrainingView, said: Said, actions: tuple[DeleteJob, ...] = ()) -> Decision:
    return Decision(said=((reasons.FINISHED, {}), said), actions=actions, changes={"completion_time": view.now})


CHECKS: tuple[Check, ...] = (
    _has_ended,
    _is_done,
    _failed_for_good,
    _is_too_late,
    _is_suspended,
    live_attempt.decide,
    _has_failed_too_often,
    live_attempt.clear,
    starting.decide,
)
"""In the order in which they are asked."""
