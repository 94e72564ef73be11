"""The whole configuration of a run: one frozen value per model family, told apart by `family`."""

from typing import Annotated, Literal

from pydantic import Field

from bionemo_trainer.config.schema.base import NonNegativeInt, Section, Text
from bionemo_trainer.config.schema.experiment import ExpManagerConfig
from bionemo_trainer.config.schema.model import Esm1nvModel, Esm2nvModel, MegaMolBARTModel, ProtT5nvModel
from bionemo_trainer.config.schema.trainer import TrainerConfig

Family = Literal["megamolbart", "esm1nv", "esm2nv", "prott5nv"]


class RunConfig(Section):
    """What every family's configuration has at its top level."""

    name: Text
    """Name of the experiment."""
    desc: str | None = None
    """Free words about it."""
    do_training: bool = True
    """Train; off prepares the data instead."""
    do_testing: bool = False
    """Run the test split after training."""
    seed: NonNegativeInt = 1234
    """Seed of everything that has none of its own."""
    restore_from_path: Text | None = None
    """Weights to start from: a checkpoint or an exported file of the same family and size."""
    trainer: TrainerConfig
    """Devices, length and rhythm."""
    exp_manager: ExpManagerConfig = ExpManagerConfig()
    """Folders, loggers and checkpoints."""


class MegaMolBARTConfig(RunConfig):
    """A run of MegaMolBART."""

    family: Literal["megamolbart"]
    """Names the family."""
    model: MegaMolBARTModel
    """The network, its data and optimizer."""


class Esm1nvConfig(RunConfig):
    """A run of ESM-1nv."""

    family: Literal["esm1nv"]
    """Names the family."""
    model: Esm1nvModel
    """The network, its data and optimizer."""


class Esm2nvConfig(RunConfig):
    """A run of ESM-2."""

    family: Literal["esm2nv"]
    """Names the family."""
    model: Esm2nvModel
    """The network, its data and optimizer."""


class ProtT5nvConfig(RunConfig):
    """A run of ProtT5nv."""

    family: Literal["prott5nv"]
    """Names the family."""
    model: ProtT5nvModel
    """The network, its data and optimizer."""


TrainConfig = MegaMolBARTConfig | Esm1nvConfig | Esm2nvConfig | ProtT5nvConfig
"""The configuration of a run, whatever its family."""

AnyTrainConfig = Annotated[TrainConfig, Field(discriminator="family")]

FAMILIES: dict[Family, type[TrainConfig]] = {
    "megamolbart": MegaMolBARTConfig,
    "esm1nv": Esm1nvConfig,
    "esm2nv": Esm2nvConfig,
    "prott5nv": ProtT5nvConfig,
}
