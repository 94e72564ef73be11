"""The Prometheus metrics of a trainer, each declared once with its help text; base units, no names of jobs.

Set by `progress`, `module` and `checkpointing` on rank 0. What NeMo has no name for goes to its loggers under the same names.
"""

from functools import partial

from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram

from bionemo_trainer.contract import Phase
from bionemo_trainer.training.startup import Startup

_PHASES: tuple[Phase, ...] = ("Starting", "Stepping", "Validating", "Saving", "Finished")
_STEP_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SAVE_SECONDS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

DATA_WAIT = "bionemo_trainer_data_wait_seconds"
"""Also a figure of loggers: the seconds between two logs."""
MFU = "bionemo_trainer_mfu_ratio"
"""Also a figure of loggers."""
SAVE = "bionemo_trainer_save_seconds"
"""Also a figure of loggers: the seconds of one save."""
MEASURES = ("character_accuracy", "molecular_accuracy", "percent_invalid", "residue_accuracy")
"""BioNeMo's names of what validation measures as a share; which of them there are depends on the family."""


class TrainingMetrics:
    """What rank 0 tells Prometheus."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        gauge = partial(Gauge, registry=registry)
        counter = partial(Counter, registry=registry)
        histogram = partial(Histogram, registry=registry)

        self.step = gauge("bionemo_trainer_step", "Finished steps, earlier attempts included.")
        self.max_steps = gauge("bionemo_trainer_max_steps", "Steps until the training is done.")
        self.attempt = gauge("bionemo_trainer_attempt", "Which try of the training this is, from 1.")
        self.consumed_samples = gauge(
            "bionemo_trainer_consumed_samples", "Position in the data, from the first attempt on."
        )
        self.samples = counter("bionemo_trainer_samples", "Samples consumed by this process's run.")
        self.tokens = counter("bionemo_trainer_tokens", "Tokens consumed by this process's run.")
        self.steps = counter("bionemo_trainer_steps", "Steps finished by this process's run.")
        self.skipped = counter(
            "bionemo_trainer_skipped_updates", "Updates skipped because a scaled gradient overflowed."
        )
        self.data_wait = counter(DATA_WAIT, "Time that rank 0 waited for data, validation left out.")
        self.phase = Enum("bionemo_trainer_phase", "What the training is doing.", states=_PHASES, registry=registry)

        self.train_loss = gauge("bionemo_trainer_train_loss_nats", "Training loss per target.")
        self.gradient_norm = gauge("bionemo_trainer_gradient_norm", "Norm of the gradient before clipping.")
        self.learning_rate = gauge("bionemo_trainer_learning_rate", "Learning rate of the last step.")
        self.loss_scale = gauge("bionemo_trainer_loss_scale", "Loss scale; one unless precision is 16-mixed.")
        self.samples_per_second = gauge("bionemo_trainer_samples_per_second", "Samples of all ranks.")
        self.tokens_per_second = gauge("bionemo_trainer_tokens_per_second", "Tokens of all ranks.")
        self.step_seconds = histogram(
            "bionemo_trainer_step_seconds", "Mean duration of steps between logs.", buckets=_STEP_SECONDS
        )
        self.validation_loss = gauge("bionemo_trainer_validation_loss_nats", "Validation loss per target.")
        self.validation_perplexity = gauge("bionemo_trainer_validation_perplexity", "Exponential of that loss.")
        self.validation_ratio = gauge(
            "bionemo_trainer_validation_ratio", "What validation measured as a share.", ("measure",)
        )

        self.save_seconds = histogram(SAVE, "Duration of saving a checkpoint.", buckets=_SAVE_SECONDS)
        self.saved_step = gauge("bionemo_trainer_checkpoint_step", "Step of the newest checkpoint.")
        self.saved_bytes = gauge("bionemo_trainer_checkpoint_bytes", "Size of the newest checkpoint.")
        self.checkpoint_age = gauge(
            "bionemo_trainer_checkpoint_age_seconds",
            "Age of the newest checkpoint; of the process's run before the first.",
        )
        self.startup_seconds = gauge(
            "bionemo_trainer_startup_seconds", "Time between launch and the end of the first step.", ("phase",)
        )
        self._mfu: Gauge | None = None

    def started_up(self, startup: Startup) -> None:
        """Shows how long the phases of the start were."""
        for phase, seconds in startup.seconds.items():
            self.startup_seconds.labels(phase).set(seconds)

    def measured_mfu(self, ratio: float | None) -> None:
        """Shows the share from the first time on that it is known: a zero would be a claim."""
        if ratio is None:
            return
        if self._mfu is None:
            self._mfu = Gauge(
                MFU, "Operations of the model over what its GPUs could do in 16 bit.", registry=self.registry
            )
        self._mfu.set(ratio)
