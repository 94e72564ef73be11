"""A curve as one line of text."""

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int) -> str:
    """The newest values, each as a bar between the lowest and the highest of them; empty for fewer than two."""
    newest = values[-width:]
    if len(newest) < 2:
        return ""
    low, high = min(newest), max(newest)
    scale = (len(_BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(_BARS[round((value - low) * scale)] for value in newest)
