"""Numbers of the device, read by the host one step late, so that the host never waits for the step in hand.

Used by `module`. On a CPU nothing is late. The lag is the same on every rank, so ranks that see the same numbers decide alike.
"""

from collections import deque
from collections.abc import Iterator

import torch
from torch import Tensor

LAG_STEPS = 1
"""Steps that the device may be behind when the host looks."""


class LaggingReader:
    """Copies of small tensors on their way to the host."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Tensor, torch.cuda.Event | None]] = deque()

    def push(self, step: int, numbers: Tensor) -> Iterator[tuple[int, list[float]]]:
        """Sends the numbers of a step on their way, and yields those of steps that have arrived."""
        if numbers.is_cuda:
            copied = numbers.to("cpu", non_blocking=True)
            event = torch.cuda.Event()  # type: ignore[no-untyped-call]
            event.record()
            self._waiting.append((step, copied, event))
        else:
            self._waiting.append((step, numbers, None))
        yield from self._arrived(LAG_STEPS if numbers.is_cuda else 0)

    def settle(self) -> Iterator[tuple[int, list[float]]]:
        """Waits for all that is on its way."""
        yield from self._arrived(0)

    def _arrived(self, lag: int) -> Iterator[tuple[int, list[float]]]:
        while len(self._waiting) > lag:
            step, numbers, event = self._waiting.popleft()
            if event is not None:
                event.synchronize()
            yield step, numbers.tolist()
