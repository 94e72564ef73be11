"""Stage `settle`: how many files there are and which records are held back. Run once, when all shards are mapped."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from bionemo_trainer.data.preparation.cutoffs import NUM_ORDERS, limit_of_count, limit_of_percentage
from bionemo_trainer.data.preparation.layout import Layout, layout_of
from bionemo_trainer.data.preparation.mapping import read_mapped
from bionemo_trainer.data.preparation.marks import read_mark, write_mark
from bionemo_trainer.data.preparation.pieces import Keys, read_keys
from bionemo_trainer.data.preparation.plan import PreparationPlan, percentage_of
from bionemo_trainer.data.preparation.shards import read_shards
from bionemo_trainer.errors import DataError

ROWS_PER_FILE = 1_000_000
"""Of all splits together: files of 50 to 400 MB, large enough to read well and small enough to copy again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What holds for all files."""

    files: int
    """Files of each split."""
    rows: int
    """Rows of all shards, equal ones included."""
    validation_limit: int
    """Records below it are for validation."""
    test_limit: int
    """Records whose complement is below it are for the test."""


def run_settle(plan: PreparationPlan) -> int:
    """Decides for all files; the number of rows.

    Raises:
        DataError: There is no record, or fewer than are to be held back.
    """
    layout = layout_of(plan)
    num_shards = len(read_shards(layout))
    mapped = [read_mapped(layout, shard) for shard in range(num_shards)]
    num_rows = sum(shard.rows for shard in mapped)
    if not num_rows:
        num_rejects = sum(sum(shard.rejects.values()) for shard in mapped)
        raise DataError(
            f"{plan.output}: none of the {num_rejects} records in the source is usable; "
            f"{layout.work / 'mapped'} lists the causes, check that the source fits {plan.recipe}."
        )
    validation_limit = _limit(plan.validation, "split.validation", layout, num_shards)
    test_limit = _limit(plan.test, "split.test", layout, num_shards, complement=True)
    if validation_limit + test_limit > NUM_ORDERS:
        raise DataError(
            f"split: validation {plan.validation!r} and test {plan.test!r} are more than there are different records; "
            "ask for fewer."
        )
    files = plan.files or -(-num_rows // ROWS_PER_FILE)
    settled = Settled(files=files, rows=num_rows, validation_limit=validation_limit, test_limit=test_limit)
    write_mark(layout.settled, settled)
    return num_rows


def read_settled(layout: Layout) -> Settled:
    """What stage `settle` decided."""
    return read_mark(layout.settled, Settled, "settle")


def _limit(share: str, field: str, layout: Layout, num_shards: int, *, complement: bool = False) -> int:
    if (percentage := percentage_of(share)) is not None:
        return limit_of_percentage(percentage)
    limit = limit_of_count(int(share), _orders(layout, num_shards, complement=complement))
    if limit is None:
        raise DataError(f"{field}: {share!r} is more than there are different records; ask for fewer or for a share.")
    return limit


def _orders(layout: Layout, num_shards: int, *, complement: bool) -> Iterator[tuple[Keys, Keys]]:
    for shard in range(num_shards):
        places, splits, _ = read_keys(layout, shard)
        yield (np.invert(splits), np.invert(places)) if complement else (splits, places)
