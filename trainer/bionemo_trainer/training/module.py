"""The LightningModule of pre-training: takes batches, steps the trainee, and says what came of it. Holds no parameters.

Driven by Lightning's loop; `checkpointing` saves beside it.
"""

import logging
from collections.abc import Iterator

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.loops.progress import _ProcessedTracker
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from bionemo_trainer.errors import NonFiniteError
from bionemo_trainer.training.evaluation import Evaluator
from bionemo_trainer.training.lagging import LaggingReader
from bionemo_trainer.training.learning_rate import schedule_of
from bionemo_trainer.training.loaders import Loaded, evaluation_loader, training_loader, unpacked
from bionemo_trainer.training.metrics import DATA_WAIT, MFU
from bionemo_trainer.training.records import append_metrics, write_records
from bionemo_trainer.training.run import Run
from bionemo_trainer.training.step_log import Interval, Numbers
from bionemo_trainer.training.stopping import StopWish
from bionemo_trainer.training.utilization import model_flops_utilization

_log = logging.getLogger(__name__)


class PretrainingModule(LightningModule):
    """A training as Lightning sees it."""

    def __init__(self, run: Run, wish: StopWish) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.run, self.wish = run, wish
        self.finished_steps = run.start_step
        self.measured: tuple[int, dict[str, float]] = (-1, {})
        """Step of the newest validation in this process, and what it found."""
        self.must_stop = False
        """Whether all ranks have agreed to save and stop."""
        self.interval = Interval(run.global_batch_size)
        self._reader = LaggingReader()
        self._evaluator: Evaluator | None = None

    @property
    def consumed_samples(self) -> int:
        """Position in the data."""
        return self.finished_steps * self.run.global_batch_size

    @property
    def metrics_here(self) -> dict[str, float]:
        """What validation found at this very step; empty when there was none."""
        step, found = self.measured
        return found if step == self.finished_steps else {}

    def configure_optimizers(self) -> list[Optimizer]:
        """The trainee's optimizer; its learning rate moves with every step."""
        config, adamw = self.run.config, self.run.strategy.trainee.optimizer.adamw
        self.schedule = schedule_of(
            config.model.optim.sched, adamw, config.trainer.max_steps, finished_steps=self.finished_steps
        )
        return [adamw]

    def train_dataloader(self) -> DataLoader[Loaded]:
        """Steps from where the run stands."""
        run = self.run
        self._training_loader = training_loader(run.config, run.share, run.global_batch_size, run.start_step)
        return self._training_loader

    def val_dataloader(self) -> DataLoader[Loaded]:
        """Every sample of the validation split once."""
        return evaluation_loader(self.run.config, "val", self.run.share, self.run.global_batch_size)

    def test_dataloader(self) -> DataLoader[Loaded]:
        """Every sample of the test split once."""
        return evaluation_loader(self.run.config, "test", self.run.share, self.run.global_batch_size)

    def on_train_start(self) -> None:
        """Tells Lightning's loop how many steps earlier parts of the run have finished.

        Expected: the loop goes on from the loader that it is given. Actual: its counters come from its own checkpoints only,
        and decide when to validate and when the run is done. Can go when a loop can be started at a step.
        """
        self.wish.listen()
        loop = self.trainer.fit_loop.epoch_loop
        loop.batch_progress.total = _ProcessedTracker(*[self.finished_steps] * 4)
        steps = loop.manual_optimization.optim_step_progress.total
        steps.ready = steps.completed = self.finished_steps
        self.interval.restart()
        self.run.startup.ended("loop")
        if self.run.reporter:
            self.run.reporter.enter("Stepping")

    def training_step(self, batch: Loaded, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's signature
        """One optimizer update.

        Raises:
            NonFiniteError: A step, this one or the one before, had a loss or gradient that was no number.
            BioNeMoError: The data can't be read.
        """
        trainee = self.run.strategy.trainee
        learning_rate = trainee.optimizer.adamw.param_groups[0]["lr"]
        step = trainee.step(unpacked(batch), self.consumed_samples, wish=self.wish.is_made())
        self.schedule.step()
        self.finished_steps += 1
        self.trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress.increment_ready()
        self.trainer.fit_loop.epoch_loop.manual_optimization.optim_step_progress.increment_completed()
        if self.run.reporter:
            self.run.reporter.stepped(self.finished_steps, self.consumed_samples)
        numbers = Numbers.sent(step, trainee.optimizer.loss_scale.scale, learning_rate)
        self._observe(self._reader.push(self.finished_steps, numbers))

    def settle(self) -> None:
        """Waits for the device and looks at every step so far; before anything is saved.

        Raises:
            NonFiniteError: One of them was no number.
        """
        self._observe(self._reader.settle())

    def on_validation_epoch_start(self) -> None:
        """Begins a validation."""
        self._begin_evaluation()

    def validation_step(self, batch: Loaded, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's signature
        """Evaluates this rank's share of a batch."""
        assert self._evaluator is not None, "begun at the start of the epoch"
        self._evaluator.add(unpacked(batch))

    def on_validation_epoch_end(self) -> None:
        """Says what the validation found."""
        found = self._end_evaluation("val")
        if self.trainer.sanity_checking:
            return
        self.measured = (self.finished_steps, found)
        if self.run.reporter:
            self.run.reporter.validated(found)
            self.run.reporter.enter("Stepping")

    def on_test_epoch_start(self) -> None:
        """Begins a test."""
        self._begin_evaluation()

    def test_step(self, batch: Loaded, batch_idx: int) -> None:  # noqa: ARG002 - Lightning's signature
        """Evaluates this rank's share of a batch."""
        assert self._evaluator is not None, "begun at the start of the epoch"
        self._evaluator.add(unpacked(batch))

    def on_test_epoch_end(self) -> None:
        """Says what the test found."""
        self._end_evaluation("test")

    def _begin_evaluation(self) -> None:
        if self.run.reporter:
            self.run.reporter.enter("Validating")
        self.interval.pause()
        self._evaluator = Evaluator(self.run.config, self.run.strategy.trainee, self.finished_steps)

    def _end_evaluation(self, split: str) -> dict[str, float]:
        evaluator, self._evaluator = self._evaluator, None
        assert evaluator is not None, "begun at the start of the epoch"
        found = {f"{split}_{name}": value for name, value in evaluator.metrics().items()}
        self.interval.resume()
        if not self.trainer.sanity_checking:
            self.log_figures(self.finished_steps, found)
            if self.run.reporter and evaluator.reconstructions.examples:
                write_records(self.run.folder.reconstructions, evaluator.reconstructions.examples)
            elif self.run.reporter:
                write_records(self.run.folder.residues, evaluator.residues())
        return found

    def _observe(self, arrived: Iterator[tuple[int, list[float]]]) -> None:
        for step, values in arrived:
            if not self.run.startup.is_over:
                self._end_startup()
            numbers = Numbers.read(values)
            if numbers.has_failed:
                raise NonFiniteError(
                    f"step {step}: the loss ({numbers.loss:g}) or the gradient norm ({numbers.gradient_norm:g}) is not a "
                    "finite number; this update and all after it were left out and nothing was saved. Lower "
                    "model.optim.lr, warm up longer, or look at the data of this step."
                )
            self.must_stop = self.must_stop or numbers.wishes_to_stop
            self.interval.add(numbers)
            if step % self.run.config.trainer.log_every_n_steps == 0:
                self._log_interval(step)

    def _end_startup(self) -> None:
        """The first step has ended: says how long the way to it was."""
        startup = self.run.startup
        startup.ended("first step")
        if self.run.reporter:
            _log.info("the first step ended after %s", startup)
            self.run.reporter.metrics.started_up(startup)

    def _log_interval(self, step: int) -> None:
        figures = self.interval.close()
        waited_seconds, mfu = self._training_loader.take_waited_seconds(), self._mfu(figures["tokens_per_second"])
        self.log_figures(step, {**figures, DATA_WAIT: waited_seconds, **({MFU: mfu} if mfu is not None else {})})
        if not self.run.reporter:
            return
        remaining = self.run.config.trainer.max_steps - step
        self.run.reporter.logged(
            step=step,
            train_loss=figures["reduced_train_loss"],
            samples_per_second=figures["samples_per_second"],
            tokens_per_second=figures["tokens_per_second"],
            eta_seconds=remaining * figures["train_step_timing"],
        )
        metrics = self.run.reporter.metrics
        metrics.gradient_norm.set(figures["grad_norm"])
        metrics.learning_rate.set(figures["lr"])
        metrics.loss_scale.set(figures["loss_scale"])
        metrics.step_seconds.observe(figures["train_step_timing"])
        metrics.samples.inc(self.interval.num_samples)
        metrics.tokens.inc(self.interval.num_tokens)
        metrics.skipped.inc(self.interval.num_skipped)
        metrics.data_wait.inc(waited_seconds)
        metrics.measured_mfu(mfu)

    def _mfu(self, tokens_per_second: float) -> float | None:
        """Of the interval that was closed last; None where the peak of the device is not known."""
        device, interval = self.run.strategy.trainee.ranks.device, self.interval
        return model_flops_utilization(
            self.run.config,
            torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
            num_ranks=self.run.strategy.world_size,
            tokens_per_second=tokens_per_second,
            tokens_per_sample=interval.num_tokens / interval.num_samples,
        )

    def log_figures(self, step: int, metrics: dict[str, float]) -> None:
        """To the run's own records and to every logger, on rank 0."""
        if not self.run.reporter:
            return
        consumed = step * self.run.global_batch_size
        append_metrics(self.run.folder, step, consumed, metrics)
        for logger in self.trainer.loggers:
            logger.log_metrics({**metrics, "global_step": step, "consumed_samples": consumed}, step=step)
