"""A whole preparation on this machine: the stages in their order, shared out to processes, with progress.

Called by the command line. It goes on where an earlier run was interrupted.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from bionemo_trainer.data.manifest import Manifest, read_manifest
from bionemo_trainer.data.preparation.finishing import finished
from bionemo_trainer.data.preparation.local_pool import LocalPool
from bionemo_trainer.data.preparation.plan import PreparationPlan
from bionemo_trainer.data.preparation.stages import Stage, is_done, num_tasks, run_task


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a stage is."""

    stage: Stage
    done: int
    """Tasks that are done, by this run or earlier ones."""
    total: int
    """Tasks in all."""
    records: int
    """Handled by this run in this stage; of `fetch` bytes, of `list` and `cut` files and shards."""
    seconds: float
    """Since the stage began."""

    @property
    def records_per_second(self) -> float:
        """Of this run in this stage."""
        return self.records / self.seconds if self.seconds > 0 else 0.0


def ignore(progress: Progress) -> None:
    """Listens to no progress."""
    del progress


def prepare(plan: PreparationPlan, workers: int = 1, on_progress: Callable[[Progress], None] = ignore) -> Manifest:
    """Prepares a dataset, or what of it is not prepared yet.

    Args:
        plan: What to do.
        workers: Processes; with one, all is done in this process. The result does not depend on it.
        on_progress: Called when a stage begins and whenever one of its tasks is done.

    Returns:
        The manifest of the complete dataset.

    Raises:
        ConfigError: The source's list of links is wrong.
        DataError: The source can't be used, or another dataset is in the way.
        MissingInputError: A source does not exist.
        StorageError: A source can't be read now or the output can't be written.
    """
    if manifest := finished(plan):
        return manifest
    with closing(LocalPool(workers)) as pool:
        for stage in Stage:
            share_out = pool.run if stage.is_shared and workers > 1 else _here
            for progress in _stage_progress(plan, stage, share_out):
                on_progress(progress)
    return read_manifest(plan.output)


def summary(manifest: Manifest) -> str:
    """The outcome as one line of JSON for a pod's termination message."""
    return json.dumps(
        {
            "records": {
                "train": manifest.records.train,
                "validation": manifest.records.val,
                "test": manifest.records.test,
                "duplicates": manifest.duplicates,
                "rejected": sum(manifest.rejects.values()),
            },
            "files": len(manifest.files.train),
            "checksum": manifest.checksum,
            "fingerprint": manifest.tokenizer.fingerprint,
        }
    )


def _stage_progress(
    plan: PreparationPlan, stage: Stage, share_out: Callable[[Iterable[Callable[[], int]]], Iterable[int]]
) -> Iterator[Progress]:
    started_at = time.monotonic()
    total = num_tasks(plan, stage)
    pending = [task for task in range(total) if not is_done(plan, stage, task)]
    done, records = total - len(pending), 0
    yield Progress(stage=stage, done=done, total=total, records=0, seconds=0.0)
    for task_records in share_out(partial(run_task, plan, stage, task) for task in pending):
        done, records = done + 1, records + task_records
        seconds = time.monotonic() - started_at
        yield Progress(stage=stage, done=done, total=total, records=records, seconds=seconds)


def _here(calls: Iterable[Callable[[], int]]) -> Iterator[int]:
    """The results of calls in this process, one after the other."""
    return (call() for call in calls)
