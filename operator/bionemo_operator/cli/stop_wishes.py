"""Ctrl-C and SIGTERM while a training runs: the first asks it to save and end, the second ends it at once."""

import signal
from types import FrameType, TracebackType
from typing import Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopWishes:
    """Counts the wishes to stop while it is entered; afterwards signals mean what they meant before."""

    def __init__(self) -> None:
        self.count = 0
        self._former = [signal.getsignal(number) for number in _SIGNALS]

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            signal.signal(number, self._hear)
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        for number, former in zip(_SIGNALS, self._former, strict=True):
            signal.signal(number, former)

    def _hear(self, _signal: int, _frame: FrameType | None) -> None:
        self.count += 1
