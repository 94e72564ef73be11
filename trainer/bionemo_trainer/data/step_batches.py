"""The packed micro batches of any step for any rank: step k of a run is positions k x GBS up to (k + 1) x GBS.

Called by the loaders of training and validation, in their worker processes. A step depends on the seed and on nothing else:
not on what was loaded before, and only by its cut into shares on the number of ranks. No torch here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Literal

import numpy as np

from bionemo_trainer.config.ranges import ALL_FILES, EXTENSION, expand_range
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.data.collators.from_config import Collator, collator_of
from bionemo_trainer.data.csv_dataset import CsvDataset, CsvFormat
from bionemo_trainer.data.packing import (
    EncoderBatch,
    EncoderDecoderBatch,
    micro_batches,
    pack_encoder,
    pack_encoder_decoder,
)
from bionemo_trainer.data.sample_order import SampleOrder
from bionemo_trainer.data.samples import EncoderDecoderSample, EncoderSample
from bionemo_trainer.errors import DataError

SAMPLES_AT_ONCE = 64
"""That a collator makes together. It does one thing for all of them before the next, so that a core's caches hold the code for it; of more
molecules they would not hold the data. Measured with MegaMolBART: 176 us a sample, 310 one by one, 274 with 400."""

type Split = Literal["train", "val", "test"]
type MicroBatch = EncoderBatch | EncoderDecoderBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The part of every global batch that one data-parallel rank takes."""

    rank: int
    """From 0 to num_ranks - 1."""
    num_ranks: int
    """Data-parallel size."""

    def positions(self, step: int, global_batch_size: int) -> range:
        """Positions of a step that are this rank's; the shares of ranks differ by one sample at most."""
        start = step * global_batch_size
        first, last = (start + rank * global_batch_size // self.num_ranks for rank in (self.rank, self.rank + 1))
        return range(first, last)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBatches:
    """Indexed by a step, gives the rank's micro batches of that step; it travels to worker processes."""

    dataset: CsvDataset
    collator: Collator
    order: SampleOrder
    share: Share
    global_batch_size: int
    """Samples of a step over all ranks."""
    max_tokens: int
    """Tokens that a micro batch holds at most, on either side of an encoder-decoder model."""
    is_endless: bool = True
    """Whether epoch follows epoch; else every sample comes once, and the last step may have fewer."""

    @property
    def num_steps_per_epoch(self) -> int:
        """Steps after which every sample was seen, the last of them perhaps a short one."""
        return -(-len(self.dataset) // self.global_batch_size)

    def __getitem__(self, step: int) -> list[MicroBatch]:
        """At least one micro batch; none when the rank's share of the global batch is empty.

        Raises:
            DataError: A row can't be read or is no molecule.
        """
        positions = self.share.positions(step, self.global_batch_size)
        if not self.is_endless:
            positions = range(positions.start, min(positions.stop, len(self.dataset)))
        samples = [sample for part in batched(positions, SAMPLES_AT_ONCE) for sample in self._samples(part)]
        masked = [sample for sample in samples if isinstance(sample, EncoderSample)]
        pairs = [sample for sample in samples if isinstance(sample, EncoderDecoderSample)]
        encoder_batches = [pack_encoder(part) for part in micro_batches(masked, self.max_tokens)]
        return [*encoder_batches, *map(pack_encoder_decoder, micro_batches(pairs, self.max_tokens))]

    def _samples(self, positions: Sequence[int]) -> Sequence[EncoderSample | EncoderDecoderSample]:
        """Those at some positions of the run."""
        rows = self.order.indices(np.array(positions)).tolist()
        return self.collator(positions, [self.dataset.sample(row) for row in rows])


def split_files(config: TrainConfig, split: Split) -> tuple[Path, ...]:
    """The files of a split that a configuration names; `*` names all that are there, in the order of their names."""
    data = config.model.data
    folder = Path(data.dataset_path, split)
    names = expand_range(getattr(data.dataset, split), field=f"model.data.dataset.{split}")
    if names == (f"{ALL_FILES}{EXTENSION}",):
        names = tuple(sorted(path.name for path in folder.glob(names[0])))
    return tuple(folder / name for name in names)


def step_batches(config: TrainConfig, split: Split, share: Share, global_batch_size: int) -> StepBatches:
    """All steps of a split for one rank. Line indexes that are missing are built.

    Args:
        config: The run.
        split: Which split; molecules of all but `train` carry the SMILES that validation compares with.
        share: The rank.
        global_batch_size: Samples of a step over all ranks.

    Raises:
        MissingInputError: Files of the split are missing.
        DataError: The split has no rows.
    """
    data = config.model.data
    dataset = CsvDataset(
        split_files(config, split),
        CsvFormat(data_col=data.data_col, data_sep=data.data_sep, header_lines=data.header_lines),
        index_folder=Path(data.index_mapping_dir) if data.index_mapping_dir else None,
    )
    if not len(dataset):
        raise DataError(
            f"{data.dataset_path}/{split}: the files of model.data.dataset.{split} "
            f"({getattr(data.dataset, split)!r}) hold no rows; name files that do, or prepare a larger split."
        )
    return StepBatches(
        dataset=dataset,
        collator=collator_of(config, with_target=split != "train"),
        order=SampleOrder(num_samples=len(dataset), seed=data.seed),
        share=share,
        global_batch_size=global_batch_size,
        max_tokens=config.model.micro_batch_size * config.model.seq_length,
        is_endless=split == "train",
    )
