"""The checkpoints of a run on disk: written beside, renamed when whole, fenced by the attempt, pruned. Needs no torch.

A checkpoint is a folder `NAME.ckpt` with a `manifest.json`, which is written last. What has no manifest, or another name, is no
checkpoint. Called by `checkpointing` on rank 0, and by whoever looks for checkpoints.
"""

import json
import math
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bionemo_trainer.durable import durable
from bionemo_trainer.errors import DataError, StorageError

MANIFEST = "manifest.json"
SUFFIX = ".ckpt"
LAST = "last"
_FENCE = "attempt"


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointManifest:
    """What a checkpoint is of, so that another run can tell whether it may go on from it."""

    step: int
    """Finished steps."""
    max_steps: int
    consumed_samples: int
    """Position in the data: the next sample to train on."""
    global_batch_size: int
    optimizer_step: float
    """Updates that the optimizer's moments have seen."""
    loss_scale: tuple[float, float, float]
    """State of the loss scale; see `engine.loss_scale`."""
    family: str
    model: Mapping[str, object]
    """The settings that decide the shapes of the weights and their meaning; see `compatibility`."""
    tokenizer: str
    """Fingerprint of the vocabulary."""
    config: str
    """Fingerprint of the whole configuration."""
    layout: str
    """In words; another one may read the checkpoint."""
    versions: Mapping[str, str]
    attempt: int
    saved_at: float
    """Seconds since the epoch."""
    metrics: Mapping[str, float]
    """That validation found at this step; empty when there was none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """A checkpoint that is whole."""

    path: Path
    manifest: CheckpointManifest

    @property
    def size_bytes(self) -> int:
        """Of all its files."""
        return sum(file.stat().st_size for file in self.path.iterdir())


def committed(folder: Path) -> list[Committed]:
    """All checkpoints of a folder, the earliest step first; none when there is no folder.

    Raises:
        DataError: A manifest can't be read.
    """
    manifests = (path for path in folder.glob(f"*{SUFFIX}/{MANIFEST}") if not path.parent.is_symlink())
    found = [Committed(path=path.parent, manifest=read_manifest(path.parent)) for path in manifests]
    return sorted(found, key=lambda checkpoint: (checkpoint.manifest.step, checkpoint.manifest.saved_at))


def read_manifest(path: Path) -> CheckpointManifest:
    """The manifest of a checkpoint.

    Raises:
        DataError: There is none, or it is not one of ours.
    """
    try:
        fields = json.loads((path / MANIFEST).read_text("utf-8"))
        return CheckpointManifest(**{**fields, "loss_scale": tuple(fields["loss_scale"])})
    except FileNotFoundError as error:
        raise DataError(
            f"{path}: has no {MANIFEST}, so it is no checkpoint or was interrupted while it was saved; name another."
        ) from error
    except (TypeError, KeyError, ValueError) as error:
        raise DataError(f"{path / MANIFEST}: can't be understood ({error}); name another checkpoint.") from error


def unfinished(folder: Path, name: str, attempt: int) -> Path:
    """Where a checkpoint is written before it is whole."""
    return folder / f"{name}{SUFFIX}.attempt-{attempt}.unfinished"


def raise_fence(folder: Path, attempt: int) -> None:
    """Lets this attempt commit and keeps earlier ones from it; leftovers of theirs are removed.

    Raises:
        StorageError: A later attempt was here before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_fence(folder, attempt)
    with durable(folder / _FENCE) as file:
        file.write(str(attempt).encode())
    for leftover in folder.glob("*.unfinished"):
        shutil.rmtree(leftover, ignore_errors=True)


def commit(folder: Path, written: Path, name: str, manifest: CheckpointManifest) -> Committed:
    """Makes a written folder a checkpoint, in one rename.

    Raises:
        StorageError: A later attempt has begun.
    """
    (written / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), "utf-8")
    for file in (*written.iterdir(), written):  # megatron-core does not wait for all of its small ones to be on disk
        _synchronize(file)
    _check_fence(folder, manifest.attempt)
    path = folder / f"{name}{SUFFIX}"
    if path.exists():  # the same step again, after a run that went on from an earlier one
        path.rename(folder / f"{path.name}.replaced.unfinished")
    written.rename(path)
    _synchronize(folder)
    _point_at(folder / f"{LAST}{SUFFIX}", path)
    return Committed(path=path, manifest=manifest)


def prune(folder: Path, kept: Sequence[Committed]) -> None:
    """Removes every checkpoint but some. Each stops being a checkpoint before its files go."""
    names = {checkpoint.path.name for checkpoint in kept}
    for checkpoint in committed(folder):
        if checkpoint.path.name not in names:
            condemned = folder / f"{checkpoint.path.name}.removed.unfinished"
            checkpoint.path.rename(condemned)
    for leftover in folder.glob(f"*{SUFFIX}.re*.unfinished"):
        shutil.rmtree(leftover, ignore_errors=True)


def worth_keeping(
    checkpoints: Sequence[Committed], *, monitor: str, mode: str, best: int, newest: int
) -> tuple[Committed, ...]:
    """The newest checkpoints, and the best by a metric; -1 keeps all.

    Args:
        checkpoints: The earliest step first.
        monitor: Name of the metric; checkpoints without it, or where it is NaN, are no best ones.
        mode: Whether the metric's `min` or `max` is best.
        best: How many by the metric.
        newest: How many by step.
    """
    if best < 0:
        return tuple(checkpoints)
    sign = 1 if mode == "min" else -1
    ranked = sorted(
        (one for one in checkpoints if not math.isnan(one.manifest.metrics.get(monitor, math.nan))),
        key=lambda one: (sign * one.manifest.metrics[monitor], -one.manifest.step),
    )
    chosen = {one.path for one in (*ranked[:best], *checkpoints[::-1][:newest])}
    return tuple(one for one in checkpoints if one.path in chosen)


def name_of(pattern: str, values: Mapping[str, float | int]) -> str:
    """The name of a checkpoint: `{val_loss:.2f}-{step}` becomes `val_loss=2.31-step=500`, as Lightning writes it.

    Args:
        pattern: With metrics in braces; one that is not known reads `nan`.
        values: The metrics, and the step.
    """

    def filled(match: re.Match[str]) -> str:
        value = values.get(match[1], float("nan"))
        return f"{match[1]}={format(value, match[2] or '')}"

    text = re.sub(r"\{(\w+)(?::([^{}]*))?\}", filled, pattern)
    return text.replace("/", "_")


def _check_fence(folder: Path, attempt: int) -> None:
    try:
        newest = int((folder / _FENCE).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return
    if newest > attempt:
        raise StorageError(
            f"{folder}: attempt {newest} has taken over, so attempt {attempt} must not save any more; nothing was changed."
        )


def _synchronize(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _point_at(link: Path, target: Path) -> None:
    """Renews the link that NeMo's users and its experiment manager look for; some volumes have no links."""
    fresh = link.with_suffix(".fresh")
    try:
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target.name)
        fresh.replace(link)
    except OSError:
        return
