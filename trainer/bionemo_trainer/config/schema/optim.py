"""`model.optim`: the optimizer and its learning-rate schedule, under NeMo's names.

The formulas are those of NeMo 1.11 (nemo/core/optim/lr_scheduler.py); `max_steps` falls back on `trainer.max_steps`.
"""

from typing import Annotated, Literal

from pydantic import Field, Tag

from bionemo_trainer.config.schema.base import NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, Section


class Schedule(Section):
    """What the schedules share. At most one of `warmup_steps` and `warmup_ratio` is given."""

    warmup_steps: NonNegativeInt | None = None
    """Steps over which the learning rate rises."""
    warmup_ratio: Annotated[float, Field(ge=0.0, lt=1.0)] | None = None
    """The same as a share of `max_steps`."""
    max_steps: PositiveInt | None = None
    """Length of the schedule in steps; null means `trainer.max_steps`."""
    min_lr: NonNegativeFloat = 0.0
    """Learning rate below which the schedule never falls after warm-up."""


class NoamAnnealing(Schedule):
    """`lr * d_model^-0.5 * min(s^-0.5, s * warmup^-1.5)` at step s, from "Attention is all you need"."""

    name: Literal["NoamAnnealing"]
    """Names this schedule."""
    d_model: PositiveInt
    """The width that scales the curve; the recipes give `model.hidden_size`."""


class CosineAnnealing(Schedule):
    """Linear warm-up, a cosine down to `min_lr`, then `min_lr` for `constant_steps`."""

    name: Literal["CosineAnnealing"]
    """Names this schedule."""
    constant_steps: NonNegativeInt = 0
    """Steps at the end that are spent at `min_lr`."""


class InverseSquareRootAnnealing(Schedule):
    """Linear warm-up over w steps, then `lr / sqrt((s + 1) / (w + 1))` at step s."""

    name: Literal["InverseSquareRootAnnealing"]
    """Names this schedule."""


class WarmupAnnealDecayHold(Schedule):
    """Linear warm-up, linear decay to `min_lr` at `max_steps * (1 - anneal_percentage)`, then hold; used for ESM-2."""

    name: Literal["WarmupAnnealDecayHold"]
    """Names this schedule."""
    anneal_percentage: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.1
    """Share of `max_steps` at the end that is held at `min_lr`."""
    max_lr: PositiveFloat | None = None
    """Peak learning rate; null means `lr`."""


AnySchedule = Annotated[
    Annotated[NoamAnnealing, Tag("NoamAnnealing")]
    | Annotated[CosineAnnealing, Tag("CosineAnnealing")]
    | Annotated[InverseSquareRootAnnealing, Tag("InverseSquareRootAnnealing")]
    | Annotated[WarmupAnnealDecayHold, Tag("WarmupAnnealDecayHold")],
    Field(discriminator="name"),
]


class OptimConfig(Section):
    """Adam with decoupled weight decay."""

    name: Literal["fused_adam", "adamw"] = "fused_adam"
    """BioNeMo's name and PyTorch's for the same update; the fastest form for the device is used under either."""
    lr: PositiveFloat
    """Learning rate, or the scale of the Noam curve."""
    betas: tuple[Annotated[float, Field(ge=0.0, lt=1.0)], Annotated[float, Field(ge=0.0, lt=1.0)]] = (0.9, 0.999)
    """Decay of the running means of the gradient and of its square."""
    eps: PositiveFloat = 1e-8
    """Added to the denominator of the update."""
    weight_decay: NonNegativeFloat = 0.01
    """Decoupled weight decay; biases and layer norms have none."""
    sched: AnySchedule
    """How the learning rate moves."""
