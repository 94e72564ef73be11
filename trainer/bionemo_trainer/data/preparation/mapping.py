"""Stage `map`: the records of one shard, read, checked, made canonical, keyed and sorted. One task for each shard.

Nearly all of the time of a preparation is spent here, in RDKit. The loops do nothing per record that a batch could do.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from bionemo_trainer.data.preparation.layout import Layout, layout_of
from bionemo_trainer.data.preparation.lines import MOST_BYTES, lines_between, next_fasta_record, next_line
from bionemo_trainer.data.preparation.marks import read_mark, write_mark
from bionemo_trainer.data.preparation.molecule_records import MoleculeReader
from bionemo_trainer.data.preparation.pieces import hasher, write_piece
from bionemo_trainer.data.preparation.plan import PreparationPlan
from bionemo_trainer.data.preparation.protein_records import ProteinReader
from bionemo_trainer.data.preparation.rejects import Rejects
from bionemo_trainer.data.preparation.shards import Shard, read_shards
from bionemo_trainer.data.preparation.tables import table_format
from bionemo_trainer.durable import durable


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """What was in a shard."""

    lines: int
    """Lines of its text, so that those of later shards can be numbered."""
    rows: int
    """Records that were kept, equal ones included."""
    rejects: dict[str, int]
    """Records that were not, by cause."""


class _Counted:
    """Lines that are counted while they are read."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines = lines
        self.num_lines = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self._lines:
            self.num_lines += 1
            yield line


def run_map(plan: PreparationPlan, number: int) -> int:
    """Maps one shard; how many records it has, rejected ones included.

    Raises:
        DataError: The source lacks the column that the plan names.
    """
    layout = layout_of(plan)
    shard = read_shards(layout)[number]
    with Path(shard.text).open("rb") as text, durable(layout.shard_rejects(number)) as rejected:
        rejects = Rejects(rejected)
        start, end = _bounds(plan, shard, text)
        lines = _Counted(lines_between(text, start, end))
        rows, keys = _keyed(_rows(plan, shard, lines, rejects), plan.seed)
        rejects.close()
    write_piece(layout, number, rows, keys)
    counts = {cause.value: count for cause, count in sorted(rejects.counts.items())}
    write_mark(layout.mapped(number), Mapped(lines=lines.num_lines, rows=len(rows), rejects=counts))
    return len(rows) + rejects.counts.total()


def read_mapped(layout: Layout, number: int) -> Mapped:
    """What stage `map` counted in a shard."""
    return read_mark(layout.mapped(number), Mapped, "map")


def _bounds(plan: PreparationPlan, shard: Shard, text: BinaryIO) -> tuple[int, int]:
    """The ends of a shard, each moved to where a record begins."""
    next_record = next_line if plan.is_molecular else next_fasta_record
    return next_record(text, shard.start), next_record(text, shard.end)


def _rows(plan: PreparationPlan, shard: Shard, lines: _Counted, rejects: Rejects) -> Iterator[tuple[bytes, bytes]]:
    """Rows and canonical records of a shard."""
    if not plan.is_molecular:
        return ProteinReader(plan.longest, plan.length_policy).rows(lines, rejects)
    table = table_format(_first_line(shard), plan.column, name=shard.name)
    return MoleculeReader(table, plan.longest).rows(lines, rejects, from_top=shard.start == 0)


def _first_line(shard: Shard) -> str:
    """The first line of a shard's source that is not blank."""
    with Path(shard.text).open("rb") as text:
        whole = Path(shard.text).stat().st_size
        first = next((line for line in lines_between(text, 0, whole) if not line.isspace()), b"")
    return first[:MOST_BYTES].decode("utf-8", "replace").rstrip("\r\n")


def _keyed(rows: Iterator[tuple[bytes, bytes]], seed: int) -> tuple[list[bytes], list[bytes]]:
    key_of = hasher(seed)
    kept: list[bytes] = []
    keys: list[bytes] = []
    for row, canonical in rows:
        kept.append(row)
        keys.append(key_of(canonical))
    return kept, keys
