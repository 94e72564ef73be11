"""Whether a training can run: everything that can be told before a GPU is taken, all problems at once. Pure.

Judged with the very code that the trainer will run it with. Equal questions are answered from memory, since composing a
configuration takes tens of milliseconds and every pass asks.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

import yaml

from bionemo_operator.api.training import BioNeMoTraining
from bionemo_operator.api.training_status import Resolved
from bionemo_operator.planning.datasets import Dataset
from bionemo_operator.planning.training_config import training_config
from bionemo_trainer.config.layout import batches_of, layout_of
from bionemo_trainer.config.load import to_tree
from bionemo_trainer.config.memory import GIB, estimate_memory
from bionemo_trainer.config.parameters import num_parameters
from bionemo_trainer.config.ranges import ALL_FILES, expand_range
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.contract import DATASET_FINGERPRINTS
from bionemo_trainer.errors import ConfigError, Problem

REMEMBERED = 1024
"""Judgements kept; each takes some 10 kB."""
_JUDGED = {
    "recipe",
    "overrides",
    "nodes",
    "gpus_per_node",
    "processes_per_node",
    "parallelism",
    "precision",
    "dataset",
    "checkpoint",
}
"""Fields of the spec that decide the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """A training that can run."""

    config: str
    """Resolved configuration as YAML, but for the folders."""
    fingerprint: str
    resolved: Resolved
    arithmetic: str
    """In words: `4 nodes x 8 GPUs = 32 = ...; global batch ...`."""
    max_steps: int


@dataclass(frozen=True, slots=True)
class _Question:
    """What a judgement depends on; the training itself is carried along."""

    key: str
    nodes: int
    global_batch_size: int | None
    dataset: Dataset | None
    gpu_memory_bytes: int | None
    training: BioNeMoTraining = field(compare=False)


def admit(
    training: BioNeMoTraining,
    dataset: Dataset | None,
    *,
    nodes: int,
    global_batch_size: int | None,
    gpu_memory_bytes: int | None = None,
) -> Admitted:
    """Judge a training.

    Args:
        training: What its user wrote.
        dataset: Its dataset; None while that is not known, which leaves the files unjudged.
        nodes: Nodes of the attempt, which may be fewer than `spec.nodes`.
        global_batch_size: The one of its earlier attempts, which stays; None before the first.
        gpu_memory_bytes: Of the largest GPU that it can get; None when that is not known, which leaves memory unjudged.

    Raises:
        ConfigError: It can't run; every problem is named in the words of the resource.
    """
    key = training.spec.model_dump_json(include=_JUDGED)
    verdict = _verdict(_Question(key, nodes, global_batch_size, dataset, gpu_memory_bytes, training))
    if isinstance(verdict, ConfigError):
        raise ConfigError(verdict.problems)
    return verdict


@lru_cache(maxsize=REMEMBERED)
def _verdict(question: _Question) -> Admitted | ConfigError:
    """The judgement; errors are results here, so that they are remembered too."""
    try:
        return _judged(question)
    except ConfigError as error:
        return error


def _judged(question: _Question) -> Admitted:
    training = _placed(question)
    config = training_config(training).config
    problems = [
        *_dataset_problems(config, question),
        *_batch_problems(config, question),
        *_memory_problems(config, question.gpu_memory_bytes),
    ]
    if problems:
        raise ConfigError(problems)
    size = question.global_batch_size or batches_of(config).global_batch_size
    model = config.model.model_copy(update={"global_batch_size": size})
    config = config.model_copy(update={"model": model})
    tree = to_tree(config)
    layout, batches = layout_of(config), batches_of(config)
    on_gpu = config.trainer.accelerator == "gpu"
    return Admitted(
        config=yaml.safe_dump(tree, sort_keys=False, allow_unicode=True),
        fingerprint=f"sha256:{hashlib.sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest()[:12]}",
        resolved=Resolved(
            nodes=layout.num_nodes,
            gpus=layout.world_size if on_gpu else 0,
            world_size=layout.world_size,
            tensor=layout.tensor,
            pipeline=layout.pipeline,
            data_parallel=layout.data,
            micro_batch_size=batches.micro_batch_size,
            global_batch_size=batches.global_batch_size,
            accumulation=batches.micro_batches,
            parameters=num_parameters(config.model),
            gpu_memory_bytes=estimate_memory(config).total_bytes if on_gpu else 0,
        ),
        arithmetic=f"{layout}; {batches}",
        max_steps=config.trainer.max_steps,
    )


def _placed(question: _Question) -> BioNeMoTraining:
    """The training on the nodes of the attempt, with the files of the splits that it leaves open."""
    spec = question.training.spec
    everything = ALL_FILES if question.dataset is None else question.dataset.files or ALL_FILES
    dataset = spec.dataset.model_copy(
        update={split: getattr(spec.dataset, split) or everything for split in ("train", "validation", "test")}
    )
    return question.training.model_copy(
        update={"spec": spec.model_copy(update={"dataset": dataset, "nodes": question.nodes})}
    )


def _dataset_problems(config: TrainConfig, question: _Question) -> list[Problem]:
    dataset, spec = question.dataset, question.training.spec
    problems = []
    if dataset and dataset.fingerprint and dataset.fingerprint != DATASET_FINGERPRINTS[config.family]:
        problems.append(
            Problem(
                field="spec.dataset.preprocessRef",
                value=spec.dataset.preprocess_ref.name if spec.dataset.preprocess_ref else "",
                rule=f"was prepared for another tokenizer than {config.family}'s",
                mend="name a dataset of this kind of molecule, or another recipe",
            )
        )
    if dataset and dataset.files:
        problems.extend(_file_problems(question, dataset.files))
    return problems


def _file_problems(question: _Question, files: str) -> Iterator[Problem]:
    there = set(expand_range(files, field="files"))
    for split in ("train", "validation", "test"):
        wanted = getattr(question.training.spec.dataset, split)
        if wanted and (missing := _missing(wanted, there)):
            yield Problem(
                field=f"spec.dataset.{split}",
                value=wanted,
                rule=f"names {missing}, and the dataset has {files}",
                mend="name files that it has, or leave the field out for all of them",
            )


def _missing(wanted: str, there: set[str]) -> str:
    """The first file of a range that is not there; empty when all are, or when the range itself is wrong."""
    try:
        return next((name for name in expand_range(wanted, field="files") if name not in there), "")
    except ConfigError:
        return ""


def _batch_problems(config: TrainConfig, question: _Question) -> list[Problem]:
    frozen, asked = question.global_batch_size, config.model.global_batch_size
    if frozen is None or asked is None or asked == frozen:
        return []
    return [
        Problem(
            field="spec.overrides",
            value=f"model.global_batch_size={asked}",
            rule=f"differs from the {frozen} samples per step with which this training has begun",
            mend="take it back, or create a new training",
        )
    ]


def _memory_problems(config: TrainConfig, gpu_memory_bytes: int | None) -> list[Problem]:
    """Judges what is certain: activations are an estimate, and can be had back by smaller batches or recomputation."""
    if gpu_memory_bytes is None or config.trainer.accelerator != "gpu":
        return []
    estimate = estimate_memory(config)
    certain = estimate.weights_bytes + estimate.gradients_bytes + estimate.optimizer_bytes
    if certain <= gpu_memory_bytes:
        return []
    layout = layout_of(config)
    return [
        Problem(
            field="spec.parallelism",
            value=f"tensor {layout.tensor} x pipeline {layout.pipeline}",
            rule=f"leaves {certain / GIB:.1f} GiB of weights, gradients and optimizer states on each GPU, and the largest "
            f"that this training can get has {gpu_memory_bytes / GIB:.1f} GiB",
            mend="raise spec.parallelism.tensor or pipeline, or select nodes with larger GPUs; a smaller micro batch and "
            "recomputation save activations only, which are not counted here",
        )
    ]
