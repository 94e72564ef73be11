"""The rows of one shard, sorted by keys that depend on their content alone, so that any range of keys is one slice.

Written by stage `map`, read by `settle` and `reduce`. A key has two halves of 64 bits, both from one keyed hash of the
canonical record: `place` decides file and order, `split` decides training, validation or test. Equal keys mean equal
records: among 10^10 different ones the chance of a single mistake is 10^-19.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bionemo_trainer.data.preparation.layout import Layout
from bionemo_trainer.durable import durable

type Keys = npt.NDArray[np.uint64]

KEY_BYTES = 16
PLACES = 1 << 64
"""How many places there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Some rows of a shard, in the order of their keys."""

    places: Keys
    """[N]"""
    splits: Keys
    """[N]"""
    starts: Keys
    """Where each row begins in the text, and the end of the last [N + 1]."""
    text: bytes
    """The rows, one after the other."""


def hasher(seed: int) -> Callable[[bytes], bytes]:
    """What makes a key from a canonical record; another seed gives unrelated keys."""
    keyed = hashlib.blake2b(digest_size=KEY_BYTES, key=seed.to_bytes(8, "little"), person=b"bionemo-dataset")

    def key_of(canonical: bytes) -> bytes:
        digest = keyed.copy()
        digest.update(canonical)
        return digest.digest()

    return key_of


def write_piece(layout: Layout, shard: int, rows: list[bytes], keys: Iterable[bytes]) -> None:
    """Sorts and stores the N rows of a shard with their N keys."""
    halves = np.frombuffer(b"".join(keys), dtype=">u8").astype("<u8").reshape(-1, 2)
    order = np.lexsort((halves[:, 1], halves[:, 0]))
    sorted_rows = [rows[index] for index in order.tolist()]
    table = np.empty((3, len(rows)), dtype="<u8")
    table[:2] = halves[order].T
    table[2] = np.cumsum(np.fromiter(map(len, sorted_rows), dtype=np.uint64, count=len(rows)))
    with durable(layout.rows(shard)) as file:
        file.writelines(sorted_rows)
    with durable(layout.keys(shard)) as file:
        file.write(table.tobytes())


def read_keys(layout: Layout, shard: int) -> Keys:
    """Places, splits and row ends of a shard [3, N], as a memory map."""
    path = layout.keys(shard)
    if path.stat().st_size == 0:
        return np.empty((3, 0), dtype=np.uint64)
    mapped: Keys = np.memmap(path, dtype="<u8", mode="r").reshape(3, -1)
    return mapped


def read_piece(layout: Layout, shard: int, first: int, end: int) -> Piece:
    """The rows of a shard whose places lie from `first` to before `end`."""
    places, splits, row_ends = read_keys(layout, shard)
    low = int(np.searchsorted(places, np.uint64(first)))
    high = len(places) if end >= PLACES else int(np.searchsorted(places, np.uint64(end)))
    starts = np.zeros(high - low + 1, dtype=np.uint64)
    starts[1:] = row_ends[low:high]
    starts[0] = row_ends[low - 1] if low else 0
    with layout.rows(shard).open("rb") as file:
        file.seek(int(starts[0]))
        text = file.read(int(starts[-1] - starts[0]))
    return Piece(places=places[low:high].copy(), splits=splits[low:high].copy(), starts=starts - starts[0], text=text)
