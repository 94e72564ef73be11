"""Where everything lies: the dataset, and below it the work in progress of one plan.

Every path and file name of preparation is built here. The dataset's own names are those of BioNeMo.
"""

from dataclasses import dataclass
from pathlib import Path

from bionemo_trainer.data.preparation.plan import PreparationPlan

SPLITS = ("train", "val", "test")
"""Folders of a dataset, as BioNeMo names them."""
WORK_PREFIX = ".work-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The paths of one preparation; numbers are those of sources, shards and files, all from 0."""

    output: Path
    work: Path

    @property
    def listing(self) -> Path:
        """What stage `list` found."""
        return self.work / "sources.json"

    def fetched(self, source: int) -> Path:
        """What stage `fetch` found in a source."""
        return self.work / "fetched" / f"{source:06d}.json"

    def download(self, source: int) -> Path:
        """A source as it was downloaded."""
        return self.work / "fetched" / f"{source:06d}.raw"

    def text(self, source: int) -> Path:
        """A source as plain text, where the source itself is none."""
        return self.work / "fetched" / f"{source:06d}.text"

    @property
    def shards(self) -> Path:
        """How stage `cut` cut the sources."""
        return self.work / "shards.json"

    def rows(self, shard: int) -> Path:
        """The rows of a shard, in the order of their keys."""
        return self.work / "mapped" / f"{shard:06d}.rows"

    def keys(self, shard: int) -> Path:
        """The keys of those rows."""
        return self.work / "mapped" / f"{shard:06d}.keys"

    def shard_rejects(self, shard: int) -> Path:
        """The rejected records of a shard."""
        return self.work / "mapped" / f"{shard:06d}.rejects"

    def mapped(self, shard: int) -> Path:
        """What stage `map` counted in a shard."""
        return self.work / "mapped" / f"{shard:06d}.json"

    @property
    def settled(self) -> Path:
        """What stage `settle` decided."""
        return self.work / "settled.json"

    def reduced(self, file: int) -> Path:
        """What stage `reduce` wrote as one file of each split."""
        return self.work / "reduced" / f"{file:06d}.json"

    def staged(self, split: str) -> Path:
        """A split until the dataset is complete."""
        return self.work / "dataset" / split

    def final(self, split: str) -> Path:
        """A split of the complete dataset."""
        return self.output / split


def layout_of(plan: PreparationPlan) -> Layout:
    """The paths of a plan; another plan has another folder for its work."""
    return Layout(output=plan.output, work=plan.output / f"{WORK_PREFIX}{plan.digest[:16]}")


def file_name(number: int, files: int) -> str:
    """`x007.csv`; four digits when there are more than 1000 files, and so on."""
    digits = max(3, len(str(files - 1)))
    return f"x{number:0{digits}d}.csv"
