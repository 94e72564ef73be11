"""The factor that keeps 16-bit gradients from vanishing; it lives on the device and never makes the host wait.

Used by `optimizer`. Grows and shrinks as NeMo's GradScaler does: doubled after an interval without overflow, halved after
`hysteresis` overflows. In other precisions it is one and stays so.
"""

import torch
from torch import Tensor

from bionemo_trainer.config.schema.root import TrainConfig

LEAST = 1.0
"""A scale below this can't be why gradients overflow."""


class LossScale:
    """A scale with its history."""

    def __init__(self, *, initial: float, growth_interval: int, hysteresis: int, device: torch.device) -> None:
        self.is_dynamic = growth_interval > 0
        self.growth_interval, self.hysteresis = growth_interval, hysteresis
        self.scale = torch.tensor(initial, device=device)
        self.good_steps = torch.zeros((), device=device)
        self.forgiven = torch.zeros((), device=device)

    @classmethod
    def of(cls, config: TrainConfig, device: torch.device) -> "LossScale":
        """The scale that a configuration's precision needs."""
        model = config.model
        if config.trainer.precision != "16-mixed":
            return cls(initial=1.0, growth_interval=0, hysteresis=0, device=device)
        return cls(
            initial=model.native_amp_init_scale,
            growth_interval=model.native_amp_growth_interval,
            hysteresis=model.hysteresis,
            device=device,
        )

    def can_not_mend(self, is_bad: Tensor) -> Tensor:
        """One where a gradient that is not finite (`is_bad` one) has another cause than the scale."""
        return is_bad if not self.is_dynamic else is_bad * (self.scale <= LEAST)

    def update(self, is_bad: Tensor) -> None:
        """Moves the scale after a step whose gradients were finite (`is_bad` zero) or not (one)."""
        if not self.is_dynamic:
            return
        forgiven = self.forgiven + is_bad
        shrinks = is_bad * (forgiven >= self.hysteresis)
        good_steps = (self.good_steps + 1.0) * (1.0 - is_bad)
        grows = (good_steps >= self.growth_interval).float()
        self.scale = self.scale * torch.where(shrinks > 0, 0.5, 1.0) * torch.where(grows > 0, 2.0, 1.0)
        self.good_steps = good_steps * (1.0 - grows)
        self.forgiven = forgiven * (1.0 - grows)

    def state(self) -> tuple[float, float, float]:
        """What a checkpoint keeps: the scale, the good steps since it grew, the overflows since then."""
        return self.scale.item(), self.good_steps.item(), self.forgiven.item()

    def restore(self, state: tuple[float, float, float]) -> None:
        """Goes on from a checkpoint; of another precision's, the scale starts anew."""
        if self.is_dynamic and state[0] > LEAST:
            device = self.scale.device
            self.scale, self.good_steps, self.forgiven = (torch.tensor(value, device=device) for value in state)
