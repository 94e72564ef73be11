"""Whether a checkpoint and a configuration are of the same run, said in words. Called by `resuming` and `checkpointing`."""

import hashlib
import json
from collections.abc import Iterator

from bionemo_trainer.config.load import to_tree
from bionemo_trainer.config.parameters import head_width
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.data.collators.from_config import tokenizer_of
from bionemo_trainer.errors import ConfigError, Problem
from bionemo_trainer.training.checkpoint_folder import Committed

_SHAPES = (
    "num_layers", "hidden_size", "ffn_hidden_size", "num_attention_heads", "max_position_embeddings", "bias", "activation",
    "normalization", "position_embedding_type",
)  # fmt: skip
"""Settings of the model without which its weights mean nothing."""


def identity_of(config: TrainConfig, num_training_samples: int) -> dict[str, object]:
    """What must be the same when a run goes on: the network, and the order of its data."""
    model = config.model
    return {
        **network_of(config),
        "model.data.seed": model.data.seed,
        "samples in model.data.dataset.train": num_training_samples,
    }


def network_of(config: TrainConfig) -> dict[str, object]:
    """What must be the same when weights are taken over."""
    model = config.model
    shapes = {f"model.{name}": getattr(model, name) for name in _SHAPES}
    return {"family": config.family, **shapes, "model.kv_channels": head_width(model)}


def tokenizer_fingerprint(config: TrainConfig) -> str:
    """Of the vocabulary that the token table was trained with."""
    return tokenizer_of(config).vocabulary.fingerprint


def config_fingerprint(config: TrainConfig) -> str:
    """Of the whole configuration."""
    return hashlib.sha256(json.dumps(to_tree(config), sort_keys=True).encode()).hexdigest()


def check_same_run(config: TrainConfig, checkpoint: Committed, num_training_samples: int) -> None:
    """Refuses to go on from a checkpoint of another run.

    Raises:
        ConfigError: Settings differ; every one is named with both values.
    """
    problems = [*_differences(identity_of(config, num_training_samples), config, checkpoint)]
    own, theirs = config.model.global_batch_size, checkpoint.manifest.global_batch_size
    if own not in (None, theirs):
        problems.append(_differs("model.global_batch_size", own, theirs, checkpoint))
    if problems:
        raise ConfigError(problems)


def check_same_network(config: TrainConfig, checkpoint: Committed) -> None:
    """Refuses to start from the weights of another network.

    Raises:
        ConfigError: Settings differ; every one is named with both values.
    """
    problems = [*_differences(network_of(config), config, checkpoint)]
    if problems:
        raise ConfigError(problems)


def _differences(own: dict[str, object], config: TrainConfig, checkpoint: Committed) -> Iterator[Problem]:
    theirs = checkpoint.manifest.model
    for field, value in own.items():
        if value != theirs.get(field):
            yield _differs(field, value, theirs.get(field), checkpoint)
    if tokenizer_fingerprint(config) != checkpoint.manifest.tokenizer:
        rule = f"is not the vocabulary of {checkpoint.path.name} ({checkpoint.manifest.tokenizer[:12]})"
        mend = "train with the tokenizer that it was saved with"
        yield Problem(field="model.tokenizer", value=tokenizer_fingerprint(config)[:12], rule=rule, mend=mend)


def _differs(field: str, own: object, theirs: object, checkpoint: Committed) -> Problem:
    rule = f"differs from {theirs!r} in {checkpoint.path.name}"
    mend = f"set it to {theirs!r} to go on from there, or choose another folder with exp_manager.explicit_log_dir"
    return Problem(field=field, value=own, rule=rule, mend=mend)
