"""What follows from what is seen of a preparation: one ordered list of checks, the first that applies decides. Pure.

The stages run one after the other, each as one Job. Which one runs is read from the Jobs that are there; the status only
helps when they are gone. Work that is done is marked on the volume, so a stage that runs again finds nothing to do.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from bionemo_operator.api import reasons
from bionemo_operator.api.preprocess import PreprocessStatus, Records
from bionemo_operator.planning import names
from bionemo_operator.planning.causes import ending_of
from bionemo_operator.planning.lifetime import after_the_end, is_over, is_too_late
from bionemo_operator.planning.observed import Job
from bionemo_operator.planning.preparation_job import preparation_job
from bionemo_operator.planning.preparation_view import PreparationView, last_words, order_of, reported
from bionemo_operator.planning.training_view import (
    CreateJob,
    Decision,
    DeleteJob,
    PauseJob,
    Said,
)
from bionemo_trainer.contract import SHARED_STAGES, STAGES, Stage

type Check = Callable[[PreparationView], Decision | None]
"""Decides, or leaves it to the next one."""


def preparation_pass(view: PreparationView) -> tuple[PreprocessStatus, Decision]:
    """The complete status that a preparation should have, and what to do."""
    view = _of_this_output(view)
    for check in CHECKS:
        if decision := check(view):
            return reported(view, decision), decision
    raise AssertionError("the last check always decides")


def _of_this_output(view: PreparationView) -> PreparationView:
    """The view with a status that speaks of what is asked for now; an earlier output's is put aside."""
    if view.status.output == view.output:
        return view
    fresh = PreprocessStatus(conditions=view.status.conditions, output=view.output)
    conditions = tuple(condition for condition in fresh.conditions if condition.type != "Succeeded")
    return replace(view, status=fresh.model_copy(update={"conditions": conditions}))


def _clears_earlier_outputs(view: PreparationView) -> Decision | None:
    """Jobs of an earlier output bear the names that are needed now."""
    others = [job for job in view.jobs if job.output != view.output]
    if not others:
        return None
    said: Said = (reasons.NOT_STARTED, {"condition": "the end of the earlier output's jobs"})
    return Decision(said=(said, (reasons.IN_PROGRESS, {})), actions=_removed(others), wake_after_seconds=5.0)


def _has_ended(view: PreparationView) -> Decision | None:
    if not is_over(view.status.conditions):
        return None
    return after_the_end(
        _removed([job for job in view.jobs if job.outcome is None]),
        ttl_seconds=view.preprocess.spec.ttl_seconds_after_finished,
        completed_at=view.status.completion_time,
        now=view.now,
    )


def _is_too_late(view: PreparationView) -> Decision | None:
    seconds = view.preprocess.spec.active_deadline_seconds
    if not is_too_late(view.status.start_time, limit_seconds=seconds, now=view.now):
        return None
    return _over(view, (reasons.DEADLINE_EXCEEDED, {"seconds": seconds}), actions=_removed(view.jobs))


def _has_failed(view: PreparationView) -> Decision | None:
    job = view.current
    if job is None or job.outcome != "Failed":
        return None
    ending = ending_of(job, [pod for pod in view.pods if pod.job == job.name])
    cause = f"{ending.cause} in stage {job.stage}: {ending.message}"
    return _over(view, (reasons.SHARDS_FAILED, {"failed": 1, "shards": job.nodes, "cause": cause}))


def _is_suspended(view: PreparationView) -> Decision | None:
    if not view.preprocess.spec.suspend:
        return None
    job = view.current
    running = job is not None and job.outcome is None and not job.is_suspended
    actions = (PauseJob(name=job.name, suspend=True),) if job and running else ()
    position = f"stage {job.stage}" if job else "its start"
    return Decision(
        said=((reasons.PAUSED, {}), (reasons.SUSPENDED, {"position": position}), (reasons.IN_PROGRESS, {})),
        actions=actions,
    )


def _runs(view: PreparationView) -> Decision | None:
    job = view.current
    if job is None or job.outcome is not None:
        return None
    changes = _figures(view, job)
    earlier = _removed([one for one in view.jobs if order_of(one.stage) < order_of(job.stage)])
    queue = view.preprocess.spec.queue
    if job.is_suspended:
        if queue is not None:
            said: Said = (reasons.QUEUED, {"attempt": job.stage, "queue": queue.name})
            return Decision(said=(said, (reasons.IN_PROGRESS, {})), actions=earlier, changes=changes)
        earlier = (*earlier, PauseJob(name=job.name, suspend=False))
    working: Said = (reasons.WORKERS_RUNNING, {"stage": job.stage, "done": job.done, "shards": job.nodes})
    return Decision(said=(working, (reasons.IN_PROGRESS, {})), actions=earlier, changes=changes)


def _is_done(view: PreparationView) -> Decision | None:
    job = view.current
    if job is None or job.stage != STAGES[-1]:
        return None
    words = last_words(view, job)
    if "records" not in words:
        return _again(job)  # its pod went before it was seen; the stage finds the dataset complete and says so again
    records = Records(**words["records"])
    changes = {
        **_figures(view, job),
        "completion_time": view.now,
        "records": records,
        "dataset_path": view.preprocess.spec.output.path,
        "files": words["files"],
        "checksum": words["checksum"],
        "fingerprint": words["fingerprint"],
    }
    outcome = f"{records.train} records to train on are in {words['files']} files of {view.preprocess.spec.output.path}"
    return _over(view, (reasons.COMPLETED, {"outcome": outcome}), changes=changes)


def _starts_next_stage(view: PreparationView) -> Decision:
    job = view.current
    stage = _next_stage(view, job)
    name = names.stage_name(view.preprocess.metadata.name, stage)
    if name in view.taken:
        said: Said = (reasons.NAME_TAKEN, {"kind": "Job", "name": name})
        return Decision(said=(said, (reasons.IN_PROGRESS, {})), wake_after_seconds=600.0)
    tasks = 1
    if stage in SHARED_STAGES:
        told = last_words(view, job).get("tasks") if job else None
        tasks = told if isinstance(told, int) and told > 0 else view.preprocess.spec.workers
    changes = {"stage": stage, "shards": tasks, "shards_done": 0, "start_time": view.status.start_time or view.now}
    working: Said = (reasons.WORKERS_RUNNING, {"stage": stage, "done": 0, "shards": tasks})
    manifest = preparation_job(view.preprocess, stage, tasks, view.image)
    return Decision(said=(working, (reasons.IN_PROGRESS, {})), actions=(CreateJob(manifest=manifest),), changes=changes)


def _next_stage(view: PreparationView, job: Job | None) -> Stage:
    if job is not None:
        return STAGES[order_of(job.stage) + 1]
    # All jobs are gone: the stage that ran last runs again, as far as anything of it is left to do.
    return next((stage for stage in STAGES if stage == view.status.stage), STAGES[0])


def _figures(view: PreparationView, job: Job) -> dict[str, object]:
    return {
        "stage": job.stage,
        "shards": job.nodes,
        "shards_done": job.done,
        "start_time": view.status.start_time or job.created_at,
    }


def _again(job: Job) -> Decision:
    return Decision(said=((reasons.IN_PROGRESS, {}),), actions=_removed([job]), wake_after_seconds=5.0)


def _removed(jobs: list[Job] | tuple[Job, ...]) -> tuple[DeleteJob | PauseJob, ...]:
    return tuple(DeleteJob(name=job.name, uid=job.uid) for job in jobs if not job.is_deleting)


def _over(
    view: PreparationView,
    said: Said,
    *,
    actions: tuple[DeleteJob | PauseJob, ...] = (),
    changes: Mapping[str, object] | None = None,
) -> Decision:
    return Decision(
        said=((reasons.FINISHED, {}), said), actions=actions, changes={"completion_time": view.now, **(changes or {})}
    )


CHECKS: tuple[Check, ...] = (
    _has_ended,
    _clears_earlier_outputs,
    _is_too_late,
    _has_failed,
    _is_suspended,
    _runs,
    _is_done,
    _starts_next_stage,
)
"""In the order in which they are asked."""
