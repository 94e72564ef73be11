"""Where the lines of a text file start, kept in a small file so that any row can be read at once.

Called by `csv_dataset`. It knows lines only: columns, headers and records are the dataset's. Any number of processes may
build the same index at the same time: each writes a file of its own and renames it, so the last one wins and all are equal.

An index file is a 64-byte header, then the offset of every line start and the length of the text, as unsigned 32-bit
numbers, or 64-bit ones when the text has 4 GiB or more.
"""

import hashlib
import os
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bionemo_trainer.durable import durable
from bionemo_trainer.errors import StorageError

type LineStarts = npt.NDArray[np.uint32 | np.uint64]
"""Offset in bytes of each of N lines, and the length of the file [N + 1]."""

SUFFIX = ".lines"
HEADER = struct.Struct("<8sQQQ32s")
"""Magic, bytes per offset, then what tells that the text is still the same: its length, its time and its digest."""
MAGIC = b"BNLINES1"
CHUNK_BYTES = 1 << 21
"""Searched at a time: the fastest of 2^18 to 2^26 as measured; a chunk and its marks then stay in a core's cache."""
EDGE_BYTES = 1 << 16
"""How much of either end of a text enters its digest."""
LINE_FEED = 0x0A
WIDE_BYTES = 1 << 32
"""Texts from this length on need 64-bit offsets."""


def build_line_indexes(files: Sequence[Path], folder: Path | None = None, workers: int = 1) -> None:
    """Makes sure that every file has an index that fits it.

    Threads do it: numpy lets go of the interpreter while it searches, and a trainer that holds a GPU must not fork.

    Args:
        files: The text files.
        folder: Where indexes are kept; None keeps them beside the files, or in the user's cache when that is read-only.
        workers: How many files are searched at a time.

    Raises:
        StorageError: A file can't be read or an index can't be written.
    """
    with ThreadPoolExecutor(max_workers=workers) as pool:
        for _ in pool.map(line_starts, files, repeat(folder)):
            pass


def line_starts(file: Path, folder: Path | None = None) -> LineStarts:
    """The starts of all lines of a file, memory-mapped from its index, which is built first where it is missing or stale.

    A line ends with a line feed or with the file. An empty file has no lines.

    Raises:
        StorageError: The file can't be read or its index can't be written.
    """
    places = _places(file, folder)
    try:
        header = _header(file)
        for place in places:
            if (starts := _mapped(place, header)) is not None:
                return starts
        found = _found_starts(file)
    except OSError as error:
        raise StorageError(f"{file}: can't be read ({error.strerror}); see to the volume and start again.") from None
    try:
        _write(places[-1], header, found)
    except OSError as error:
        raise StorageError(
            f"{places[-1]}: the line index can't be written ({error.strerror}); "
            "make room there or set model.data.index_mapping_dir to a folder that can be written."
        ) from None
    return found


def _places(file: Path, folder: Path | None) -> tuple[Path, ...]:
    """Where an index is looked for, in this order; a new one is written to the last."""
    beside = file.with_name(file.name + SUFFIX)
    if folder is not None:
        return (_cached(file, folder),)
    if os.access(file.parent, os.W_OK):
        return (beside,)
    return (beside, _cached(file, Path.home() / ".cache" / "bionemo" / "lines"))


def _cached(file: Path, folder: Path) -> Path:
    """The name of an index away from its file: files of one name in `train` and `val` must not share it."""
    whole_path = hashlib.sha256(os.fsencode(file.absolute())).hexdigest()
    return folder / f"{file.parent.name}-{file.name}-{whole_path[:16]}{SUFFIX}"


def _header(file: Path) -> bytes:
    """What the index of this file starts with; another file, or this one changed, gives another header.

    Reading all of a file to be sure would cost as much as indexing it again, so the digest covers its ends.
    """
    status = file.stat()
    with file.open("rb") as text:
        edges = hashlib.sha256(text.read(EDGE_BYTES))
        text.seek(max(0, status.st_size - EDGE_BYTES))
        edges.update(text.read(EDGE_BYTES))
    width = _offset_type(status.st_size).itemsize
    return HEADER.pack(MAGIC, width, status.st_size, status.st_mtime_ns, edges.digest())


def _offset_type(num_bytes: int) -> np.dtype[np.uint32 | np.uint64]:
    return np.dtype("<u4") if num_bytes < WIDE_BYTES else np.dtype("<u8")


def _mapped(index: Path, header: bytes) -> LineStarts | None:
    """The offsets in an index file; None where there is no index, or one of something else."""
    if not index.is_file():
        return None
    with index.open("rb") as opened:
        if opened.read(HEADER.size) != header:
            return None
    _, _, num_bytes, _, _ = HEADER.unpack(header)
    return np.memmap(index, dtype=_offset_type(num_bytes), mode="r", offset=HEADER.size)


def _found_starts(file: Path) -> LineStarts:
    """Searches a file for line ends."""
    num_bytes = file.stat().st_size
    offset_type = _offset_type(num_bytes)
    if num_bytes == 0:
        return np.zeros(1, dtype=offset_type)
    text = np.memmap(file, dtype=np.uint8, mode="r")
    found = [np.zeros(1, dtype=offset_type)]
    for chunk_start in range(0, num_bytes, CHUNK_BYTES):
        line_ends = np.flatnonzero(text[chunk_start : chunk_start + CHUNK_BYTES] == LINE_FEED)
        found.append((line_ends + (chunk_start + 1)).astype(offset_type))
    if text[-1] != LINE_FEED:
        found.append(np.array([num_bytes], dtype=offset_type))
    return np.concatenate(found)


def _write(index: Path, header: bytes, starts: LineStarts) -> None:
    """Writes an index so that no reader ever sees a part of it."""
    with durable(index) as file:
        file.write(header)
        file.write(starts.data)
