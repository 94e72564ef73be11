"""The trainer's configuration of a BioNeMoTraining: its recipe, its overrides and what its other fields say.

One table names the configuration keys that fields of the resource own. Called by admission, by the planner of attempts, by
`bionemo check` and by `bionemo run`, which so judge alike.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bionemo_operator.api.training import BioNeMoTraining, TrainingSpec
from bionemo_trainer.config.load import Loaded, Owned, load_recipe
from bionemo_trainer.config.overrides import FIELD
from bionemo_trainer.errors import NOTHING, ConfigError, Problem

_CHECKPOINT = "exp_manager.checkpoint_callback_params"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Where the processes of a training see what its fields speak of."""

    dataset: str
    """The folder with train, val and test."""
    results: str
    """The folder of its own results."""
    resume_from: str | None = None
    """The checkpoint that `spec.resumeFrom` means; None for none, or while it is not known."""


IN_PODS = Folders(dataset="/data", results="/results")
"""Where pods see them; on a workstation they are wherever they are."""


def training_config(training: BioNeMoTraining, folders: Folders = IN_PODS) -> Loaded:
    """The checked configuration that a training runs with.

    Args:
        training: What its user wrote.
        folders: Where its processes see their data and results.

    Raises:
        ConfigError: It can't run; problems are in the words of the resource where a field of it owns the key.
    """
    owned = owned_keys(training.spec, folders)
    try:
        return load_recipe(training.spec.recipe, training.spec.overrides, owned)
    except ConfigError as error:
        raise ConfigError(_in_words_of_resource(problem, owned) for problem in error.problems) from None


def owned_keys(spec: TrainingSpec, folders: Folders = IN_PODS) -> Mapping[str, Owned]:
    """Configuration keys that fields of the resource set, so that overrides of them are refused."""
    on_gpu = spec.gpus_per_node > 0
    devices = Owned(owner="spec.gpusPerNode", value=spec.gpus_per_node)
    if not on_gpu:
        devices = Owned(owner="spec.processesPerNode", value=spec.processes_per_node or 1)
    return {
        "do_training": Owned(owner="the kind", value=True, mend="prepare data with a BioNeMoPreprocess"),
        "trainer.num_nodes": Owned(owner="spec.nodes", value=spec.nodes),
        "trainer.devices": devices,
        "trainer.accelerator": Owned(owner="spec.gpusPerNode", value="gpu" if on_gpu else "cpu"),
        "trainer.precision": Owned(owner="spec.precision", value=spec.precision),
        "model.tensor_model_parallel_size": Owned(owner="spec.parallelism.tensor", value=spec.parallelism.tensor),
        "model.pipeline_model_parallel_size": Owned(owner="spec.parallelism.pipeline", value=spec.parallelism.pipeline),
        "model.sequence_parallel": Owned(owner="spec.parallelism.sequence", value=spec.parallelism.sequence),
        "model.resume_from_checkpoint": Owned(owner="spec.resumeFrom", value=folders.resume_from or NOTHING),
        "model.data.dataset_path": Owned(owner="spec.dataset", value=folders.dataset),
        "model.data.dataset.train": Owned(owner="spec.dataset.train", value=spec.dataset.train or NOTHING),
        "model.data.dataset.val": Owned(owner="spec.dataset.validation", value=spec.dataset.validation or NOTHING),
        "model.data.dataset.test": Owned(owner="spec.dataset.test", value=spec.dataset.test or NOTHING),
        "exp_manager.exp_dir": Owned(owner="spec.results", value=folders.results),
        "exp_manager.explicit_log_dir": Owned(owner="spec.results", value=folders.results),
        "exp_manager.resume_if_exists": Owned(owner="spec.recovery", value=True),
        "exp_manager.resume_ignore_no_checkpoint": Owned(owner="spec.recovery", value=True),
        f"{_CHECKPOINT}.dirpath": Owned(owner="spec.results"),
        f"{_CHECKPOINT}.every_n_train_steps": Owned(
            owner="spec.checkpoint.intervalSteps", value=spec.checkpoint.interval_steps
        ),
        f"{_CHECKPOINT}.keep_last": Owned(owner="spec.checkpoint.keep", value=spec.checkpoint.keep),
    }


def _in_words_of_resource(problem: Problem, owned: Mapping[str, Owned]) -> Problem:
    words = {key: setting.owner for key, setting in owned.items()}
    if problem.field in (FIELD, "recipe"):
        return replace(problem, field=f"spec.{problem.field}")
    return replace(
        problem,
        field=_reworded(problem.field, words),
        rule=_reworded(problem.rule, words),
        mend=_reworded(problem.mend, words),
    )


def _reworded(text: str, words: Mapping[str, str]) -> str:
    """Configuration keys in a text replaced by the fields that own them, whole keys only."""
    keys = "|".join(re.escape(key) for key in sorted(words, key=len, reverse=True))
    return re.sub(rf"(?<![\w.])({keys})(?![\w]|\.\w)", lambda match: words[match[1]], text)
