"""Molecules from the lines of a table: read, checked, canonical. Called by stage `map`."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from bionemo_trainer.data.molecules import canonical_smiles
from bionemo_trainer.data.preparation.lines import MOST_BYTES
from bionemo_trainer.data.preparation.plan import MOST_SMILES_CHARACTERS
from bionemo_trainer.data.preparation.rejects import Cause, Rejected, Rejects
from bionemo_trainer.data.preparation.tables import TableFormat
from bionemo_trainer.tokenizers.smiles import SmilesTokenizer

HEADER = b"zinc_id,smiles\n"
ID_PREFIX = "BNM"
"""Begins identifiers that are made here; ZINC's begin with ZINC."""
ALWAYS_KNOWN = b"BCNOPSFIbcnops()=#-/\\123456789lr"
"""Characters that RDKit writes outside of brackets in tokens of the vocabulary only: `l` and `r` end Cl and Br. A molecule of
these alone, as nine in ten are, needs no tokenizer to be judged."""
_SAFE_IN_ID = {**dict.fromkeys((*range(32), 127), " "), ord(","): ";", ord('"'): "'"}
"""Rows are cut plainly at commas and line ends, so an identifier may hold neither."""


class MoleculeReader:
    """Turns lines of one table into rows of the dataset."""

    def __init__(self, table: TableFormat, longest: int) -> None:
        """Reads a table.

        Args:
            table: How its lines are cut.
            longest: Characters of the longest canonical SMILES that is kept.
        """
        self._table = table
        self._longest = longest
        self._unknown = SmilesTokenizer().unknown

    def rows(self, lines: Iterable[bytes], rejects: Rejects, *, from_top: bool) -> Iterator[tuple[bytes, bytes]]:
        """Each molecule as a row `id,smiles` and as its canonical SMILES, which tells equal ones.

        Args:
            lines: Of a shard, with their ends; blank ones are skipped.
            rejects: Takes the lines that hold no molecule.
            from_top: Whether the shard begins with the file, and so with its header.
        """
        header_is_due = from_top and self._table.has_header
        for number, line in enumerate(lines, start=1):
            if line.isspace():
                continue
            if header_is_due:
                header_is_due = False
                continue
            try:
                identifier, smiles = self._molecule(line)
            except Rejected as rejected:
                rejects.add(number, line, rejected)
            else:
                canonical = smiles.encode()
                yield b"%b,%b\n" % (identifier or _derived_id(canonical), canonical), canonical

    def _molecule(self, line: bytes) -> tuple[bytes, str]:
        """Identifier, empty when there is none, and canonical SMILES of a line."""
        columns = self._columns(line)
        if self._table.smiles_column >= len(columns):
            raise Rejected(Cause.NO_COLUMN, f"{len(columns)} of {self._table.smiles_column + 1}")
        smiles = self._canonical(columns[self._table.smiles_column].strip())
        if self._table.id_column is None or self._table.id_column >= len(columns):
            return b"", smiles
        identifier = columns[self._table.id_column]
        return (identifier if identifier.isalnum() else identifier.translate(_SAFE_IN_ID).strip()).encode(), smiles

    def _columns(self, line: bytes) -> Sequence[str]:
        if len(line) > MOST_BYTES:
            raise Rejected(Cause.TOO_LARGE)
        try:
            return self._table.columns(line.decode("utf-8").rstrip("\r\n"))
        except UnicodeDecodeError as error:
            raise Rejected(Cause.NOT_TEXT, f"byte {error.start + 1}") from None

    def _canonical(self, smiles: str) -> str:
        if not smiles:
            raise Rejected(Cause.EMPTY)
        if len(smiles) > MOST_SMILES_CHARACTERS:
            raise Rejected(Cause.TOO_LONG, f"{len(smiles)} characters")
        canonical = canonical_smiles(smiles)
        if not canonical:
            raise Rejected(Cause.INVALID_MOLECULE)
        if len(canonical) > self._longest:
            raise Rejected(Cause.TOO_LONG, f"{len(canonical)} characters")
        if canonical.encode().translate(None, ALWAYS_KNOWN) and (unknown := self._unknown(canonical)):
            raise Rejected(Cause.UNKNOWN_TOKEN, " ".join(unknown))
        return canonical


def _derived_id(canonical: bytes) -> bytes:
    """An identifier that depends on the molecule alone, never on its place."""
    return f"{ID_PREFIX}{hashlib.blake2b(canonical, digest_size=8).hexdigest().upper()}".encode()
