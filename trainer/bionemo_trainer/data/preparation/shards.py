"""Stage `cut`: the plain text of all sources in pieces that are mapped one by one. Run once, when all files are fetched.

A cut falls anywhere; a record belongs to the shard in which its first byte lies. How the text is cut changes no byte of
the dataset.
"""

from dataclasses import dataclass

from bionemo_trainer.data.preparation.fetching import Fetched, read_fetched
from bionemo_trainer.data.preparation.layout import Layout, layout_of
from bionemo_trainer.data.preparation.marks import read_mark, write_mark
from bionemo_trainer.data.preparation.plan import PreparationPlan
from bionemo_trainer.data.preparation.sources import read_listing
from bionemo_trainer.errors import DataError, MissingInputError

NUM_SHARDS = 64
"""Aimed at: enough to share evenly, few enough that none is too small."""
LEAST_BYTES = 1 << 20
"""Smaller shards cost more to start than to map."""
MOST_BYTES = 1 << 25
"""32 MiB of molecules take ten minutes and 200 MB of memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A part of one source."""

    source: int
    """Number of the source in the listing."""
    name: str
    """What the source is called in messages."""
    text: str
    """Path of its plain text."""
    start: int
    """Where the shard begins, in bytes, before it is moved to the next record."""
    end: int
    """Where the next one begins, likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shards:
    """All shards, in the order of their sources and places."""

    shards: tuple[Shard, ...]


def run_cut(plan: PreparationPlan) -> int:
    """Cuts all sources; the number of shards.

    Raises:
        MissingInputError: Sources don't exist; all are named.
        DataError: Sources are damaged; all are named.
    """
    layout = layout_of(plan)
    fetched = [read_fetched(layout, number) for number in range(len(read_listing(layout).files))]
    _refuse_faults(fetched, allow_missing=plan.allow_missing)
    shards = cut(fetched)
    write_mark(layout.shards, Shards(shards=shards))
    return len(shards)


def read_shards(layout: Layout) -> tuple[Shard, ...]:
    """What stage `cut` made."""
    return read_mark(layout.shards, Shards, "cut").shards


def cut(fetched: list[Fetched]) -> tuple[Shard, ...]:
    """Shards of about equal size; none of an empty text."""
    total_bytes = sum(source.text_bytes for source in fetched)
    shard_bytes = min(max(total_bytes // NUM_SHARDS, LEAST_BYTES), MOST_BYTES)
    return tuple(
        Shard(
            source=number,
            name=source.name,
            text=source.text,
            start=source.text_bytes * part // num_parts,
            end=source.text_bytes * (part + 1) // num_parts,
        )
        for number, source in enumerate(fetched)
        for num_parts in [-(-source.text_bytes // shard_bytes)]
        for part in range(num_parts)
    )


def _refuse_faults(fetched: list[Fetched], *, allow_missing: bool) -> None:
    faults = [source for source in fetched if source.fault and not (source.is_missing and allow_missing)]
    if not faults:
        return
    error = MissingInputError if all(source.is_missing for source in faults) else DataError
    raise error("\n".join(f"{source.name}: {source.fault}." for source in faults))
