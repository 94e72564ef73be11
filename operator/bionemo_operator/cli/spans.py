"""Amounts as people read them: spans of time, sizes, counts."""

from datetime import datetime

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))


def span(seconds: float) -> str:
    """The two largest units that count: `45s`, `12m30s`, `5h`, `3d4h`; nothing is less than `0s`."""
    left = max(round(seconds), 0)
    counts: list[tuple[int, str]] = []
    for unit, size_seconds in _UNITS:
        count, left = divmod(left, size_seconds)
        if count or counts:
            counts.append((count, unit))
    return "".join(f"{count}{unit}" for count, unit in counts[:2] if count) or "0s"


def since(moment: datetime | None, now: datetime) -> str:
    """How long ago a moment was; empty when it is unknown."""
    return span((now - moment).total_seconds()) if moment else ""


def until(moment: datetime | None, now: datetime) -> str:
    """How long it is to a moment; empty when it is unknown."""
    return span((moment - now).total_seconds()) if moment else ""


def size(num_bytes: int) -> str:
    """`7.8 GB`, in powers of a thousand."""
    amount = float(num_bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
