"""Metrics by step, as curves. Pure.

A run that went on from an earlier step has logged steps twice; the newer values count, and what followed the older ones is forgotten.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bionemo_trainer.run_folder import Record

MOST_POINTS = 200
"""Of a curve; a plot is hardly more than 400 pixels wide. Of more, neighbours are put together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A value at a step, or the mean of several neighbours at the last step of them."""

    step: int
    value: float
    lowest: float
    highest: float


type Series = tuple[Point, ...]


def series_of(metric: str, records: Sequence[Record]) -> Series:
    """The finite values of a metric, by ascending step."""
    values: dict[int, float] = {}
    newest = -1
    for record in records:
        step, value = record.get("step"), record.get(metric)
        if not isinstance(step, int) or not isinstance(value, int | float):
            continue
        if step <= newest:
            values = {earlier: kept for earlier, kept in values.items() if earlier < step}
        newest = step
        values[step] = float(value)
    finite = [(step, value) for step, value in values.items() if math.isfinite(value)]
    return _thinned(finite)


def _thinned(values: Sequence[tuple[int, float]]) -> Series:
    size = max(1, math.ceil(len(values) / MOST_POINTS))
    return tuple(_together(values[start : start + size]) for start in range(0, len(values), size))


def _together(values: Sequence[tuple[int, float]]) -> Point:
    numbers = [value for _, value in values]
    mean = math.fsum(numbers) / len(numbers)
    return Point(step=values[-1][0], value=mean, lowest=min(numbers), highest=max(numbers))
