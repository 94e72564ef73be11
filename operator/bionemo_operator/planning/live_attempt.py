"""What to do about an attempt that is there: watch it, end it when it hangs or can't start, clear it away when it has ended.

Pure; called by `training_pass`.
"""

import re
from collections.abc import Mapping
from datetime import timedelta

from bionemo_operator.api import reasons
from bionemo_operator.api.training_status import Attempt
from bionemo_operator.planning.admission import Admitted
from bionemo_operator.planning.attempts import ended, next_number
from bionemo_operator.planning.causes import Ending
from bionemo_operator.planning.observed import Job, Pod
from bionemo_operator.planning.starting import Standing
from bionemo_operator.planning.training_view import Action, Decision, DeleteJob, ForceDeletePod, Said, TrainingView
from bionemo_trainer.config.layout import counted

READ_EVERY_SECONDS = 15.0
"""Between readings of a running training's progress."""
FORCE_AFTER_SECONDS = 30.0
"""How long a pod may outlive its grace period before it is removed without its node's word."""
_CANT_PULL = frozenset(
    {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
)
_CLAIM = re.compile(r'persistentvolumeclaim "([^"]+)" not found')


def decide(view: TrainingView, standing: Standing) -> Decision | None:
    """What to do about the attempt that has not ended."""
    current = view.current
    job = view.job_of(current) if current else None
    if current is None or job is None:
        return None
    if ending := _to_be_ended(view, current, job):
        pods = _present(view, job)
        places = sum(pod.is_schedulable and pod.node is not None for pod in pods)
        short = places if ending.cause == "Unschedulable" else None
        changed = ended(view, ending, schedulable_nodes=short)
        said = _ending(current.number, ending.cause or "", len(pods))
        return Decision(said=(said, _not_ended()), changes={"recovery": changed.recovery}, wake_after_seconds=0.0)
    return Decision(
        said=(*_state(view, current, job, standing), _not_ended()),
        changes=_terms(view, job, standing.admitted),
        wake_after_seconds=READ_EVERY_SECONDS,
    )


def clear(view: TrainingView, standing: Standing) -> Decision | None:
    """Waits until nothing is left of attempts that have ended, and removes what is."""
    del standing
    if view.current is not None or not is_there(view):
        return None
    num_pods = sum(not pod.is_gone for pod in view.pods)
    cause = (view.last.cause if view.last else None) or "Unknown"
    return Decision(
        said=(_ending(next_number(view) - 1, cause, num_pods), _not_ended()),
        actions=clear_of(view),
        wake_after_seconds=READ_EVERY_SECONDS,
    )


def is_there(view: TrainingView) -> bool:
    """Whether a job of the training or a pod of one is still there."""
    return bool(view.jobs) or any(not pod.is_gone for pod in view.pods)


def clear_of(view: TrainingView) -> tuple[Action, ...]:
    """Removes all jobs, and by force the pods that have long outlived their grace period."""
    late = view.now - timedelta(seconds=FORCE_AFTER_SECONDS)
    stuck = [pod for pod in view.pods if not pod.is_gone and pod.deletion_deadline and pod.deletion_deadline < late]
    return (*leftovers(view), *(ForceDeletePod(name=pod.name) for pod in stuck))


def leftovers(view: TrainingView) -> tuple[DeleteJob, ...]:
    """Removes the jobs of all attempts, but none before its end has been reported: with it the evidence goes."""
    return tuple(DeleteJob(name=job.name, uid=job.uid) for job in view.jobs if not job.is_deleting and view.may_go(job))


def _terms(view: TrainingView, job: Job, admitted: Admitted | None) -> Mapping[str, object]:
    """What the first attempt runs by, when that was not reported with its start; unless the spec has changed since."""
    if view.status.resolved is not None or admitted is None or admitted.config != job.config:
        return {}
    return {"resolved": admitted.resolved, "recipe_fingerprint": admitted.fingerprint}


def _to_be_ended(view: TrainingView, current: Attempt, job: Job) -> Ending | None:
    """Why an attempt that did not end by itself must end."""
    if job.is_deleting or job.outcome is not None or _is_queued(view, job):
        return None
    return _hang(view, current) or _pending_too_long(view, job)


def _hang(view: TrainingView, current: Attempt) -> Ending | None:
    limit, reading = view.training.spec.recovery.hang_timeout_seconds, view.reading
    if not limit or reading is None or reading.progress.attempt != current.number:
        return None
    if reading.progress.phase != "Stepping" or reading.stalled_seconds <= limit:
        return None
    return Ending(
        cause="Hang",
        message=f"No step ended for {reading.stalled_seconds:.0f} seconds after step {reading.progress.step}, more than "
        f"spec.recovery.hangTimeoutSeconds ({limit}).",
    )


def _pending_too_long(view: TrainingView, job: Job) -> Ending | None:
    limit = view.training.spec.recovery.pending_timeout_seconds
    if not limit or view.now < job.started_at + timedelta(seconds=limit):
        return None
    pods = _present(view, job)
    if len(pods) >= job.nodes and all(pod.phase != "Pending" for pod in pods):
        return None
    waited = f"Not all {job.nodes} pods ran within spec.recovery.pendingTimeoutSeconds ({limit})."
    if pod := next((pod for pod in pods if pod.waiting in _CANT_PULL), None):
        return Ending(cause="ImagePull", node=pod.node, message=f"{waited} {pod.name}: {pod.waiting}: {pod.message}")
    if pod := next((pod for pod in pods if not pod.is_schedulable), None):
        return Ending(cause="Unschedulable", message=f"{waited} {pod.name}: {pod.message}")
    return Ending(cause="Unschedulable", message=waited)


def _state(view: TrainingView, current: Attempt, job: Job, standing: Standing) -> tuple[Said, ...]:
    queue = view.training.spec.queue
    if _is_queued(view, job) and queue:
        return ((reasons.QUEUED, {"attempt": current.number, "queue": queue.name}),)
    pods = _present(view, job)
    running = sum(pod.is_running for pod in pods)
    if running + sum(pod.phase == "Succeeded" for pod in pods) >= job.nodes:
        note = "" if not standing.is_newer_than(view) else " A changed spec takes effect with the next attempt."
        return (
            (reasons.ALL_NODES_RUNNING, {"nodes": counted(job.nodes, "node"), "attempt": current.number, "note": note}),
        )
    obstacle = next((pod for pod in pods if pod.waiting in _CANT_PULL or not pod.is_schedulable), None)
    words = f" {obstacle.name}: {obstacle.waiting or 'Unschedulable'}: {obstacle.message}" if obstacle else ""
    starting: Said = (
        reasons.STARTING,
        {"running": running, "nodes": job.nodes, "attempt": current.number, "obstacle": words},
    )
    missing = _CLAIM.search(words)
    dataset = standing.readiness.dataset
    if missing and dataset and missing[1] == dataset.claim:
        return (starting, (reasons.CLAIM_MISSING, {"name": missing[1]}))
    return (starting,)


def _is_queued(view: TrainingView, job: Job) -> bool:
    return view.training.spec.queue is not None and job.is_suspended


def _present(view: TrainingView, job: Job) -> tuple[Pod, ...]:
    return tuple(pod for pod in view.pods_of(job.name) if not pod.is_gone)


def _ending(number: int, cause: str, num_pods: int) -> Said:
    return (reasons.ENDING, {"attempt": number, "cause": cause, "pods": num_pods})


def _not_ended() -> Said:
    return (reasons.IN_PROGRESS, {})
