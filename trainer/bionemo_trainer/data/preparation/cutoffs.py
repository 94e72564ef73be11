"""Which records are held back: limits on their split order, so that every file can be split on its own.

The split order of a record is its 128-bit key with the halves exchanged: unrelated to its place, and the same whatever
else is in the dataset. Validation takes the records below a limit; test takes those whose complement is below another,
which are the last ones. So the two never meet unless together they ask for more than there is.
"""

from collections.abc import Iterable
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from bionemo_trainer.data.preparation.pieces import Keys

NUM_ORDERS = 1 << 128
_LOW_HALF = (1 << 64) - 1

type Mask = npt.NDArray[np.bool_]


def limit_of_percentage(percentage: str) -> int:
    """The limit below which that share of all possible records lies: `0.5` is half a percent."""
    return int(Decimal(percentage) * NUM_ORDERS / 100)


def limit_of_count(count: int, keys: Iterable[tuple[Keys, Keys]]) -> int | None:
    """The limit below which exactly that many different records lie; None when there are not so many.

    Args:
        count: How many.
        keys: Splits [N] and places [N] of the records, in parts; equal records may come several times.
    """
    best = np.empty((2, 0), dtype=np.uint64)
    for splits, places in keys:
        candidates = np.stack([splits, places])
        if count and best.shape[1] == count:
            candidates = candidates[:, splits <= best[0, -1]]
        best = _smallest(np.concatenate([best, candidates], axis=1), count)
    if best.shape[1] < count:
        return None
    return (int(best[0, -1]) << 64 | int(best[1, -1])) + 1 if count else 0


def is_below(limit: int, splits: Keys, places: Keys) -> Mask:
    """Which of N records lie below a limit [N]."""
    high, low = np.uint64(limit >> 64), np.uint64(limit & _LOW_HALF)
    below: Mask = (splits < high) | ((splits == high) & (places < low))
    return below


def _smallest(pairs: Keys, count: int) -> Keys:
    """The smallest different pairs [2, at most count], in order."""
    ordered = pairs[:, np.lexsort((pairs[1], pairs[0]))]
    is_first = np.ones(ordered.shape[1], dtype=np.bool_)
    is_first[1:] = np.any(ordered[:, 1:] != ordered[:, :-1], axis=0)
    smallest: Keys = ordered[:, is_first][:, :count]
    return smallest
