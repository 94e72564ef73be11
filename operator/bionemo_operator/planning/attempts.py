"""What is recorded of attempts: begun, stepping, ended, and what each end costs. Pure; writes no conditions.

A record is made before anything follows from it: a job is deleted only when its end is in the status, so no evidence is
lost when the operator dies between the two.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bionemo_operator.api.training import BioNeMoTraining
from bionemo_operator.api.training_status import (
    MAX_ATTEMPTS_SHOWN,
    MAX_RESTARTS,
    Attempt,
    CauseCount,
    RecoveryStatus,
    TrainingStatus,
)
from bionemo_operator.planning import names
from bionemo_operator.planning.causes import FINAL, FREE, OF_NODES, Ending, ending_of
from bionemo_operator.planning.last_words import progress_of
from bionemo_operator.planning.observed import Job, Pod, Reading
from bionemo_operator.planning.training_progress import with_reading
from bionemo_operator.planning.training_view import TrainingView
from bionemo_trainer.contract import ExitCode

EVIDENCE_SECONDS = 5
"""How long the end of a pod may reach us after the end of its job."""
_OF_SILENCE = ("Unknown", "NodeLost")
"""Causes that a pod's last words may still refute."""
FAILURES_OF_NODE = 2
"""Failures after which a node is avoided."""
MAX_AVOIDED = 64


def recorded(view: TrainingView) -> TrainingView:
    """The view with a status that holds everything that is seen."""
    for step in (_with_begun, _with_progress, _with_end, _with_window):
        view = step(view)
    return view


def begun(view: TrainingView, number: int, *, nodes: int, started_at: datetime) -> TrainingStatus:
    """The status once an attempt has begun."""
    recovery, status = view.recovery, view.status
    attempt = Attempt(
        number=number,
        nodes=nodes,
        start_time=started_at,
        start_step=_saved_step(view),
    )
    metadata, claim = view.training.metadata, view.training.spec.results.claim
    recovery = recovery.model_copy(
        update={
            "attempts": (*recovery.attempts, attempt)[-MAX_ATTEMPTS_SHOWN:],
            "restarts": number - 1,
        }
    )
    return status.model_copy(
        update={
            "recovery": recovery,
            "start_time": status.start_time or started_at,
            "results_path": status.results_path
            or names.joined(claim.path, names.run_name(metadata.name, metadata.uid or "")),
        }
    )


def ended(view: TrainingView, ending: Ending, *, schedulable_nodes: int | None = None) -> TrainingView:
    """The view once the current attempt has ended so."""
    current = view.current
    assert current is not None, "only a current attempt ends"
    progress = view.status.progress
    steps = [ending.step, progress.step if progress else None, current.start_step]
    attempt = current.model_copy(
        update={
            "end_time": view.now,
            "end_step": max((step for step in steps if step is not None), default=None),
            "cause": ending.cause,
            "exit_code": ending.exit_code,
            "node": ending.node,
            "message": ending.message,
            "schedulable_nodes": schedulable_nodes,
        }
    )
    recovery = view.recovery.model_copy(update={"attempts": (*view.recovery.attempts[:-1], attempt)})
    if ending.cause is not None:
        recovery = _with_cause(recovery, attempt)
    return replace(view, status=view.status.model_copy(update={"recovery": recovery}))


def next_number(view: TrainingView) -> int:
    """Number of the attempt that would be next; pods count too, for their job may have been deleted before it was reported."""
    of_pods = (pod.job.rpartition("-")[2] for pod in view.pods)
    numbers = [
        *(job.number for job in view.jobs),
        *(attempt.number for attempt in view.recovery.attempts),
        *(int(number) for number in of_pods if number.isdecimal()),
    ]
    return max(numbers, default=0) + 1


def recent(training: BioNeMoTraining, times: tuple[datetime, ...], now: datetime) -> tuple[datetime, ...]:
    """The times within the window in which restarts are counted."""
    since = now - timedelta(seconds=training.spec.recovery.window_seconds)
    return tuple(time for time in times if time > since)


def _saved_step(view: TrainingView) -> int | None:
    """The newest checkpoint that is known of; one made at a stop on request is told by the last words alone."""
    seen, last = view.status.checkpoint, view.last
    told = last.end_step if last and last.exit_code == ExitCode.STOPPED else None
    return max((step for step in (seen.step if seen else None, told) if step is not None), default=None)


def _with_begun(view: TrainingView) -> TrainingView:
    """Takes up the attempt of a job whose beginning was not reported any more."""
    known = max((attempt.number for attempt in view.recovery.attempts), default=0)
    for job in view.jobs:
        if job.number > known and view.current is None:
            view = replace(view, status=begun(view, job.number, nodes=job.nodes, started_at=job.created_at))
    return view


def _with_progress(view: TrainingView) -> TrainingView:
    current, reading = view.current, view.reading
    if current is None or reading is None or reading.progress.attempt != current.number:
        return view
    return replace(view, status=with_reading(view.status, reading))


def _with_end(view: TrainingView) -> TrainingView:
    current = view.current
    if current is None:
        return view
    job = view.job_of(current)
    pods = view.pods_of(names.attempt_name(view.training.metadata.name, current.number))
    if job is not None and (job.outcome is None or job.is_deleting):
        return view
    if job is None and any(not pod.is_gone for pod in pods):
        return view  # its pods still save
    ending = ending_of(job, pods, view.node)
    if job is None and view.training.spec.suspend and ending.cause in ("Unknown", "Evicted"):
        ending = replace(ending, cause="Stopped")
    if ending.cause in _OF_SILENCE and job is not None and _is_fresh(job, view.now):
        return view
    return ended(_with_last_words(view, current, pods), ending)


def _with_last_words(view: TrainingView, current: Attempt, pods: Sequence[Pod]) -> TrainingView:
    """How far rank 0 had come at its very end, by its last words: since the last reading it has gone on, and saved."""
    said = next((pod.last_words for pod in pods if pod.index == 0 and pod.last_words), None)
    progress = progress_of(said.message) if said else None
    if progress is None or progress.attempt != current.number:
        return view
    reading = Reading(progress=progress, stalled_seconds=0.0, read_at=view.now)
    return replace(view, status=with_reading(view.status, reading))


def _is_fresh(job: Job, now: datetime) -> bool:
    """Whether the end of its pods may not have been seen yet."""
    return job.ended_at is not None and now - job.ended_at < timedelta(seconds=EVIDENCE_SECONDS)


def _with_window(view: TrainingView) -> TrainingView:
    """Forgets restarts that no longer count."""
    times = view.recovery.recent_restart_times
    kept = recent(view.training, times, view.now)
    if len(kept) == len(times):
        return view
    recovery = view.recovery.model_copy(update={"recent_restart_times": kept, "restarts_in_window": len(kept)})
    return replace(view, status=view.status.model_copy(update={"recovery": recovery}))


def _with_cause(recovery: RecoveryStatus, attempt: Attempt) -> RecoveryStatus:
    assert attempt.cause is not None, "one that was done has none"
    assert attempt.end_time is not None, "it has ended"
    counts = {count.cause: count.count for count in recovery.causes}
    counts[attempt.cause] = counts.get(attempt.cause, 0) + 1
    times = recovery.recent_restart_times
    if _counts(attempt):
        times = (*times, attempt.end_time)[-MAX_RESTARTS - 1 :]
    return recovery.model_copy(
        update={
            "causes": tuple(CauseCount(cause=cause, count=count) for cause, count in sorted(counts.items())),
            "recent_restart_times": times,
            "restarts_in_window": len(times),
            "avoided_nodes": _avoided(recovery),
        }
    )


def _counts(attempt: Attempt) -> bool:
    """Whether it uses up the budget; a stop that nobody saw progress before does, lest it repeat for ever."""
    if attempt.cause in FINAL:
        return False
    has_stepped = attempt.first_step_time is not None
    return not (attempt.cause in FREE and (attempt.cause == "Preempted" or has_stepped))


def _avoided(recovery: RecoveryStatus) -> tuple[str, ...]:
    blamed = [attempt.node for attempt in recovery.attempts if attempt.node and attempt.cause in OF_NODES]
    repeated = [node for node in dict.fromkeys(blamed) if blamed.count(node) >= FAILURES_OF_NODE]
    return tuple(dict.fromkeys((*recovery.avoided_nodes, *repeated)))[-MAX_AVOIDED:]
