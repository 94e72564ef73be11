"""What a pass over a training decides on, and what it decides: the values between observing and acting. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bionemo_operator.api.conditions import Condition, with_condition
from bionemo_operator.api.preprocess import BioNeMoPreprocess
from bionemo_operator.api.reasons import Reason
from bionemo_operator.api.training import BioNeMoTraining
from bionemo_operator.api.training_status import Attempt, RecoveryStatus, TrainingStatus
from bionemo_operator.planning.observed import Job, Node, Pod, Reading
from bionemo_operator.planning.pod_template import Fragment


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingView:
    """Everything that one pass sees."""

    training: BioNeMoTraining
    status: TrainingStatus
    """As it was reported last, empty at first; while a pass decides, with everything recorded that is seen."""
    reported: TrainingStatus
    """As it was reported last."""
    preprocess: BioNeMoPreprocess | None = None
    """The one that `spec.dataset.preprocessRef` names."""
    older: BioNeMoTraining | None = None
    """The one that `spec.resumeFrom.training` names."""
    jobs: tuple[Job, ...] = ()
    """PyTorchJobs of this training, by attempt."""
    pods: tuple[Pod, ...] = ()
    """Pods of these jobs, gone ones too."""
    taken: frozenset[str] = frozenset()
    """Names of PyTorchJobs in the namespace that belong to somebody else."""
    reading: Reading | None = None
    """What rank 0 answered; None when it was not asked or did not answer."""
    node: Node | None = None
    """Of an attempt that failed, the one that may be to blame; None when it can't be known."""
    gpu_memory_bytes: int | None = None
    """Of the largest GPU that the next attempt can get; None when it can't be known, or while an attempt is there."""
    now: datetime
    image: str
    """Of the trainer, unless the training names one."""

    @property
    def recovery(self) -> RecoveryStatus:
        """What failures have cost so far."""
        return self.status.recovery or RecoveryStatus()

    @property
    def last(self) -> Attempt | None:
        """The newest attempt."""
        return self.recovery.attempts[-1] if self.recovery.attempts else None

    @property
    def current(self) -> Attempt | None:
        """The attempt that has not ended."""
        return self.last if self.last and self.last.end_time is None else None

    def may_go(self, job: Job) -> bool:
        """Whether nothing is lost with a job: its attempt is in the status that was reported, and if it has ended, its end."""
        attempts = self.reported.recovery.attempts if self.reported.recovery else ()
        if attempts and job.number < attempts[0].number:
            return True  # so long ago that the status shows it no more
        attempt = next((attempt for attempt in attempts if attempt.number == job.number), None)
        return attempt is not None and (attempt.end_time is not None or job.outcome is None)

    def job_of(self, attempt: Attempt) -> Job | None:
        """The PyTorchJob of an attempt, if it is there."""
        return next((job for job in self.jobs if job.number == attempt.number), None)

    def pods_of(self, job: str) -> tuple[Pod, ...]:
        """All pods that were seen of a PyTorchJob."""
        return tuple(pod for pod in self.pods if pod.job == job)


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateJob:
    """Make a PyTorchJob or Job; it must not be there."""

    manifest: Fragment


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteJob:
    """Delete a PyTorchJob or Job; its pods get their grace period and go too."""

    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceDeletePod:
    """Remove a pod whose node does not answer."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseJob:
    """Set whether a Job is suspended."""

    name: str
    suspend: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteResource:
    """Delete the resource itself."""


type Action = CreateJob | DeleteJob | ForceDeletePod | PauseJob | DeleteResource
"""One change of the cluster."""

type Said = tuple[Reason, Mapping[str, object]]
"""A reason, and the values for the places in its message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows from a view."""

    said: tuple[Said, ...]
    """Conditions to set."""
    actions: tuple[Action, ...] = ()
    """Changes of the cluster, in order."""
    changes: Mapping[str, object] = field(default_factory=dict)
    """Fields of the status that change with it."""
    wake_after_seconds: float | None = None
    """When to look again though nothing may have happened; None leaves that to events and the resync."""


def told(
    conditions: tuple[Condition, ...], said: Iterable[Said], *, observed_generation: int, now: datetime
) -> tuple[Condition, ...]:
    """The conditions once everything has been said, in order."""
    for reason, details in said:
        conditions = with_condition(conditions, reason, observed_generation=observed_generation, now=now, **details)
    return conditions
