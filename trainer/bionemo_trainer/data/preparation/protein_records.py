"""Proteins from the lines of a FASTA file: read and checked. Called by stage `map`."""

from collections.abc import Iterable, Iterator

from bionemo_trainer.data.preparation.lines import MOST_BYTES
from bionemo_trainer.data.preparation.plan import LengthPolicy
from bionemo_trainer.data.preparation.rejects import Cause, Rejected, Rejects
from bionemo_trainer.tokenizers.vocabulary import protein_vocabulary

HEADER = b"record_id,record_name,sequence_length,sequence\n"
ALPHABET = "".join(protein_vocabulary().tokens[index] for index in protein_vocabulary().residue_ids).encode()
"""The 25 letters that all three protein vocabularies share."""
_BLANKS = b" \t\r\n\v\f"
_SAFE_IN_NAME = bytes.maketrans(bytes(range(32)) + b'\x7f,"', b" " * 33 + b";'")
"""Rows are cut plainly at commas and line ends: a comma in a name would move the sequence to another column."""


class ProteinReader:
    """Turns lines of FASTA into rows of the dataset."""

    def __init__(self, longest: int, policy: LengthPolicy) -> None:
        """Reads FASTA.

        Args:
            longest: Residues of the longest sequence that is kept whole.
            policy: What happens to longer ones.
        """
        self._longest = longest
        self._policy = policy

    def rows(self, lines: Iterable[bytes], rejects: Rejects) -> Iterator[tuple[bytes, bytes]]:
        """Each protein as a row `id,name,length,sequence` and as its sequence, which tells equal ones.

        Args:
            lines: Of whole records, with their ends.
            rejects: Takes the records that hold no protein.
        """
        for number, header, letters in _records(lines):
            try:
                identifier, name = _titles(header)
                sequence = self._sequence(letters)
            except Rejected as rejected:
                rejects.add(number, header, rejected)
            else:
                yield b"%b,%b,%d,%b\n" % (identifier, name, len(sequence), sequence), sequence

    def _sequence(self, letters: bytes | None) -> bytes:
        """The checked sequence; None stands for one that is too large."""
        if letters is None:
            raise Rejected(Cause.TOO_LARGE)
        sequence = letters.translate(None, _BLANKS).upper().removesuffix(b"*")
        if not sequence:
            raise Rejected(Cause.EMPTY)
        if strange := sequence.translate(None, ALPHABET):
            raise Rejected(Cause.UNKNOWN_RESIDUE, "".join(sorted({chr(code) for code in strange})))
        if len(sequence) <= self._longest:
            return sequence
        if self._policy is LengthPolicy.TRUNCATE:
            return sequence[: self._longest]
        raise Rejected(Cause.TOO_LONG, f"{len(sequence)} residues")


def _records(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes, bytes | None]]:
    """Line number, header and letters of each record; text before the first header is a record without a `>`."""
    header, first_number, parts, num_bytes = b"", 1, list[bytes](), 0
    for number, line in enumerate(lines, start=1):
        if line.startswith(b">"):
            if header:
                yield first_number, header, _joined(parts, num_bytes)
            header, first_number, parts, num_bytes = line, number, [], 0
        elif header:
            num_bytes += len(line)
            if num_bytes <= MOST_BYTES:
                parts.append(line)
        elif not line.isspace():
            header, first_number = line, number
    if header:
        yield first_number, header, _joined(parts, num_bytes)


def _joined(parts: list[bytes], num_bytes: int) -> bytes | None:
    return b"".join(parts) if num_bytes <= MOST_BYTES else None


def _titles(header: bytes) -> tuple[bytes, bytes]:
    """Identifier and name: the first word of a header, and the rest."""
    if not header.startswith(b">"):
        raise Rejected(Cause.NO_HEADER)
    if len(header) > MOST_BYTES:
        raise Rejected(Cause.TOO_LARGE)
    try:
        header.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Rejected(Cause.NOT_TEXT, f"byte {error.start + 1}") from None
    words = header[1:].translate(_SAFE_IN_NAME).split(None, 1)
    if not words:
        raise Rejected(Cause.NO_IDENTIFIER)
    return words[0], words[1].rstrip() if len(words) > 1 else b""
