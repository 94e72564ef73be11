"""A whole training on one rank: join the others, open the experiment, take up where it stood, train, test.

Called by `__main__` in every process that the launcher starts.
"""

import errno
import logging
import math
from dataclasses import replace
from typing import Any

from lightning.pytorch import Trainer

from bionemo_trainer.config.layout import batches_of, layout_of
from bionemo_trainer.config.load import to_tree
from bionemo_trainer.config.schema.root import TrainConfig
from bionemo_trainer.contract import ExitCode
from bionemo_trainer.data.step_batches import Share, step_batches
from bionemo_trainer.engine.process_groups import Rendezvous, leave_process_groups
from bionemo_trainer.engine.strategy import MegatronStrategy
from bionemo_trainer.launch.reports import leave_progress
from bionemo_trainer.run_folder import RunFolder
from bionemo_trainer.settings import RankSettings
from bionemo_trainer.training import checkpoint_folder
from bionemo_trainer.training.checkpointing import (
    Checkpointing,
    as_progress,
    checkpoints_of,
    on_rank_zero,
    storage_error,
)
from bionemo_trainer.training.experiment import open_experiment
from bionemo_trainer.training.module import PretrainingModule
from bionemo_trainer.training.progress import Reporter
from bionemo_trainer.training.records import describe
from bionemo_trainer.training.resuming import Origin, is_complete, origin_of, take_up
from bionemo_trainer.training.run import Run
from bionemo_trainer.training.startup import Startup
from bionemo_trainer.training.stopping import StopWish

STORAGE_FAULTS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ESTALE, errno.EROFS, errno.EACCES}
)
"""What the system answers when a volume is full, broken or shut; other errors of its kind, such as a connection's, are not storage's."""

_log = logging.getLogger(__name__)


def train(
    config: TrainConfig, settings: RankSettings, rendezvous: Rendezvous, wish: StopWish, recipe: str | None = None
) -> ExitCode:
    """Trains until done.

    Args:
        config: The run.
        settings: This process among the others.
        rendezvous: How it finds them.
        wish: Says when to stop; it may have been made already, then one step is trained and saved.
        recipe: Name of the shipped configuration that this one began as, for the record.

    Raises:
        BioNeMoError: It can't go on, or was stopped with a checkpoint saved; `exit_code` tells which.
    """
    startup = Startup(settings.launched_at)
    startup.ended("imports")
    wish.limit(config.trainer.max_time)
    strategy = MegatronStrategy(config, rendezvous)
    strategy.join()
    startup.ended("rendezvous")
    try:
        return _train(config, settings, strategy, wish, recipe, startup)
    except OSError as error:
        if error.errno not in STORAGE_FAULTS:
            raise
        raise storage_error(error, config.exp_manager.explicit_log_dir or config.exp_manager.exp_dir) from error
    finally:
        leave_process_groups()


def _train(
    config: TrainConfig,
    settings: RankSettings,
    strategy: MegatronStrategy,
    wish: StopWish,
    recipe: str | None,
    startup: Startup,
) -> ExitCode:
    trainer = _trainer(config, strategy)
    folder = open_experiment(trainer, config, strategy)
    num_samples = len(step_batches(config, "train", Share(rank=0, num_ranks=1), 1).dataset)
    run, origin = _run(config, settings, strategy, folder, num_samples, startup)
    try:
        if is_complete(config, origin):
            _log.warning("the run in %s has finished its %s steps", folder.path, config.trainer.max_steps)
            if run.reporter:
                run.reporter.enter("Finished")
            return ExitCode.OK
        if run.reporter:
            run.reporter.serve(settings.metrics_host, settings.metrics_port)
        on_rank_zero(run, lambda: _prepare(run, recipe))
        startup.ended("data")
        take_up(strategy.trainee, config, origin)
        startup.ended("network")
        trainer.callbacks.append(Checkpointing(run, num_samples))  # type: ignore[attr-defined]  # a list that Lightning does not declare
        module = PretrainingModule(run, wish)
        for logger in trainer.loggers:
            logger.log_hyperparams(to_tree(config))
        trainer.fit(module)
        if config.do_testing and config.trainer.limit_test_batches:
            trainer.test(module, verbose=False)
        if run.reporter:
            run.reporter.enter("Finished")
    finally:
        if run.reporter:
            run.reporter.close()
            if settings.reports:
                leave_progress(settings.reports, run.reporter.progress)
    return ExitCode.OK


def _run(
    config: TrainConfig,
    settings: RankSettings,
    strategy: MegatronStrategy,
    folder: RunFolder,
    num_samples: int,
    startup: Startup,
) -> tuple[Run, Origin]:
    """The run and what it goes on from; rank 0 looks, so that all ranks see the same."""
    placed = Run(
        config=config,
        strategy=strategy,
        folder=folder,
        reporter=None,
        global_batch_size=batches_of(config).global_batch_size,
        attempt=settings.attempt,
        start_step=0,
        startup=startup,
    )
    found: list[Origin] = []
    on_rank_zero(placed, lambda: found.append(origin_of(config, checkpoints_of(placed), num_samples)))
    origin = strategy.broadcast(found[0] if found else Origin(checkpoint=None))
    manifest = origin.checkpoint.manifest if origin.checkpoint else None
    start_step = manifest.step if manifest else 0
    size = manifest.global_batch_size if manifest else placed.global_batch_size
    reporter = None
    if strategy.is_global_zero:
        reporter = Reporter(
            attempt=settings.attempt,
            step=start_step,
            max_steps=config.trainer.max_steps,
            consumed_samples=start_step * size,
        )
    run = replace(placed, reporter=reporter, global_batch_size=size, start_step=start_step)
    if reporter and origin.checkpoint:
        reporter.saved(as_progress(origin.checkpoint, run))
    return run, origin


def _prepare(run: Run, recipe: str | None) -> None:
    """What rank 0 leaves in the folder before the first step."""
    checkpoint_folder.raise_fence(checkpoints_of(run), run.attempt)
    describe(run.folder, run.config, recipe)
    _log.info("%s; %s; from step %s", layout_of(run.config), batches_of(run.config), run.start_step)


def _trainer(config: TrainConfig, strategy: MegatronStrategy) -> Trainer:
    """Lightning's loop with everything off that is done elsewhere."""
    settings = config.trainer
    on_gpu = settings.accelerator == "gpu"
    arguments: dict[str, Any] = {
        "strategy": strategy,
        "accelerator": "gpu" if on_gpu else "cpu",
        "devices": settings.devices,
        "num_nodes": settings.num_nodes,
        "max_steps": settings.max_steps,
        "val_check_interval": settings.validation_interval,
        "limit_val_batches": settings.limit_val_batches,
        "limit_test_batches": settings.limit_test_batches,
        "num_sanity_val_steps": settings.num_sanity_val_steps,
    }
    return Trainer(
        **arguments,
        max_epochs=-1,
        check_val_every_n_epoch=None,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        inference_mode=False,
        log_every_n_steps=math.inf,  # type: ignore[arg-type]  # what is logged, `module` logs itself
    )
