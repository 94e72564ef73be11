"""Every reason that a condition of ours can have, beside its message; the reasons are API, the messages are for people.

Used by the operator's policies and status code, which fill the places in the messages.
"""

from dataclasses import dataclass
from typing import Literal

ConditionType = Literal["Accepted", "DataReady", "Running", "Suspended", "Succeeded"]
"""The aspects of a training; a preprocess has all of them but DataReady."""

ConditionStatus = Literal["True", "False", "Unknown"]
"""Whether a condition holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a condition has its status."""

    name: str
    """One CamelCase word for programs."""
    condition: ConditionType
    """Type of the condition."""
    status: ConditionStatus
    """Status that the reason implies."""
    message: str
    """A sentence with places in braces, as for str.format."""


VALID = Reason(name="Valid", condition="Accepted", status="True", message="The object is valid: {arithmetic}.")
INVALID = Reason(name="Invalid", condition="Accepted", status="False", message="{problems}")

DATASET_COMPLETE = Reason(
    name="DatasetComplete",
    condition="DataReady",
    status="True",
    message="The dataset at {path} is complete, with {records} records to train on.",
)
DATASET_ASSUMED = Reason(
    name="DatasetAssumed",
    condition="DataReady",
    status="True",
    message="The dataset is a folder of claim {claim}; the training checks its manifest when it starts.",
)
PREPROCESS_RUNNING = Reason(
    name="PreprocessRunning",
    condition="DataReady",
    status="False",
    message="The training waits for BioNeMoPreprocess {name}, which is at {progress}.",
)
PREPROCESS_MISSING = Reason(
    name="PreprocessMissing",
    condition="DataReady",
    status="False",
    message="There is no BioNeMoPreprocess {name} in this namespace; create it, or correct spec.dataset.preprocessRef.",
)
PREPROCESS_FAILED = Reason(
    name="PreprocessFailed",
    condition="DataReady",
    status="False",
    message="BioNeMoPreprocess {name} failed: {cause}. Mend and repeat it; the training then starts by itself.",
)
CLAIM_MISSING = Reason(
    name="ClaimMissing",
    condition="DataReady",
    status="False",
    message="There is no PersistentVolumeClaim {name} in this namespace; create it, or correct spec.dataset.claim.",
)

ALL_NODES_RUNNING = Reason(
    name="AllNodesRunning",
    condition="Running",
    status="True",
    message="Attempt {attempt} runs on {nodes}.{note}",
)
WORKERS_RUNNING = Reason(
    name="WorkersRunning",
    condition="Running",
    status="True",
    message="{done} of {shards} shards of stage {stage} are done.",
)
NOT_STARTED = Reason(
    name="NotStarted", condition="Running", status="False", message="Nothing has started: {condition} is not True."
)
QUEUED = Reason(
    name="Queued",
    condition="Running",
    status="False",
    message="Attempt {attempt} waits in queue {queue} for its nodes.",
)
STARTING = Reason(
    name="Starting",
    condition="Running",
    status="False",
    message="{running} of {nodes} nodes run attempt {attempt}.{obstacle}",
)
ENDING = Reason(
    name="Ending",
    condition="Running",
    status="False",
    message="Attempt {attempt} ended: {cause}. The next one starts when its {pods} pods are gone.",
)
NAME_TAKEN = Reason(
    name="NameTaken",
    condition="Running",
    status="False",
    message="There is a {kind} {name} in this namespace that belongs to something else; delete or rename it.",
)
REFUSED = Reason(
    name="Refused",
    condition="Running",
    status="False",
    message="Kubernetes refused {kind} {name}: {message}. It is tried again every {seconds} seconds.",
)
RESTARTING = Reason(
    name="Restarting",
    condition="Running",
    status="False",
    message="Attempt {attempt} ended: {cause}. The next one starts at {next_start} from step {step}.",
)
PAUSED = Reason(name="Paused", condition="Running", status="False", message="The object is suspended.")
FINISHED = Reason(name="Finished", condition="Running", status="False", message="The work has ended.")

SUSPENDED = Reason(
    name="SuspendRequested",
    condition="Suspended",
    status="True",
    message="spec.suspend is true; no pods run. Set it to false to go on from {position}.",
)
SAVING = Reason(
    name="Saving",
    condition="Suspended",
    status="False",
    message="spec.suspend is true; attempt {attempt} saves a checkpoint before its pods go.",
)
NOT_SUSPENDED = Reason(name="NotRequested", condition="Suspended", status="False", message="spec.suspend is false.")

IN_PROGRESS = Reason(name="InProgress", condition="Succeeded", status="Unknown", message="The work has not ended.")
COMPLETED = Reason(name="Completed", condition="Succeeded", status="True", message="{outcome}.")
FINAL_FAILURE = Reason(
    name="FinalFailure",
    condition="Succeeded",
    status="False",
    message="Attempt {attempt} failed in a way that repeats, with {cause}: {message}. Mend it and create a new object.",
)
BUDGET_EXHAUSTED = Reason(
    name="RestartBudgetExhausted",
    condition="Succeeded",
    status="False",
    message="{restarts} restarts within {window_seconds} seconds used up spec.recovery.maxRestarts; the last cause was "
    "{cause}. Raise it, or mend the cause, and create a new training with spec.resumeFrom.",
)
DEADLINE_EXCEEDED = Reason(
    name="DeadlineExceeded",
    condition="Succeeded",
    status="False",
    message="The work did not end within spec.activeDeadlineSeconds ({seconds}); raise it in a new object.",
)
SHARDS_FAILED = Reason(
    name="ShardsFailed",
    condition="Succeeded",
    status="False",
    message="{failed} of {shards} shards failed more than spec.backoffLimitPerIndex times; the last cause was {cause}.",
)

QUIET = frozenset(
    reason.name for reason in (NOT_STARTED, PAUSED, FINISHED, NOT_SUSPENDED, IN_PROGRESS, DATASET_ASSUMED)
)
"""Reasons that no event tells of, because another condition says the same or nothing has happened."""

WARNINGS = frozenset(
    reason.name
    for reason in (
        INVALID, PREPROCESS_MISSING, PREPROCESS_FAILED, CLAIM_MISSING, RESTARTING, ENDING, NAME_TAKEN, REFUSED, FINAL_FAILURE,
        BUDGET_EXHAUSTED, DEADLINE_EXCEEDED, SHARDS_FAILED,
    )
)  # fmt: skip
"""Reasons whose events are warnings."""
