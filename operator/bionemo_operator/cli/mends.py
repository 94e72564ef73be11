"""What a user can do about each cause for which attempts end."""

from collections.abc import Mapping

from bionemo_operator.api.training_status import Cause

MENDS: Mapping[Cause, str] = {
    "Configuration": "correct what the message names, and create a new training",
    "Data": "prepare the dataset again, then create a new training",
    "MissingInput": "bring the file that the message names to its volume, then create a new training",
    "NonFiniteLoss": "lower model.optim.lr, or train in bf16-mixed or 32; go on from an earlier step with spec.resumeFrom",
    "Storage": "look at the volume of results: is it full, slow or gone? the training goes on by itself",
    "OutOfMemory": "lower model.micro_batch_size, or raise spec.parallelism.tensor; on CPU, the memory of spec.template",
    "Crash": "read the end of the log with `bionemo logs`; a node that crashes repeatedly is avoided by itself",
    "Hang": "look at network and storage of the node; raise spec.recovery.hangTimeoutSeconds if steps take that long",
    "NodeLost": "nothing, the training goes on elsewhere; tell the administrator if it is often the same node",
    "Evicted": "nothing, the training goes on; if it is often, raise memory requests or spec.template.priorityClassName",
    "Preempted": "nothing, the training goes on when its place is free again; a higher priority keeps it longer",
    "ImagePull": "correct spec.image or spec.template.imagePullSecrets",
    "Unschedulable": "free nodes, ask for fewer, or allow fewer with spec.recovery.minNodes",
    "Stopped": "nothing, it was stopped on request and has saved",
    "Deadline": "raise spec.activeDeadlineSeconds in a new training",
    "Unknown": "look at `bionemo events` and at the nodes; Kubernetes left no trace of the reason",
}
