"""Axes: where their ticks are, and how their numbers are written. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_ROUND = (1.0, 2.0, 2.5, 5.0, 10.0)
"""What ticks may be apart, times a power of ten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """One axis, from values to places."""

    low: float
    high: float
    first_pixel: float
    """Where `low` is."""
    last_pixel: float
    """Where `high` is; smaller than the first for an axis that points up."""
    ticks: tuple[float, ...]

    def place(self, value: float) -> float:
        """Pixel of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.first_pixel + share * (self.last_pixel - self.first_pixel), 1)


def scale_for(
    values: Sequence[float], first_pixel: float, last_pixel: float, num_ticks: int, *, exact: bool = False
) -> Scale:
    """An axis that holds all values.

    Args:
        values: At least one.
        first_pixel: Where it begins.
        last_pixel: Where it ends.
        num_ticks: About how many.
        exact: End at the lowest and highest value, not at the ticks around them.
    """
    low, high = min(values), max(values)
    if low == high:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    gap = _round_gap((high - low) / num_ticks)
    first, last = math.floor(low / gap + 1e-9), math.ceil(high / gap - 1e-9)
    ticks = [number * gap for number in range(first, last + 1)]
    if exact:
        ticks = [tick for tick in ticks if low - gap * 1e-6 <= tick <= high + gap * 1e-6]
    else:
        low, high = ticks[0], ticks[-1]
    return Scale(low=low, high=high, first_pixel=first_pixel, last_pixel=last_pixel, ticks=tuple(ticks))


def written(value: float) -> str:
    """A number in few characters: `2.5`, `4,500`, `12k`, `1.2M`, `5e-4`."""
    size = abs(value)
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):.4g}{unit}"
    if size and size < 1e-3:
        mantissa, _, exponent = f"{value:.2e}".partition("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    return f"{value:,.0f}" if size >= 1e3 else f"{round(value, 10):.4g}"


def _round_gap(gap: float) -> float:
    magnitude = 10.0 ** math.floor(math.log10(gap))
    return next(factor * magnitude for factor in _ROUND if gap <= factor * magnitude * (1 + 1e-9))
