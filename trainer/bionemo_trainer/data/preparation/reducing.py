"""Stage `reduce`: one file of each split. One task for each file number.

The rows whose places belong to the file are gathered from all shards, equal ones are dropped, and the rest is written in
the order of the places: a shuffle of the whole dataset that needs no random numbers. Some ten thousand rows are in memory
at a time, however large the file is.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import compress, pairwise
from typing import BinaryIO

import numpy as np

from bionemo_trainer.data.lengths import count_lengths
from bionemo_trainer.data.preparation import molecule_records, protein_records
from bionemo_trainer.data.preparation.cutoffs import Mask, is_below
from bionemo_trainer.data.preparation.layout import SPLITS, Layout, file_name, layout_of
from bionemo_trainer.data.preparation.marks import read_mark, write_mark
from bionemo_trainer.data.preparation.pieces import PLACES, Keys, Piece, read_piece
from bionemo_trainer.data.preparation.plan import PreparationPlan
from bionemo_trainer.data.preparation.settling import Settled, read_settled
from bionemo_trainer.data.preparation.shards import read_shards
from bionemo_trainer.durable import durable

ROWS_AT_A_TIME = 100_000
"""In memory, of all shards together: 10 MB of molecules, 50 MB of proteins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One file of one split."""

    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduced:
    """The files of one number and what was found on the way."""

    files: dict[str, Written]
    """By split."""
    duplicates: int
    """Rows that were dropped because an equal record had a smaller identifier."""
    lengths: dict[int, int]
    """Histogram of text lengths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Different rows in the order of their keys."""

    rows: list[bytes]
    """[N]"""
    places: Keys
    """[N]"""
    splits: Keys
    """[N]"""
    duplicates: int
    """How many equal ones were dropped."""


class _SplitFile:
    """A file that is hashed and counted while it is written."""

    def __init__(self, file: BinaryIO, header: bytes) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._num_bytes = 0
        self._num_rows = 0
        self._write(header)

    def add(self, rows: list[bytes]) -> None:
        self._num_rows += len(rows)
        self._write(b"".join(rows))

    def written(self) -> Written:
        return Written(rows=self._num_rows, bytes=self._num_bytes, sha256=self._digest.hexdigest())

    def _write(self, text: bytes) -> None:
        self._digest.update(text)
        self._num_bytes += len(text)
        self._file.write(text)


def run_reduce(plan: PreparationPlan, number: int) -> int:
    """Writes one file of each split; how many rows they have."""
    layout = layout_of(plan)
    settled = read_settled(layout)
    shards = range(len(read_shards(layout)))
    name = file_name(number, settled.files)
    header = molecule_records.HEADER if plan.is_molecular else protein_records.HEADER
    duplicates, lengths = 0, Counter[int]()
    with ExitStack() as stack:
        opened = {split: stack.enter_context(durable(layout.staged(split) / name)) for split in SPLITS}
        files = {split: _SplitFile(file, header) for split, file in opened.items()}
        for first, end in _place_ranges(settled, number):
            rows = _distinct([read_piece(layout, shard, first, end) for shard in shards])
            duplicates += rows.duplicates
            lengths.update(count_lengths([_text_length(row) for row in rows.rows]))
            _share_out(rows, settled, files)
    written = {split: file.written() for split, file in files.items()}
    write_mark(layout.reduced(number), Reduced(files=written, duplicates=duplicates, lengths=dict(lengths)))
    return sum(file.rows for file in written.values())


def read_reduced(layout: Layout, number: int) -> Reduced:
    """What stage `reduce` wrote as one file of each split."""
    return read_mark(layout.reduced(number), Reduced, "reduce")


def _place_ranges(settled: Settled, number: int) -> Iterator[tuple[int, int]]:
    """The places of a file, in ranges that hold few enough rows; hashes spread evenly, so counting is not needed."""
    parts = -(-settled.rows // (settled.files * ROWS_AT_A_TIME))
    bounds = [PLACES * (number * parts + part) // (settled.files * parts) for part in range(parts + 1)]
    return pairwise(bounds)


def _distinct(pieces: list[Piece]) -> _Rows:
    places = np.concatenate([piece.places for piece in pieces])
    splits = np.concatenate([piece.splits for piece in pieces])
    order = np.lexsort((splits, places))
    unordered = [row for piece in pieces for row in _rows_of(piece)]
    rows = [unordered[index] for index in order.tolist()]
    places, splits = places[order], splits[order]
    is_first = np.ones(len(rows), dtype=np.bool_)
    is_first[1:] = (places[1:] != places[:-1]) | (splits[1:] != splits[:-1])
    firsts = [*np.flatnonzero(is_first).tolist(), len(rows)]
    kept = [rows[first] if end == first + 1 else _smallest(rows[first:end]) for first, end in pairwise(firsts)]
    return _Rows(rows=kept, places=places[is_first], splits=splits[is_first], duplicates=len(rows) - len(kept))


def _rows_of(piece: Piece) -> list[bytes]:
    return [piece.text[start:end] for start, end in pairwise(piece.starts.tolist())]


def _smallest(rows: list[bytes]) -> bytes:
    """The row with the smallest identifier, compared byte by byte; the rest of the row decides between equal ones."""
    return min(rows, key=lambda row: row.split(b",", 1))


def _text_length(row: bytes) -> int:
    """Characters of the last column, which is the text."""
    return len(row) - row.rfind(b",") - 2


def _share_out(rows: _Rows, settled: Settled, files: dict[str, _SplitFile]) -> None:
    """Adds each row to the file of its split."""
    is_validation = is_below(settled.validation_limit, rows.splits, rows.places)
    is_test = is_below(settled.test_limit, np.invert(rows.splits), np.invert(rows.places))
    for split, mask in zip(SPLITS, (~(is_validation | is_test), is_validation, is_test), strict=True):
        files[split].add(_masked(rows.rows, mask))


def _masked(rows: list[bytes], mask: Mask) -> list[bytes]:
    return list(compress(rows, mask.tolist()))
