"""Lightning's data loaders over `data.step_batches`: worker processes prefetch whole steps, and keep no state of their own.

What they pack crosses to the rank in shared memory, and lies there in pinned memory before it is asked for, where a GPU trains.

Called by `module`. A loader of training starts at the step where the run stands, so resuming reads nothing twice.
"""

import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch.utils.data import DataLoader, Dataset

from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.data.step_batches import Share, Split, StepBatches, step_batches
from bionemo_trainer.engine.graphs import can_replay
from bionemo_trainer.errors import BioNeMoError
from bionemo_trainer.models.freight import Freight

PREFETCHED_STEPS = 4
"""Steps that each worker process has ready."""

type Loaded = Sequence[Freight] | BioNeMoError
"""What a loader yields for a step: the rank's micro batches, or why they can't be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps(Dataset[Loaded]):
    """A range of steps as Lightning wants it."""

    batches: StepBatches
    first: int
    count: int
    has_few_shapes: bool = False
    """Whether micro batches are filled up, for CUDA graphs."""

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Loaded:
        # An error would reach the training as a traceback of another process; as a value it keeps its words.
        try:
            load = Freight.of_few_shapes if self.has_few_shapes else Freight.of
            return [load(batch) for batch in self.batches[self.first + index]]
        except BioNeMoError as error:
            return error


class TimedLoader(DataLoader[Loaded]):
    """A loader that knows how long it was waited for."""

    waited_seconds = 0.0

    def __iter__(self) -> Iterator[Loaded]:  # type: ignore[override]  # torch declares its own iterator; Lightning takes any
        """The same steps."""
        asked_at = time.perf_counter()
        for loaded in super().__iter__():
            self.waited_seconds += time.perf_counter() - asked_at
            yield loaded
            asked_at = time.perf_counter()

    def take_waited_seconds(self) -> float:
        """How long since this was asked last."""
        waited, self.waited_seconds = self.waited_seconds, 0.0
        return waited


def training_loader(config: TrainConfig, share: Share, global_batch_size: int, first_step: int) -> TimedLoader:
    """The steps of a run from one on.

    Raises:
        MissingInputError: Files of the split are missing.
        DataError: The split has no rows.
    """
    batches = step_batches(config, "train", share, global_batch_size)
    steps = Steps(
        batches=batches,
        first=first_step,
        count=config.trainer.max_steps - first_step,
        has_few_shapes=can_replay(config),
    )
    return _loader(config, steps)


def evaluation_loader(config: TrainConfig, split: Split, share: Share, global_batch_size: int) -> TimedLoader:
    """Every sample of a split once, always in the same order and with the same masks.

    Raises:
        MissingInputError: Files of the split are missing.
        DataError: The split has no rows.
    """
    batches = step_batches(config, split, share, global_batch_size)
    return _loader(config, Steps(batches=batches, first=0, count=batches.num_steps_per_epoch))


def unpacked(loaded: Loaded) -> Sequence[Freight]:
    """The micro batches that a loader yielded.

    Raises:
        BioNeMoError: There are none, for the reason that the loader met.
    """
    if isinstance(loaded, BioNeMoError):
        raise loaded
    return loaded


def num_workers(config: TrainConfig) -> int:
    """Worker processes of a rank: as many as asked for, unless the cores of the node have less to share out."""
    cores = len(os.sched_getaffinity(0))
    return min(config.model.data.num_workers, cores // config.trainer.devices)


def _loader(config: TrainConfig, steps: Steps) -> TimedLoader:
    workers = num_workers(config)
    return TimedLoader(
        steps,
        batch_size=None,  # an item is a whole step already
        collate_fn=_as_it_is,
        num_workers=workers,
        prefetch_factor=PREFETCHED_STEPS if workers else None,
        worker_init_fn=_outlive_stop_signals,
        pin_memory=config.trainer.accelerator == "gpu",
    )


def _outlive_stop_signals(_worker: int) -> None:
    """Lets the rank decide: the launcher sends SIGTERM, and a terminal SIGINT, to a rank and its workers alike."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _as_it_is(loaded: Loaded) -> Loaded:
    return loaded
