"""Records that are left out: their causes, and the list of them that a user can look into.

Written by stage `map` for each shard, joined by stage `finish`.
"""

import csv
import gzip
import io
from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

HEADER = ("source", "line", "cause", "detail", "record")
SHOWN_CHARACTERS = 200
"""Enough of a record to find it again; the whole may be megabytes."""
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127)}
"""Line ends and NULs inside of a record would break the list for most readers."""


class Cause(StrEnum):
    """Why a record is left out."""

    NOT_TEXT = "not UTF-8 text"
    TOO_LARGE = "larger than 4 MiB"
    TOO_LONG = "too long"
    NO_COLUMN = "too few columns"
    EMPTY = "empty"
    INVALID_MOLECULE = "no valid molecule"
    UNKNOWN_TOKEN = "token outside of the vocabulary"  # noqa: S105 - a token of chemistry, no secret
    NO_HEADER = "text before the first header"
    NO_IDENTIFIER = "no identifier"
    UNKNOWN_RESIDUE = "residue outside of the alphabet"


class Rejected(Exception):  # noqa: N818 - it reports a record to its reader, which goes on
    """A record is left out; raised where that is found, caught by the loop over records."""

    def __init__(self, cause: Cause, detail: str = "") -> None:
        self.cause = cause
        self.detail = detail
        super().__init__(cause, detail)


class Rejects:
    """Writes the rejected records of one shard and counts them."""

    def __init__(self, file: BinaryIO) -> None:
        self.counts: Counter[Cause] = Counter()
        self._text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        self._rows = csv.writer(self._text, lineterminator="\n")

    def add(self, line: int, record: bytes, rejected: Rejected) -> None:
        """Leaves out a record that begins at a line of the shard, counted from 1."""
        self.counts[rejected.cause] += 1
        shown = record[: 4 * SHOWN_CHARACTERS].rstrip(b"\r\n").decode("utf-8", "backslashreplace")
        self._rows.writerow((line, rejected.cause.value, _safe(rejected.detail), _safe(shown)))

    def close(self) -> None:
        """Writes what is left; the file stays open."""
        self._text.detach()


def join_rejects(shards: Iterable[tuple[str, int, Path]], target: BinaryIO) -> None:
    """Writes one compressed list.

    Args:
        shards: In order: name of the source, lines before the shard, and what `Rejects` wrote.
        target: Where to; equal rejects give equal bytes.
    """
    with gzip.GzipFile(filename="", fileobj=target, mode="wb", mtime=0) as packed:
        text = io.TextIOWrapper(packed, encoding="utf-8", newline="")
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(HEADER)
        rows.writerows(_joined(shards))
        text.flush()
        text.detach()


def _joined(shards: Iterable[tuple[str, int, Path]]) -> Iterator[tuple[str, int, str, str, str]]:
    for name, lines_before, path in shards:
        with path.open(encoding="utf-8", newline="") as file:
            for line, cause, detail, record in csv.reader(file):
                yield name, lines_before + int(line), cause, detail, record


def _safe(text: str) -> str:
    return text[:SHOWN_CHARACTERS].translate(_CONTROL)
