"""Who takes turns in `train.py`: the trainer itself, and the base of what it is compared with. All take the same samples."""

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.data.step_batches import Share
from bionemo_trainer.engine.process_groups import Ranks
from bionemo_trainer.engine.stepping import Trainee
from bionemo_trainer.models.freight import Freight
from bionemo_trainer.training.loaders import training_loader, unpacked

ALONE = Share(rank=0, num_ranks=1)
SETTLING_STEPS, CALM_STEPS = 10, 100
"""Steps at a time before the turns, until so many have brought no new shape."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What some steps took."""

    seconds: float
    waited_seconds: float
    """Of them for data."""
    samples: int
    tokens: int
    """Of encoder and decoder, without padding."""
    loss: float
    """Per target of the last step, in nats."""


class Contestant(ABC):
    """One way to train a model, between its turns."""

    def __init__(self, config: TrainConfig, samples: int, device: torch.device) -> None:
        self.config, self.samples, self.device = config, samples, device
        self._steps = map(unpacked, training_loader(config, ALONE, samples, 0))
        self._position = 0

    @abstractmethod
    def step(self, freights: Sequence[Freight], position: int) -> Tensor:
        """One update; the loss per target, on the device.

        Args:
            freights: The samples of the step.
            position: Samples before them.
        """

    @property
    def num_recorded(self) -> int | None:
        """Shapes of micro batches that it has recorded so far; None where it records none."""
        return None

    def take_turn(self, steps: int) -> Turn:
        """Trains some steps."""
        waited, tokens, loss = 0.0, 0, torch.zeros(())
        self._settle()
        started_at = time.perf_counter()
        for _ in range(steps):
            asked_at = time.perf_counter()
            freights = next(self._steps)
            waited += time.perf_counter() - asked_at
            loss = self.step(freights, self._position)
            tokens += sum(freight.num_tokens for freight in freights)
            self._position += self.samples
        found = float(loss)  # waits for the device
        seconds = time.perf_counter() - started_at
        return Turn(seconds=seconds, waited_seconds=waited, samples=steps * self.samples, tokens=tokens, loss=found)

    def settle(self, most_steps: int) -> int:
        """Trains until all shapes but rare ones are recorded, each of which costs many times a step, once in a training; the steps it took."""
        taken = calm = 0
        while self.num_recorded is not None and calm < CALM_STEPS and taken < most_steps:
            before = self.num_recorded
            self.take_turn(SETTLING_STEPS)
            taken += SETTLING_STEPS
            calm = calm + SETTLING_STEPS if self.num_recorded == before else 0
        return taken

    def losses(self, steps: int) -> list[float]:
        """Trains some steps; the loss per target of each, in nats."""
        found = []
        for _ in range(steps):
            found.append(self.step(next(self._steps), self._position).clone())
            self._position += self.samples
        return [float(loss) for loss in found]

    def _settle(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize()


class Trainer(Contestant):
    """Ours: the very step that a training takes."""

    def __init__(self, config: TrainConfig, samples: int, device: torch.device) -> None:
        super().__init__(config, samples, device)
        self.trainee = Trainee(config, Ranks(world=0, data=0, tensor=0, pipeline=0, device=device))

    @property
    def num_recorded(self) -> int | None:
        """As CUDA graphs."""
        return self.trainee.graphs.count if self.trainee.graphs else None

    def step(self, freights: Sequence[Freight], position: int) -> Tensor:
        """One update."""
        done = self.trainee.step(freights, position, wish=False)
        return done.update.loss_sum / done.num_targets
