"""NeMo's learning-rate schedules, made from a configuration. Called by `module`."""

from typing import Any

from nemo.core.optim import lr_scheduler
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from bionemo_trainer.config.schema.optim import (
    AnySchedule,
    CosineAnnealing,
    InverseSquareRootAnnealing,
    NoamAnnealing,
    WarmupAnnealDecayHold,
)


def schedule_of(settings: AnySchedule, optimizer: Optimizer, max_steps: int, *, finished_steps: int = 0) -> LRScheduler:
    """A schedule that stands after some steps; `step()` moves it on after each more.

    Args:
        settings: `model.optim.sched`.
        optimizer: Whose learning rate it sets at once.
        max_steps: `trainer.max_steps`, for schedules that name no length of their own.
        finished_steps: Steps of an earlier part of the run; rates are functions of the step alone.
    """
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])
    shared: dict[str, Any] = {
        "warmup_steps": settings.warmup_steps,
        "warmup_ratio": settings.warmup_ratio,
        "max_steps": settings.max_steps or max_steps,
        "min_lr": settings.min_lr,
        "last_epoch": finished_steps - 1,
    }
    match settings:
        case NoamAnnealing():
            return lr_scheduler.NoamAnnealing(optimizer, d_model=settings.d_model, **shared)
        case CosineAnnealing():
            return lr_scheduler.CosineAnnealing(optimizer, constant_steps=settings.constant_steps, **shared)
        case InverseSquareRootAnnealing():
            return lr_scheduler.InverseSquareRootAnnealing(optimizer, **shared)
        case WarmupAnnealDecayHold():
            return _linear(settings, optimizer, shared)


def _linear(settings: WarmupAnnealDecayHold, optimizer: Optimizer, shared: dict[str, Any]) -> LRScheduler:
    """Linear warm-up and decay, then the floor; NeMo has the decay without the hold, which begins where it ends."""
    for group in optimizer.param_groups:
        group["lr"] = group["initial_lr"] = settings.max_lr or group["initial_lr"]
    length = shared["max_steps"]
    held = {**shared, "max_steps": max(1, round(length * (1 - settings.anneal_percentage)))}
    if held["warmup_ratio"] is not None:
        held["warmup_steps"], held["warmup_ratio"] = int(held["warmup_ratio"] * length), None
    return lr_scheduler.WarmupAnnealing(optimizer, **held)
