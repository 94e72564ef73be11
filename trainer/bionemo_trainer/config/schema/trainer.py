"""`trainer`: devices, length and rhythm of a run, under the names that Lightning and BioNeMo use."""

from typing import Literal

from pydantic import Field, field_validator

from bionemo_trainer.config.schema.base import NonNegativeFloat, NonNegativeInt, PositiveInt, Section

Precision = Literal["32", "bf16-mixed", "16-mixed", "fp8-mixed"]
PRECISION_SPELLINGS: dict[object, Precision] = {
    16: "16-mixed",
    "16": "16-mixed",
    "bf16": "bf16-mixed",
    32: "32",
    "32-true": "32",
    "fp8": "fp8-mixed",
}
"""Older and shorter spellings, with the one we keep."""


class TrainerConfig(Section):
    """Where a run happens, how long it lasts and how often it looks up."""

    devices: PositiveInt = 1
    """GPUs per node, or processes per node when `accelerator` is `cpu`."""
    num_nodes: PositiveInt = 1
    """Machines that train together."""
    accelerator: Literal["gpu", "cpu"] = "gpu"
    """What computes."""
    precision: Precision = "bf16-mixed"
    """Number format of the matrix products; weights are kept in 32 bit in all of them. 16, bf16 and 32 are understood."""
    max_steps: PositiveInt
    """Optimizer updates after which the run is complete."""
    log_every_n_steps: PositiveInt = 50
    """Steps between two lines of metrics."""
    val_check_interval: PositiveInt = 1000
    """Steps between two validations."""
    num_sanity_val_steps: NonNegativeInt = 0
    """Validation batches tried before the first step, to fail early; 0 for none."""
    limit_val_batches: NonNegativeInt | NonNegativeFloat = 1.0
    """Batches per validation: a whole number counts them, a fraction such as 0.1 or 1.0 is that share of the data; 0 for none."""
    limit_test_batches: NonNegativeInt | NonNegativeFloat = 1.0
    """Batches of the final test, like `limit_val_batches`; 0 for no test."""
    gradient_clip_val: NonNegativeFloat = 1.0
    """Largest gradient norm, over all parameters; 0 for no clipping."""
    max_time: str | None = Field(default=None, pattern=r"^\d{2,}:\d{2}:\d{2}:\d{2}$")
    """Wall-clock time as `DD:HH:MM:SS` after which the run saves and stops."""

    @property
    def validation_interval(self) -> int:
        """Steps between two validations; a run that is shorter validates at its end."""
        return min(self.val_check_interval, self.max_steps)

    def validates_after(self, step: int) -> bool:
        """Whether a validation follows a step."""
        return bool(self.limit_val_batches) and step % self.validation_interval == 0

    @field_validator("precision", mode="before")
    @classmethod
    def _known_spelling(cls, value: object) -> object:
        return PRECISION_SPELLINGS.get(value, value) if isinstance(value, int | str) else value
