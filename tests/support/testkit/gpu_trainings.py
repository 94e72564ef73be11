"""Trainings on GPUs as a user starts them: a recipe in bf16 on real CSV files, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from testkit.networks import ESM1NV, ESM2NV, MEGAMOLBART, PROTT5NV

RECIPES = {
    MEGAMOLBART: ("model.compile=True", "model.optim.lr=0.4", "model.optim.sched.warmup_steps=100"),
    ESM1NV: ("model.optim.sched.warmup_steps=50", "model.optim.sched.constant_steps=0"),
    ESM2NV: ("model.optim.sched.warmup_steps=50",),
    PROTT5NV: ("model.optim.sched.warmup_ratio=null", "+model.optim.sched.warmup_steps=50"),
}
"""With the warm-up that so short a run needs."""
COMMON = (
    "trainer.devices=1",
    "trainer.num_nodes=1",
    "trainer.precision=bf16-mixed",
    "trainer.log_every_n_steps=10",
    "trainer.val_check_interval=100",
    "trainer.limit_val_batches=4",
    "trainer.num_sanity_val_steps=0",
    "model.micro_batch_size=32",
    "model.compile=False",  # it takes longer than these steps do; one recipe tries it
    "model.data.num_workers=4",
    *(f"model.data.dataset.{split}=x000" for split in ("train", "val", "test")),
    "exp_manager.create_tensorboard_logger=False",
    "exp_manager.checkpoint_callback_params.every_n_train_steps=100",
)


def trained(recipe: str, data: Path, run: Path, max_steps: int, *changes: str) -> str:
    """Trains up to a step on one GPU, as a container does.

    Args:
        recipe: One of `RECIPES`.
        data: Has the datasets `molecules` and `proteins`.
        run: The run's folder; what lies there is gone on from.
        max_steps: Counted from the run's first step.
        changes: Overrides beyond those of all trainings here.

    Returns:
        What it wrote to standard error.

    Raises:
        AssertionError: It failed, with the end of that.
    """
    folder, _, name = recipe.rpartition("/")
    dataset = data / ("molecules" if recipe == MEGAMOLBART else "proteins")
    overrides = (
        *COMMON,
        *RECIPES[recipe],
        f"model.data.dataset_path={dataset}",
        f"exp_manager.explicit_log_dir={run}",
        f"trainer.max_steps={max_steps}",
        *changes,
    )
    command = [sys.executable, "-m", "bionemo_trainer", f"--config-name={folder}/{name}", *overrides]
    environment = {**os.environ, "BIONEMO_METRICS_PORT": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr
