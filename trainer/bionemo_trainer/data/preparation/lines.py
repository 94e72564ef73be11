"""Lines of a part of a text, none of them held in memory beyond a limit. Called by stage `map`."""

from collections.abc import Iterator
from typing import BinaryIO

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
"""What some programs put before the first line of UTF-8 text; it is no part of it."""
MOST_BYTES = 1 << 22
"""A longer line is no record: 4 MiB is four times the longest sequence that a plan can ask for."""


def lines_between(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    """The lines from one line start to another, with their ends; one that is too long is cut to MOST_BYTES + 1."""
    file.seek(start)
    left = end - start
    while left > 0 and (line := file.readline(MOST_BYTES + 1)):
        left -= len(line)
        if len(line) > MOST_BYTES and not line.endswith(b"\n"):
            left -= _skip_line(file)
        yield line.removeprefix(BYTE_ORDER_MARK)


def next_line(file: BinaryIO, place: int) -> int:
    """Where the first line begins that begins at a place or behind it; the end of the file when none does."""
    if place == 0:
        return 0
    file.seek(place - 1)
    return place - 1 + _skip_line(file)


def next_fasta_record(file: BinaryIO, place: int) -> int:
    """The same for records of FASTA; the first of a file begins with the file, whatever stands there."""
    if place == 0:
        return 0
    start = next_line(file, place)
    file.seek(start)
    while (first := file.read(1)) not in {b">", b""}:
        start += 1 if first == b"\n" else 1 + _skip_line(file)
    return start


def _skip_line(file: BinaryIO) -> int:
    """Reads to the end of a line; how many bytes that were."""
    num_bytes = 0
    while piece := file.readline(MOST_BYTES):
        num_bytes += len(piece)
        if piece.endswith(b"\n"):
            break
    return num_bytes
