"""Checkpoints made by hand, for tests of what is done with them. Imports little, since fresh processes import it."""

import itertools
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bionemo_trainer.training.checkpoint_folder import CheckpointManifest, Committed, commit, unfinished

if TYPE_CHECKING:
    from bionemo_trainer.config.schema.root import TrainConfig

KILLED = 9
"""Exit code of a process that ended itself in the middle of a commit."""
NUM_STAGES = 10
"""Changes to the disk that a commit makes, replacing one of the same step apart."""
_CHANGES = frozenset({"open", "os.rename", "os.remove", "os.symlink"})
"""Python's audit events of everything that a commit does to a disk."""

_PLAIN = CheckpointManifest(
    step=4,
    max_steps=8,
    consumed_samples=12,
    global_batch_size=3,
    optimizer_step=4.0,
    loss_scale=(1.0, 0.0, 0.0),
    family="megamolbart",
    model={"model.num_layers": 2},
    tokenizer="0123456789abcdef",
    config="fedcba9876543210",
    layout="1 node x 1 process",
    versions={"torch": "2.9"},
    attempt=1,
    saved_at=1_000.0,
    metrics={},
)


def manifest(**changes: Any) -> CheckpointManifest:
    """A plain manifest of step 4 of 8, but for some fields."""
    return replace(_PLAIN, **changes)


def manifest_of(config: "TrainConfig", num_training_samples: int, **changes: Any) -> CheckpointManifest:
    """What a run with a configuration would have saved."""
    from bionemo_trainer.training.compatibility import identity_of, tokenizer_fingerprint  # noqa: PLC0415 - needs RDKit

    return manifest(
        **{
            "family": config.family,
            "model": identity_of(config, num_training_samples),
            "tokenizer": tokenizer_fingerprint(config),
            **changes,
        }
    )


def write(folder: Path, name: str, of: CheckpointManifest) -> Path:
    """The files of a checkpoint, not committed."""
    written = unfinished(folder, name, of.attempt)
    written.mkdir(parents=True)
    (written / "weights").write_text(f"weights of step {of.step}")
    return written


def save(folder: Path, of: CheckpointManifest) -> Committed:
    """A committed checkpoint `step=N.ckpt`."""
    name = f"step={of.step}"
    return commit(folder, write(folder, name, of), name, of)


def kill_commits(folder: Path, earlier: tuple[int, ...]) -> None:
    """Has processes save step 8 in the folders `0`, `1`, …, each killed one change to the disk later than the one before.

    Runs in a fresh process, whose children it is, until one of them survives.

    Args:
        folder: Empty.
        earlier: Steps that each of its folders has already.
    """
    stages = itertools.count()
    ended = KILLED
    while ended == KILLED:
        place = folder / str(next(stages))
        for step in earlier:
            save(place, manifest(step=step))
        child = os.fork()
        if child == 0:
            _commit_and_die(place, manifest(step=8), int(place.name))
            os._exit(0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended == 0, "the last one survived"


def _commit_and_die(folder: Path, of: CheckpointManifest, stage: int) -> None:
    """Saves, and ends this process before one of the commit's changes to the disk, counted from 0."""
    name = f"step={of.step}"
    written = write(folder, name, of)
    seen = 0

    def die(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal seen
        if event in _CHANGES and str(folder) in f"{arguments}":
            if seen == stage:
                os._exit(KILLED)
            seen += 1

    sys.addaudithook(die)
    commit(folder, written, name, of)
