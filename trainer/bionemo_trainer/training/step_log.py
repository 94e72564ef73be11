"""The figures of the steps between two logs. Used by `module`; pure but for the clock."""

import time
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from bionemo_trainer.engine.stepping import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """What the host wants to know of a step."""

    loss_sum: float
    gradient_norm: float
    was_skipped: bool
    has_failed: bool
    num_targets: float
    num_tokens: float
    wishes_to_stop: bool
    loss_scale: float
    learning_rate: float

    @staticmethod
    def sent(step: Step, loss_scale: Tensor, learning_rate: float) -> Tensor:
        """All of it as one tensor of 64 bit on the device, so that one copy brings it to the host."""
        update = step.update
        parts = (
            update.loss_sum,
            update.gradient_norm,
            update.was_skipped,
            update.has_failed,
            step.num_targets,
            step.num_tokens,
            step.wishes_to_stop,
            loss_scale,
            update.loss_sum.new_tensor(learning_rate),
        )
        return torch.stack([part.double() for part in parts])

    @classmethod
    def read(cls, values: list[float]) -> Self:
        """From the values of that tensor."""
        loss_sum, norm, skipped, failed, targets, tokens, wishes, scale, learning_rate = values
        return cls(
            loss_sum=loss_sum,
            gradient_norm=norm,
            was_skipped=skipped > 0,
            has_failed=failed > 0,
            num_targets=targets,
            num_tokens=tokens,
            wishes_to_stop=wishes > 0,
            loss_scale=scale,
            learning_rate=learning_rate,
        )

    @property
    def loss(self) -> float:
        """Per target, in nats."""
        return self.loss_sum / max(self.num_targets, 1.0)


class Interval:
    """Sums since the last log; time in validation and saving does not count."""

    def __init__(self, global_batch_size: int) -> None:
        self._global_batch_size = global_batch_size
        self.restart()

    def restart(self) -> None:
        """Begins anew, now."""
        self._steps: list[Numbers] = []
        self._stepping_seconds = 0.0
        self._began_at: float | None = time.perf_counter()

    def add(self, numbers: Numbers) -> None:
        """A step ended."""
        self._steps.append(numbers)

    def pause(self) -> None:
        """What follows is no stepping."""
        if self._began_at is not None:
            self._stepping_seconds += time.perf_counter() - self._began_at
            self._began_at = None

    def resume(self) -> None:
        """Stepping goes on."""
        if self._began_at is None:
            self._began_at = time.perf_counter()

    @property
    def num_samples(self) -> int:
        """In the interval that was closed last."""
        return len(self._closed) * self._global_batch_size

    @property
    def num_tokens(self) -> float:
        """In the interval that was closed last."""
        return sum(step.num_tokens for step in self._closed)

    @property
    def num_skipped(self) -> int:
        """In the interval that was closed last."""
        return sum(step.was_skipped for step in self._closed)

    def close(self) -> dict[str, float]:
        """The figures of the interval, under NeMo's names, and a new interval.

        The loss is the mean over all targets of the interval; norm, rate and scale are the last step's.
        """
        self.pause()
        self._closed, seconds = self._steps, max(self._stepping_seconds, 1e-9)
        last = self._closed[-1]
        num_targets = sum(step.num_targets for step in self._closed)
        figures = {
            "reduced_train_loss": sum(step.loss_sum for step in self._closed) / max(num_targets, 1.0),
            "lr": last.learning_rate,
            "grad_norm": last.gradient_norm,
            "loss_scale": last.loss_scale,
            "train_step_timing": seconds / len(self._closed),
            "samples_per_second": self.num_samples / seconds,
            "tokens_per_second": self.num_tokens / seconds,
        }
        self.restart()
        return figures
