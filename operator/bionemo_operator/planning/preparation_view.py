"""What a pass over a preparation sees, and how its decision reads as a status. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bionemo_operator.api import reasons
from bionemo_operator.api.conditions import phase_of
from bionemo_operator.api.preprocess import BioNeMoPreprocess, PreprocessStatus
from bionemo_operator.planning.last_words import words_of
from bionemo_operator.planning.observed import Job, Pod
from bionemo_operator.planning.preparation_job import output_of
from bionemo_operator.planning.training_view import Decision, Said, told
from bionemo_trainer.contract import STAGES


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparationView:
    """Everything that one pass sees."""

    preprocess: BioNeMoPreprocess
    status: PreprocessStatus
    """As it was reported last; empty at first."""
    jobs: tuple[Job, ...] = ()
    pods: tuple[Pod, ...] = ()
    """Pods of these jobs, gone ones too."""
    taken: frozenset[str] = frozenset()
    """Names of Jobs in the namespace that belong to somebody else."""
    now: datetime
    image: str

    @property
    def output(self) -> str:
        """Digest of what is asked for."""
        return output_of(self.preprocess)

    @property
    def current(self) -> Job | None:
        """The Job of the latest stage."""
        ours = [job for job in self.jobs if job.output == self.output and not job.is_deleting]
        return max(ours, key=lambda job: order_of(job.stage), default=None)


def reported(view: PreparationView, decision: Decision) -> PreprocessStatus:
    """The status that says what was decided, and why."""
    generation = view.preprocess.metadata.generation or 0
    status = view.status.model_copy(update=dict(decision.changes))
    valid: Said = (
        reasons.VALID,
        {"arithmetic": f"{view.preprocess.spec.recipe}, {view.preprocess.spec.workers} workers"},
    )
    unsuspended: tuple[Said, ...] = () if view.preprocess.spec.suspend else ((reasons.NOT_SUSPENDED, {}),)
    said = (valid, *unsuspended, *decision.said)
    conditions = told(status.conditions, said, observed_generation=generation, now=view.now)
    return status.model_copy(
        update={"conditions": conditions, "phase": phase_of(conditions), "observed_generation": generation}
    )


def last_words(view: PreparationView, job: Job) -> Mapping[str, Any]:
    """What a pod of a job that succeeded said."""
    ended = [pod.last_words for pod in view.pods if pod.job == job.name and pod.last_words]
    return next((words_of(words.message) for words in ended if words.exit_code == 0), {})


def order_of(stage: str) -> int:
    """Place of a stage among all; -1 for what is none."""
    return STAGES.index(stage) if stage in STAGES else -1
