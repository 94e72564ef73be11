"""How the lines of a table of SMILES are cut into columns, found out from the top of the file.

Called by `molecule_records`. ZINC's tranches, comma-separated exports and plain lists of SMILES differ in all of this.
"""

import csv
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from bionemo_trainer.data.molecules import canonical_smiles
from bionemo_trainer.errors import DataError

SMILES_NAMES = ("smiles", "canonical_smiles", "isomeric_smiles", "smi", "molecule")
"""What headers call the column of SMILES, in the order of preference."""
ID_NAMES = ("zinc_id", "zincid", "id", "name", "molecule_id", "compound_id", "chembl_id", "molecule_chembl_id")
"""What headers call the column of identifiers, likewise."""
_WORD = re.compile(r"[A-Za-z][A-Za-z_ .-]{0,63}")
"""What a column may be called; a longer word is never tried as a SMILES, for one long enough kills RDKit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableFormat:
    """How one file is read."""

    separator: str | None
    """Between columns: a tab, a comma, or None for any run of blanks."""
    has_header: bool
    smiles_column: int
    """Counted from 0."""
    id_column: int | None
    """None when identifiers are made from the molecules."""

    def columns(self, line: str) -> Sequence[str]:
        """The columns of a line."""
        if self.separator == "," and '"' in line:
            with suppress(csv.Error):  # quotes that don't match, or text of 128 KiB: cut plainly, judged as SMILES
                return next(csv.reader([line]))
        return line.split(self.separator)


def table_format(first_line: str, column: str | None, *, name: str) -> TableFormat:
    """The format of a file, from its first line that is not blank.

    A first line is a header when it has a known column name, or when it is all words and its SMILES column is none.

    Args:
        first_line: Without its end.
        column: What the plan calls the SMILES column: a name, a number from 0, or None.
        name: What messages call the file.

    Raises:
        DataError: The header lacks the column.
    """
    separator = next((mark for mark in "\t," if mark in first_line), None)
    plain = TableFormat(separator=separator, has_header=False, smiles_column=0, id_column=None)
    cells = [cell.strip() for cell in plain.columns(first_line)]
    words = [cell.lower() for cell in cells]
    number = int(column) if column is not None and column.isdecimal() else None
    if _is_header(cells, column, number or 0):
        smiles_column = _named(words, column, name) if number is None else number
        return replace(plain, has_header=True, smiles_column=smiles_column, id_column=_first_of(ID_NAMES, words))
    if column is not None and number is None:
        raise DataError(f"{name}: has no header, so column {column!r} can't be found; give its number from 0 instead.")
    others = (place for place in range(len(cells)) if place != (number or 0))
    return replace(plain, smiles_column=number or 0, id_column=next(others, None))


def _is_header(cells: list[str], column: str | None, number: int) -> bool:
    known = {*SMILES_NAMES, *ID_NAMES, *([column.lower()] if column and not column.isdecimal() else [])}
    if not known.isdisjoint(cell.lower() for cell in cells):
        return True
    return number < len(cells) and all(map(_WORD.fullmatch, cells)) and canonical_smiles(cells[number]) is None


def _named(words: list[str], column: str | None, name: str) -> int:
    if column is None:
        return _first_of(SMILES_NAMES, words) or 0
    if column.lower() not in words:
        raise DataError(f"{name}: has no column {column!r}, its columns are {', '.join(words)}; name one of these.")
    return words.index(column.lower())


def _first_of(names: Sequence[str], words: list[str]) -> int | None:
    return next((words.index(name) for name in names if name in words), None)
