"""What the operator reports of a training: conditions, arithmetic, progress, checkpoint, recovery. Users read, never write it.

Made by the operator's status code; numbers that are not whole are texts, because the API has no floats.
"""

from typing import Annotated, Literal

from bionemo_operator.api.conditions import Conditions, Phase
from bionemo_operator.api.constraints import Items
from bionemo_operator.api.fields import (
    Decimal,
    Identifier,
    LongNatural,
    Message,
    Natural,
    ObjectName,
    StatusModel,
    StoredPath,
    Time,
)

Cause = Literal[
    "Configuration", "Data", "MissingInput", "NonFiniteLoss", "Storage", "OutOfMemory", "Crash", "Hang", "NodeLost",
    "Evicted", "Preempted", "ImagePull", "Unschedulable", "Stopped", "Deadline", "Unknown",
]  # fmt: skip
"""Why an attempt ended without being done."""

MAX_RESTARTS = 200
"""Most restarts that a window may allow; their times are kept in status."""

MAX_ATTEMPTS_SHOWN = 10
"""Attempts kept in status: enough to see a pattern, few enough to read; metrics and events hold the rest."""


class Resolved(StatusModel):
    """The arithmetic of the training, with everything filled in; the global batch is frozen at the first attempt."""

    nodes: Natural
    """Nodes of the current attempt. Example: 4."""

    gpus: Natural
    """GPUs of the current attempt. Example: 32."""

    world_size: Natural
    """Processes of the current attempt. Example: 32."""

    tensor: Natural
    """Processes that share every layer. Example: 4."""

    pipeline: Natural
    """Groups of successive layers. Example: 1."""

    data_parallel: Natural
    """Copies of the model that see different data. Example: 8."""

    micro_batch_size: Natural
    """Samples of one forward pass. Example: 256."""

    global_batch_size: Natural
    """Samples of one step, the same in every attempt. Example: 2048."""

    accumulation: Natural
    """Forward passes of a process for one step. Example: 1."""

    parameters: LongNatural
    """Weights of the model. Example: 652000000."""

    gpu_memory_bytes: LongNatural
    """Estimated memory of the fullest GPU, in bytes. Example: 34359738368."""


class Progress(StatusModel):
    """How far the training is, a few seconds old; absent before the first step."""

    step: LongNatural
    """Finished steps. Example: 12000."""

    max_steps: LongNatural
    """Steps until done. Example: 500000."""

    consumed_samples: LongNatural
    """Samples seen in all finished steps. Example: 24576000."""

    train_loss: Decimal | None = None
    """Loss of the last reported step. Example: "2.3817"."""

    validation_loss: Decimal | None = None
    """Loss of the last validation. Example: "2.4102"."""

    samples_per_second: Decimal | None = None
    """Samples that all GPUs together finish in a second. Example: "5120.4"."""

    tokens_per_second: LongNatural | None = None
    """Tokens that all GPUs together finish in a second. Example: 1310822."""

    estimated_completion_time: Time | None = None
    """When the last step will be done at the present rate. Example: 2026-11-30T08:00:00Z."""

    update_time: Time | None = None
    """When these figures were read from the training. Example: 2026-11-24T08:00:00Z."""


class CheckpointStatus(StatusModel):
    """The last committed checkpoint, from which the next attempt goes on."""

    step: LongNatural
    """Step that it holds. Example: 12000."""

    path: StoredPath
    """Folder on the volume of results. Example: esm2nv-650m-c0ffee/checkpoints/step-12000."""

    size_bytes: LongNatural
    """Size of its files, in bytes. Example: 7824000000."""

    time: Time
    """When it was committed. Example: 2026-11-24T08:00:00Z."""


class CauseCount(StatusModel):
    """How often one cause ended an attempt."""

    cause: Cause
    """Why attempts ended. Example: NodeLost."""

    count: Natural
    """How often. Example: 2."""


class Attempt(StatusModel):
    """One PyTorchJob of the training."""

    number: Natural
    """Counts attempts from 1 and ends the name of the PyTorchJob. Example: 3."""

    nodes: Natural
    """Nodes that it ran on. Example: 4."""

    schedulable_nodes: Natural | None = None
    """Nodes that had a place when it was ended because others had none; absent otherwise. Example: 3."""

    start_time: Time
    """When its PyTorchJob was made. Example: 2026-11-24T08:00:00Z."""

    first_step_time: Time | None = None
    """When its first step was seen; absent before. Example: 2026-11-24T08:01:10Z."""

    end_time: Time | None = None
    """When it ended; absent while it runs. Example: 2026-11-24T09:12:00Z."""

    start_step: LongNatural | None = None
    """Step of the checkpoint that it went on from; absent for a fresh start. Example: 12000."""

    end_step: LongNatural | None = None
    """Last step that it finished; absent when unknown. Example: 12831."""

    cause: Cause | None = None
    """Why it ended; absent while it runs and when it was done. Example: NodeLost."""

    exit_code: Natural | None = None
    """Exit code of the process that failed first; absent when none was seen. Example: 137."""

    node: ObjectName | None = None
    """Kubernetes node of the process that failed first; absent when unknown. Example: gpu-17."""

    message: Message | None = None
    """What the process or Kubernetes said last. Example: "CUDA error: an illegal memory access was encountered"."""


class RecoveryStatus(StatusModel):
    """What failures cost."""

    restarts: Natural = 0
    """Restarts since the first attempt. Example: 3."""

    restarts_in_window: Natural = 0
    """Restarts that count against recovery.maxRestarts now. Example: 1."""

    causes: Annotated[tuple[CauseCount, ...], Items(limit=32, merge="map", keys=("cause",))] = ()
    """Causes with their counts. Example: [{cause: NodeLost, count: 2}]."""

    steps_lost: LongNatural = 0
    """Finished steps that had to be done again. Example: 1831."""

    downtime_seconds: LongNatural = 0
    """Seconds between the end of an attempt and the next one's first step, summed. Example: 740."""

    productive_seconds: LongNatural = 0
    """Seconds of stepping whose steps were kept, summed. Example: 86100."""

    recent_restart_times: Annotated[tuple[Time, ...], Items(limit=MAX_RESTARTS, merge="atomic")] = ()
    """Ends of attempts that count against recovery.maxRestarts now, oldest first."""

    goodput: Decimal | None = None
    """Productive time as a part of wall time, from 0 to 1. Example: "0.973"."""

    avoided_nodes: Annotated[tuple[ObjectName, ...], Items(limit=64, merge="set")] = ()
    """Kubernetes nodes that failed repeatedly and get no more pods of this training. Example: [gpu-17]."""

    attempts: Annotated[tuple[Attempt, ...], Items(limit=MAX_ATTEMPTS_SHOWN, merge="map", keys=("number",))] = ()
    """The last attempts, oldest first. Limits: at most 10."""


class TrainingStatus(StatusModel):
    """What the operator sees of the training."""

    conditions: Conditions = ()
    """Accepted, DataReady, Running, Suspended and Succeeded, each with its reason. Limits: at most 16."""

    observed_generation: LongNatural | None = None
    """Generation of the spec that this status speaks of. Example: 2."""

    phase: Phase | None = None
    """One word for `kubectl get`, derived from the conditions; programs read those. Example: Running."""

    start_time: Time | None = None
    """When the first attempt started; from then on some fields are fixed. Example: 2026-11-24T08:00:00Z."""

    completion_time: Time | None = None
    """When the training ended, done or failed. Example: 2026-11-30T08:00:00Z."""

    results_path: StoredPath | None = None
    """Folder of this run on the volume of results. Example: esm2nv-650m-c0ffee."""

    recipe_fingerprint: Identifier | None = None
    """Hash of the resolved configuration that runs now. Example: sha256:5f70bf18a086."""

    resolved: Resolved | None = None
    """The arithmetic of the training."""

    progress: Progress | None = None
    """How far the training is."""

    checkpoint: CheckpointStatus | None = None
    """The last committed checkpoint."""

    recovery: RecoveryStatus | None = None
    """What failures cost; absent before the first attempt."""
