"""Where a training goes on from: its own newest checkpoint, another run's, given weights, or the start. Called by `train`."""

import tarfile
from dataclasses import dataclass
from pathlib import Path

from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.engine import sharded_state
from bionemo_trainer.engine.stepping import Trainee
from bionemo_trainer.errors import DataError, MissingInputError
from bionemo_trainer.run_folder import RunFolder
from bionemo_trainer.training.checkpoint_folder import Committed, committed, read_manifest
from bionemo_trainer.training.compatibility import check_same_network, check_same_run


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What a training begins with."""

    checkpoint: Committed | None
    """What it goes on from; None when it begins at step 0."""


def origin_of(config: TrainConfig, checkpoints: Path, num_training_samples: int) -> Origin:
    """Decides where to begin.

    A checkpoint that `model.resume_from_checkpoint` names in the run's own folder is a wish to go back, so it is taken. One of
    another run is where this run once began: checkpoints of its own are newer.

    Raises:
        MissingInputError: There is nothing to go on from, and the configuration insists on it.
        DataError: The named checkpoint is none.
        ConfigError: It is of another run.
    """
    own = committed(checkpoints) if config.exp_manager.resume_if_exists else []
    named = config.model.resume_from_checkpoint
    chosen = own[-1] if own else None
    if named is not None and (chosen is None or Path(named).resolve().parent == checkpoints.resolve()):
        chosen = named_checkpoint(Path(named), "model.resume_from_checkpoint")
    if chosen is not None:
        check_same_run(config, chosen, num_training_samples)
    elif config.exp_manager.resume_if_exists and not config.exp_manager.resume_ignore_no_checkpoint:
        raise MissingInputError(
            f"exp_manager.resume_if_exists: True finds no checkpoint in {checkpoints}; name the folder of a run, or add "
            "exp_manager.resume_ignore_no_checkpoint=True to begin anew when there is none."
        )
    return Origin(checkpoint=chosen)


def is_complete(config: TrainConfig, origin: Origin) -> bool:
    """Whether there is nothing left to train."""
    reached = origin.checkpoint.manifest.step if origin.checkpoint else 0
    return reached >= config.trainer.max_steps


def take_up(trainee: Trainee, config: TrainConfig, origin: Origin) -> None:
    """Gives the trainee the weights, and when a run goes on the optimizer, that it begins with.

    Raises:
        MissingInputError: `restore_from_path` names nothing.
        ConfigError: It is of another network.
        DataError: It holds no weights of this network.
    """
    if origin.checkpoint is not None:
        manifest = origin.checkpoint.manifest
        sharded_state.restore(trainee, origin.checkpoint.path, optimizer_step=manifest.optimizer_step)
        trainee.optimizer.loss_scale.restore(manifest.loss_scale)
    elif config.restore_from_path is not None:
        _start_from(trainee, config, Path(config.restore_from_path))


def named_checkpoint(path: Path, field: str) -> Committed:
    """A checkpoint by its folder, or by the folder of its run: `RUN` means the newest one, `RUN@500` that of step 500.

    Raises:
        MissingInputError: There is no such folder, or no such checkpoint of the run.
        DataError: It is no checkpoint.
    """
    folder, _, step = str(path).partition("@")
    run = RunFolder(path=Path(folder))
    if run.checkpoints.is_dir():
        return _checkpoint_of_run(run, step, field)
    if not path.is_dir():
        raise MissingInputError(f"{field}: {str(path)!r} does not exist; name the folder of a checkpoint, NAME.ckpt.")
    whole = path.resolve()
    return Committed(path=whole, manifest=read_manifest(whole))


def _checkpoint_of_run(run: RunFolder, step: str, field: str) -> Committed:
    saved = committed(run.checkpoints)
    chosen = [checkpoint for checkpoint in saved if step in ("", str(checkpoint.manifest.step))]
    if not chosen:
        steps = ", ".join(str(checkpoint.manifest.step) for checkpoint in saved)
        there = f"it has those of {steps}" if steps else "it has saved none"
        raise MissingInputError(
            f"{field}: {str(run.path)!r} has no checkpoint{step and f' of step {step}'}; {there}. Name another run or step."
        )
    return chosen[-1]


def _start_from(trainee: Trainee, config: TrainConfig, path: Path) -> None:
    if path.is_dir():
        checkpoint = named_checkpoint(path, "restore_from_path")
        check_same_network(config, checkpoint)
        sharded_state.read_into(trainee, checkpoint.path, weights_only=True)
        return
    if not path.exists():
        raise MissingInputError(
            f"restore_from_path: {str(path)!r} does not exist; name a checkpoint's folder or an exported file."
        )
    try:
        sharded_state.import_weights(trainee, path)
    except (KeyError, RuntimeError, OSError, tarfile.TarError) as error:
        raise DataError(
            f"restore_from_path: {str(path)!r} does not hold the weights of this network ({error}); name a file that was "
            "exported from the same family and size."
        ) from error
