"""NeMo's experiment manager: folders, log files and loggers of a run. Called by `train` before Lightning's loop begins."""

from datetime import UTC, datetime
from pathlib import Path

from lightning.pytorch import Trainer
from nemo.utils import logging as nemo_logging
from nemo.utils.exp_manager import exp_manager

from bionemo_trainer.config.schema.experiment import ExpManagerConfig
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.engine.strategy import MegatronStrategy
from bionemo_trainer.run_folder import RunFolder
from bionemo_trainer.training.wandb_logger import WandbLogger


def open_experiment(trainer: Trainer, config: TrainConfig, strategy: MegatronStrategy) -> RunFolder:
    """Makes the run's folder with NeMo's files, and gives the trainer its loggers.

    Checkpoints, preemption and W&B are ours: NeMo's would save one rank's shard, raise on one rank before the others know, and
    wait for a network.
    """
    settings = config.exp_manager
    version = strategy.broadcast(_version(settings))
    log_folder = exp_manager(
        trainer,
        {
            "explicit_log_dir": settings.explicit_log_dir,
            "exp_dir": settings.exp_dir,
            "name": settings.name or config.name,
            "version": version,
            "use_datetime_version": False,
            "resume_if_exists": settings.resume_if_exists,
            "resume_ignore_no_checkpoint": True,
            "create_tensorboard_logger": settings.create_tensorboard_logger,
            "create_checkpoint_callback": False,
            "create_preemption_callback": False,
            "log_step_timing": settings.log_step_timing,
            "files_to_copy": list(settings.files_to_copy),
            "seconds_to_sleep": 0,
        },
    )
    trainer.ckpt_path = None  # `resuming` decides what is taken up
    folder = RunFolder(path=Path(log_folder))
    if _writes_log(settings, strategy):
        name = f"nemo_log_globalrank-{strategy.global_rank}_localrank-{strategy.local_rank}.txt"
        nemo_logging.add_file_handler(folder.path / name)
    if settings.create_wandb_logger and strategy.is_global_zero:
        trainer.loggers = [*trainer.loggers, WandbLogger(settings.wandb_logger_kwargs, str(folder.path))]
    return folder


def _version(settings: ExpManagerConfig) -> str | None:
    """The version in the path when there is no explicit folder; a run that resumes has none, so that it finds itself."""
    if settings.version is not None or settings.resume_if_exists or not settings.use_datetime_version:
        return settings.version
    return datetime.now(UTC).strftime("%Y-%m-%d_%H-%M-%S")


def _writes_log(settings: ExpManagerConfig, strategy: MegatronStrategy) -> bool:
    if settings.log_global_rank_0_only:
        return strategy.is_global_zero
    return strategy.local_rank == 0 if settings.log_local_rank_0_only else True
