"""The parts of a training's spec: how the model is cut, which data, where results go, what is saved and what is survived.

Used by `training`, which puts them together.
"""

from typing import Annotated

from pydantic import Field

from bionemo_operator.api.constraints import Text
from bionemo_operator.api.fields import ClaimReference, Natural, ObjectName, ObjectReference, SpecModel

MAX_NODES = 1000
"""Most nodes of a training; the index of a node then has at most three digits, which bounds the names of pods."""

FileRange = Annotated[
    str,
    Text(
        limit=1024,
        pattern="^[A-Za-z0-9_.,()<>{}\\[\\]-]+$",
        rule="must be file names without folders or blanks, with ranges in brackets",
        mend="write a range such as x[000..186]",
    ),
]
"""Files of a split in BioNeMo's range grammar: `x[000..186]`."""


class Parallelism(SpecModel):
    """How the model is cut over processes; what is left of the processes trains on different data."""

    tensor: Annotated[int, Field(ge=1, le=1024)] = 1
    """Processes that share every layer. Example: 8. Default: 1. Limits: 1 to 1024; times pipeline it must divide all
    processes, and it should not exceed gpusPerNode."""

    pipeline: Annotated[int, Field(ge=1, le=1024)] = 1
    """Groups of successive layers, each on its own processes. Example: 4. Default: 1. Limits: 1 to 1024; times tensor it must
    divide all processes."""

    sequence: bool = False
    """Whether the tensor-parallel processes also share the activations between layers along the sequence, which saves
    memory. Example: true. Default: false. Not with tensor 1."""


class Dataset(SpecModel):
    """The prepared data; exactly one of preprocessRef and claim says where it is."""

    preprocess_ref: ObjectReference | None = None
    """BioNeMoPreprocess whose dataset is used; the training waits until it is complete. Example: {name: zinc15}. Default:
    none. Not together with claim."""

    claim: ClaimReference | None = None
    """Folder that holds a dataset: train, val, test and manifest.json. Example: {name: bionemo-data, path: zinc15}. Default:
    none. Not together with preprocessRef."""

    train: FileRange | None = None
    """Files to train on. Example: x[000..186]. Default: all of the split. Limits: at most 1024 characters; the files must
    exist in the manifest."""

    validation: FileRange | None = None
    """Files to validate on. Example: x[000..009]. Default: all of the split. Limits: at most 1024 characters; the files must
    exist in the manifest."""

    test: FileRange | None = None
    """Files to test on after training. Example: x000. Default: all of the split. Limits: at most 1024 characters; the files
    must exist in the manifest."""


class Results(SpecModel):
    """Where checkpoints, logs and the resolved configuration go."""

    claim: ClaimReference
    """Volume of the results, written under NAME-UID of the training. Example: {name: bionemo-results}. Required. It must be
    writable from all nodes at once."""


class ResumeFrom(SpecModel):
    """An older run to go on from; exactly one of training and claim says which."""

    training: ObjectName | None = None
    """Name of a BioNeMoTraining of this namespace whose results are taken up. Example: esm2nv-3b-first. Default: none. Not
    together with claim."""

    claim: ClaimReference | None = None
    """Folder of a run. Example: {name: bionemo-results, path: esm2nv-650m-c0ffee}. Default: none. Limits: path is required
    here. Not together with training."""

    step: Natural | None = None
    """Step whose checkpoint is taken. Example: 50000. Default: the last committed one."""


class Checkpoint(SpecModel):
    """How often the training is saved, and how much of it is kept."""

    interval_steps: Annotated[int, Field(ge=1, le=10_000_000)] = 1000
    """Steps between two checkpoints. Example: 500. Default: 1000. Limits: 1 to 10000000. A crash costs at most so many."""

    keep: Annotated[int, Field(ge=1, le=1000)] = 3
    """Checkpoints that are kept; older ones are deleted. Example: 10. Default: 3. Limits: 1 to 1000."""


class Recovery(SpecModel):
    """What happens when nodes, pods or processes fail."""

    max_restarts: Annotated[int, Field(ge=0, le=200)] = 20
    """Restarts allowed within windowSeconds, after which the training fails. Example: 5. Default: 20. Limits: 0 to 200.
    Preemption and a wish to stop do not count."""

    window_seconds: Annotated[int, Field(ge=60, le=31_536_000)] = 86_400
    """Length of the moving window in which restarts are counted. Example: 3600. Default: 86400, a day. Limits: 60 to
    31536000, a year."""

    hang_timeout_seconds: Annotated[int, Field(ge=0, le=86_400)] = 900
    """Seconds without a finished step, while stepping, after which an attempt is ended as hung. Example: 1800. Default: 900.
    Limits: 0 to 86400; 0 turns the watch off."""

    pending_timeout_seconds: Annotated[int, Field(ge=0, le=604_800)] = 1800
    """Seconds after which an attempt whose pods do not all run is ended, to be tried again, perhaps with fewer nodes.
    Example: 7200. Default: 1800. Limits: 0 to 604800, a week; 0 waits for ever. Time in a queue does not count."""

    min_nodes: Annotated[int, Field(ge=1, le=MAX_NODES)] | None = None
    """Fewest nodes to go on with when some are lost. Example: 2. Default: nodes, no shrinking. Limits: 1 to nodes; the model's
    tensor and pipeline sizes must fit these nodes as well."""
