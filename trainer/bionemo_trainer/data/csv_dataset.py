"""Rows of comma-separated files as one long list, read at random in microseconds through memory maps.

Called by the data loaders. It reads text and cuts columns; tokens are the collators'. Columns are cut plainly at the
separator, as BioNeMo does: there is no quoting, and the preparation writes none.
"""

import mmap
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from bionemo_trainer.data.line_index import build_line_indexes, line_starts
from bionemo_trainer.errors import DataError, MissingInputError


@dataclass(frozen=True, slots=True, kw_only=True)
class CsvFormat:
    """How rows are cut, under the keys of `model.data`."""

    data_col: int
    """Column of the text, counted from 0: 1 for molecules, 3 for proteins."""
    data_sep: str = ","
    """Separator of columns."""
    header_lines: int = 1
    """Lines at the top of each file that are no rows."""


class CsvDataset:
    """The rows of some files, in the order of the files, numbered from 0.

    It is cheap to open once its line indexes exist, holds no rows in memory and travels to other processes by its paths.
    """

    def __init__(
        self, files: Sequence[Path], csv_format: CsvFormat, *, index_folder: Path | None = None, workers: int = 1
    ) -> None:
        """Opens the files; indexes that are missing or stale are built first.

        Args:
            files: The files, for example `train/x000.csv` to `train/x186.csv`.
            csv_format: How rows are cut.
            index_folder: Where line indexes are kept; None keeps them beside the files where that can be written.
            workers: How many files are indexed at a time.

        Raises:
            MissingInputError: Files don't exist; all of them are named.
            StorageError: A file can't be read or an index can't be written.
        """
        _refuse_missing(files)
        build_line_indexes(files, index_folder, workers)
        self.csv_format = csv_format
        self._arguments = (tuple(files), csv_format, index_folder)
        self._files = tuple(_MappedFile(file, index_folder) for file in files)
        rows = (max(0, file.num_lines - csv_format.header_lines) for file in self._files)
        self._rows_through = tuple(accumulate(rows, initial=0))

    def __reduce__(self) -> tuple[object, ...]:
        return _reopened, self._arguments

    def __len__(self) -> int:
        return self._rows_through[-1]

    def record(self, index: int) -> str:
        """The whole row at an index, without its line end.

        Raises:
            DataError: The row is not UTF-8.
        """
        file, line_number = self._located(index)
        return self._decoded(file, line_number)

    def sample(self, index: int) -> str:
        """The text of column `data_col` of the row at an index.

        Raises:
            DataError: The row has too few columns or is not UTF-8; the message names its file and line.
        """
        file, line_number = self._located(index)
        column, separator = self.csv_format.data_col, self.csv_format.data_sep
        columns = self._decoded(file, line_number).split(separator, column + 1)
        if column >= len(columns):
            raise DataError(
                f"{file.path}, line {line_number + 1}: model.data.data_col {column} asks for column {column + 1}, "
                f"but model.data.data_sep {separator!r} cuts {separator.join(columns)!r} into {len(columns)}; "
                "mend the row or the two keys."
            )
        return columns[column]

    def _located(self, index: int) -> tuple["_MappedFile", int]:
        """The file of a row, and the number of its line there, from 0 and with the header counted."""
        if not 0 <= index < len(self):
            raise IndexError(f"row {index} lies outside of a dataset with {len(self)} rows")
        place = bisect_right(self._rows_through, index) - 1
        return self._files[place], index - self._rows_through[place] + self.csv_format.header_lines

    def _decoded(self, file: "_MappedFile", line_number: int) -> str:
        line = file.line(line_number)
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"{file.path}, line {line_number + 1}: byte {line[error.start : error.start + 1]!r} at place "
                f"{error.start + 1} is not UTF-8 text; mend the row or prepare the dataset again."
            ) from None


class _MappedFile:
    """One file and where its lines start."""

    def __init__(self, path: Path, index_folder: Path | None) -> None:
        self.path = path
        self._starts = memoryview(line_starts(path, index_folder))
        self.num_lines = len(self._starts) - 1
        with path.open("rb") as opened:
            self._text = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) if self.num_lines else b""

    def line(self, number: int) -> bytes:
        """A line, counted from 0, without its end."""
        return self._text[self._starts[number] : self._starts[number + 1]].rstrip(b"\r\n")


def _reopened(files: tuple[Path, ...], csv_format: CsvFormat, index_folder: Path | None) -> CsvDataset:
    return CsvDataset(files, csv_format, index_folder=index_folder)


def _refuse_missing(files: Sequence[Path]) -> None:
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise MissingInputError(
            f"{len(missing)} of {len(files)} dataset files are missing: {', '.join(missing)}; "
            "bring them, or change model.data.dataset_path or the ranges in model.data.dataset."
        )
