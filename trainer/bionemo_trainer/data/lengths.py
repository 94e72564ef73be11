"""Histograms of text lengths with buckets that grow with the length: four between a number and its double.

Filled by the preparation, kept in manifests, drawn by `description`.
"""

from collections.abc import Sequence

import numpy as np

LIMITS = (1, 2, 3, *(step << power for power in range(20) for step in (4, 5, 6, 7)), 1 << 22)
"""Where buckets begin, and where the last one ends: above any length that can be prepared."""


def count_lengths(lengths: Sequence[int]) -> dict[int, int]:
    """How many lengths fall into each bucket, by the bucket's number; lengths are at least 1."""
    buckets = np.searchsorted(LIMITS, np.asarray(lengths, dtype=np.int64), side="right") - 1
    numbers, counts = np.unique(buckets, return_counts=True)
    return dict(zip(numbers.tolist(), counts.tolist(), strict=True))
