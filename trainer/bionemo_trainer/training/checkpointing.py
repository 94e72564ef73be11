"""Saves the run: after validation, at intervals, at the end, and when it is asked to stop. A callback of Lightning's trainer.

All ranks write; rank 0 commits, keeps the best and the newest, and exports weights. Files are `checkpoint_folder`'s.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from bionemo_trainer.config.layout import layout_of
from bionemo_trainer.contract import SavedCheckpoint
from bionemo_trainer.engine import sharded_state
from bionemo_trainer.errors import BioNeMoError, StoppedError, StorageError
from bionemo_trainer.training import checkpoint_folder
from bionemo_trainer.training.checkpoint_folder import CheckpointManifest, Committed
from bionemo_trainer.training.compatibility import config_fingerprint, identity_of, tokenizer_fingerprint
from bionemo_trainer.training.metrics import SAVE
from bionemo_trainer.training.module import PretrainingModule
from bionemo_trainer.training.records import versions
from bionemo_trainer.training.run import Run


class Checkpointing(Callback):
    """Decides when to save, and does it."""

    def __init__(self, run: Run, num_training_samples: int) -> None:
        self.run = run
        self.num_training_samples = num_training_samples
        self.settings = run.config.exp_manager.checkpoint_callback_params
        self.folder = checkpoints_of(run)
        self._saved_step = run.start_step

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:  # noqa: ANN401, ARG002 - Lightning's signature
        """Saves when the interval is over; saves and stops when the ranks have agreed to.

        Raises:
            StoppedError: They have; the checkpoint is committed.
        """
        module = _ours(pl_module)
        if module.must_stop:
            saved = self.save(module)
            raise StoppedError(
                f"stopped on request after step {module.finished_steps}; {saved} holds it. Start the same run again to go on.",
                step=module.finished_steps,
            )
        interval = self.settings.every_n_train_steps
        # A validation saves too, with what it finds.
        validates_now = self.run.config.trainer.validates_after(module.finished_steps)
        if interval and module.finished_steps % interval == 0 and not validates_now:
            self.save(module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Saves with the metrics that were just measured."""
        if trainer.state.fn == "fit" and not trainer.sanity_checking:
            self.save(_ours(pl_module))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:  # noqa: ARG002 - Lightning's signature
        """Saves the last step, and exports the weights if asked to."""
        module = _ours(pl_module)
        self.save(module)
        if self.settings.save_nemo_on_train_end and self.settings_on:
            self._on_rank_zero(self._export_at_end)

    @property
    def settings_on(self) -> bool:
        """Whether checkpoints are wanted at all."""
        return self.run.config.exp_manager.create_checkpoint_callback

    def save(self, module: PretrainingModule) -> str:
        """Saves where the run stands, unless that was done; all ranks must call it together.

        Returns:
            The name of the checkpoint's folder.

        Raises:
            NonFiniteError: A step since the last save was no number, so there is nothing to save.
            StorageError: Writing failed, or a later attempt has taken over.
        """
        module.settle()
        name = self._name(module)
        if module.finished_steps == self._saved_step or not self.settings_on:
            return f"{name}{checkpoint_folder.SUFFIX}"
        module.interval.pause()
        self._enter("Saving")
        began_at = time.perf_counter()
        written = checkpoint_folder.unfinished(self.folder, name, self.run.attempt)
        self._on_rank_zero(lambda: _make_empty(written))
        sharded_state.save(self.run.strategy.trainee, written)
        optimizer_step = sharded_state.optimizer_step(self.run.strategy.trainee)
        manifest = self._manifest(module, optimizer_step)
        self._on_rank_zero(lambda: self._commit(written, name, manifest, began_at))
        module.log_figures(module.finished_steps, {SAVE: time.perf_counter() - began_at})
        self._saved_step = module.finished_steps
        self._enter("Stepping")
        module.interval.resume()
        return f"{name}{checkpoint_folder.SUFFIX}"

    def _commit(self, written: Path, name: str, manifest: CheckpointManifest, began_at: float) -> None:
        saved = checkpoint_folder.commit(self.folder, written, name, manifest)
        settings = self.settings
        every = checkpoint_folder.committed(self.folder)
        kept = checkpoint_folder.worth_keeping(
            every,
            monitor=settings.monitor,
            mode=settings.mode,
            best=settings.save_top_k,
            newest=settings.keep_last if settings.save_last else 1,
        )
        checkpoint_folder.prune(self.folder, kept)
        if settings.always_save_nemo and saved.path == self._best(every).path:
            self._export(saved)
        assert self.run.reporter is not None, "rank 0 has one"
        self.run.reporter.saved(as_progress(saved, self.run), time.perf_counter() - began_at)

    def _export_at_end(self) -> None:
        every = checkpoint_folder.committed(self.folder)
        self._export(self._best(every) if self.settings.save_best_model else every[-1])

    def _best(self, checkpoints: list[Committed]) -> Committed:
        settings = self.settings
        best = checkpoint_folder.worth_keeping(
            checkpoints, monitor=settings.monitor, mode=settings.mode, best=1, newest=0
        )
        return best[0] if best else checkpoints[-1]

    def _export(self, checkpoint: Committed) -> None:
        name = f"{self.settings.prefix or ''}{self.run.config.name}{self.settings.postfix}"
        sharded_state.export(checkpoint.path, self.run.folder.config, self.folder / name)

    def _name(self, module: PretrainingModule) -> str:
        values = {
            **module.metrics_here,
            "step": module.finished_steps,
            "consumed_samples": module.consumed_samples,
            "epoch": module.consumed_samples // self.num_training_samples,
        }
        plain = f"{self.run.config.name}--{{step}}-{{consumed_samples}}"
        if not module.metrics_here:  # nothing was measured at this step, so no metric may stand in its name
            return checkpoint_folder.name_of(plain, values)
        default = f"{self.run.config.name}--{{val_loss:.2f}}-{{step}}-{{consumed_samples}}"
        return checkpoint_folder.name_of(self.settings.filename or default, values)

    def _manifest(self, module: PretrainingModule, optimizer_step: float) -> CheckpointManifest:
        config = self.run.config
        return CheckpointManifest(
            step=module.finished_steps,
            max_steps=config.trainer.max_steps,
            consumed_samples=module.consumed_samples,
            global_batch_size=self.run.global_batch_size,
            optimizer_step=optimizer_step,
            loss_scale=self.run.strategy.trainee.optimizer.loss_scale.state(),
            family=config.family,
            model=identity_of(config, self.num_training_samples),
            tokenizer=tokenizer_fingerprint(config),
            config=config_fingerprint(config),
            layout=str(layout_of(config)),
            versions=versions(),
            attempt=self.run.attempt,
            saved_at=time.time(),
            metrics=module.metrics_here,
        )

    def _enter(self, phase: Any) -> None:  # noqa: ANN401 - a Phase
        if self.run.reporter:
            self.run.reporter.enter(phase)

    def _on_rank_zero(self, act: Callable[[], None]) -> None:
        """Acts on rank 0 while the others wait; what fails there fails on all."""
        on_rank_zero(self.run, act)


def on_rank_zero(run: Run, act: Callable[[], None]) -> None:
    """Acts on rank 0 while the others wait.

    Raises:
        BioNeMoError: What was raised there, on every rank.
    """
    failure: BioNeMoError | None = None
    if run.strategy.is_global_zero:
        try:
            act()
        except OSError as error:
            failure = storage_error(error, run.folder.path)
        except BioNeMoError as error:
            failure = error
    failure = run.strategy.broadcast(failure)
    if failure is not None:
        raise failure


def storage_error(error: OSError, folder: Path | str | None) -> StorageError:
    """What the system says, with the path; a write to an open file names none, so it is the folder then."""
    return StorageError(f"{error.filename or folder}: {error.strerror}; make room or mend the volume.")


def checkpoints_of(run: Run) -> Path:
    """Folder of a run's checkpoints."""
    named = run.config.exp_manager.checkpoint_callback_params.dirpath
    return Path(named) if named else run.folder.checkpoints


def as_progress(saved: Committed, run: Run) -> SavedCheckpoint:
    """A checkpoint in the words of `/progress`."""
    path = saved.path
    inside = path.is_relative_to(run.folder.path)
    return SavedCheckpoint(
        step=saved.manifest.step,
        path=str(path.relative_to(run.folder.path) if inside else path),
        size_bytes=saved.size_bytes,
        saved_at=saved.manifest.saved_at,
    )


def _make_empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _ours(module: LightningModule) -> PretrainingModule:
    assert isinstance(module, PretrainingModule), "the only module that this callback is used with"
    return module
