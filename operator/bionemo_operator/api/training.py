"""BioNeMoTraining: what a user asks for when a model is to be trained. The words are those of `kubectl explain bnt.spec`.

Read by the operator and the command line through `parse`; rendered to the CRD by `schema`. Relations between fields stand in
`rules`, not here.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bionemo_operator.api.constraints import Items, Text
from bionemo_operator.api.fields import Image, Natural, SpecModel
from bionemo_operator.api.resource import Resource
from bionemo_operator.api.rule import Freeze, Rule
from bionemo_operator.api.rules import TRAINING_FREEZES, TRAINING_RULES
from bionemo_operator.api.scheduling import Gang, Queue
from bionemo_operator.api.template import PodTemplate
from bionemo_operator.api.training_parts import (
    MAX_NODES,
    Checkpoint,
    Dataset,
    Parallelism,
    Recovery,
    Results,
    ResumeFrom,
)
from bionemo_operator.api.training_status import TrainingStatus

RecipeName = Annotated[
    str,
    Text(
        limit=128,
        pattern="^[a-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*){1,3}$",
        rule="must be a recipe's name: family, model and configuration joined by slashes",
        mend="write a name that `bionemo recipes` lists",
    ),
]
"""A shipped configuration: `molecule/megamolbart/pretrain_small_span_aug`."""

Override = Annotated[
    str,
    Text(limit=2048, pattern="^[^\n]+$", rule="must be one line", mend="write key=value as on Hydra's command line"),
]
"""One override in Hydra's grammar: `model.micro_batch_size=256`."""


class TrainingSpec(SpecModel):
    """What to train, on which data, with how many GPUs."""

    recipe: RecipeName
    """Shipped configuration by its BioNeMo name. Example: molecule/megamolbart/pretrain_small_span_aug. Required. Limits: at
    most 128 characters; fixed once the first attempt has started. `bionemo recipes` lists them."""

    overrides: Annotated[tuple[Override, ...], Items(limit=256, merge="atomic")] = ()
    """Changes to the recipe in Hydra's grammar. Example: ["model.micro_batch_size=256"]. Default: none. Limits: at most 256,
    each of at most 2048 characters. Keys that a field of this object owns are refused."""

    image: Image | None = None
    """Image of the trainer. Example: registry.example.com/bionemo/trainer:1.0. Default: the operator's. Limits: at most 1024
    characters."""

    nodes: Annotated[int, Field(ge=1, le=MAX_NODES)] = 1
    """Nodes, with one pod on each. Example: 4. Default: 1. Limits: 1 to 1000."""

    gpus_per_node: Annotated[int, Field(ge=0, le=64)] = 1
    """GPUs of each node. Example: 8. Default: 1. Limits: 0 to 64; 0 trains on CPU with processesPerNode."""

    processes_per_node: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Processes of each node when there is no GPU. Example: 2. Default: one process per GPU, or 1 without GPUs. Limits: 1 to
    1024. Only with gpusPerNode 0."""

    parallelism: Parallelism = Parallelism()
    """How the model is cut over processes. Example: {tensor: 4, pipeline: 1}. Default: data parallelism only."""

    precision: Literal["32", "bf16-mixed", "16-mixed", "fp8-mixed"] = "bf16-mixed"
    """Arithmetic of the training. Example: "32", with its quotes. Default: bf16-mixed. fp8-mixed needs GPUs from Hopper on, such as
    the H100, parallelism.tensor 1, and widths of the model that are multiples of 16."""

    dataset: Dataset
    """The prepared data. Example: {preprocessRef: {name: zinc15}}. Required. Fixed once the first attempt has started."""

    results: Results
    """Where checkpoints and logs go. Example: {claim: {name: bionemo-results}}. Required. Fixed once the first attempt has
    started."""

    resume_from: ResumeFrom | None = None
    """An older run to go on from. Example: {training: first-run}. Default: a fresh start. Fixed once the first
    attempt has started."""

    checkpoint: Checkpoint = Checkpoint()
    """How often the training is saved. Example: {intervalSteps: 500, keep: 5}. Default: every 1000 steps, the last 3."""

    recovery: Recovery = Recovery()
    """What happens when something fails. Example: {maxRestarts: 5}. Default: 20 restarts a day on all nodes."""

    queue: Queue | None = None
    """Kueue queue that admits the training. Example: {name: research}. Default: none, pods are made at once."""

    gang: Gang | None = None
    """Demands on a gang scheduler. Example: {queue: research}. Default: none."""

    suspend: bool = False
    """Whether the training pauses: it saves a checkpoint and gives its GPUs back. Example: true. Default: false."""

    active_deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = None
    """Seconds after the first start when the training is stopped as failed. Example: 604800. Default: none. Limits: 1 to
    31536000, a year."""

    ttl_seconds_after_finished: Natural | None = None
    """Seconds after its end when the training is deleted; results stay. Example: 86400. Default: never. Limits: 0 to
    2147483647."""

    template: PodTemplate = PodTemplate()
    """How the pods differ from what the operator would make. Example: {nodeSelector: {pool: gpu}}. Default: no difference."""


class BioNeMoTraining(Resource[TrainingSpec, TrainingStatus]):
    """A biomolecular language model that is trained on many GPUs until it is done."""

    kind: Literal["BioNeMoTraining"] = "BioNeMoTraining"
    """Always BioNeMoTraining."""

    rules: ClassVar[tuple[Rule, ...]] = TRAINING_RULES
    freezes: ClassVar[tuple[Freeze, ...]] = TRAINING_FREEZES
