"""Every model trains 200 steps of its recipe in bf16 on a GPU from real CSV files, in two runs: the second goes on from the first."""

import json
import os
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("training on a GPU needs one", allow_module_level=True)

from bionemo_trainer.run_folder import RunFolder, read_records  # noqa: E402  after the skips
from testkit.networks import ESM1NV, ESM2NV, MEGAMOLBART, PROTT5NV  # noqa: E402
from testkit.real_data import prepare_examples  # noqa: E402

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


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    prepare_examples(folder)
    return folder


def trained(recipe, data, run, max_steps):
    """Trains up to a step in a process of its own, as a container does; what it wrote to standard error."""
    folder, _, name = recipe.rpartition("/")
    dataset = data / ("molecules" if recipe == MEGAMOLBART else "proteins")
    overrides = (
        *COMMON,
        *RECIPES[recipe],
        f"model.data.dataset_path={dataset}",
        f"exp_manager.explicit_log_dir={run}",
        f"trainer.max_steps={max_steps}",
    )
    command = [sys.executable, "-m", "bionemo_trainer", f"--config-name={folder}/{name}", *overrides]
    environment = {**os.environ, "BIONEMO_METRICS_PORT": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stderr


@pytest.mark.parametrize("recipe", RECIPES)
def test_two_hundred_steps_in_bf16_stop_and_go_on(recipe, data, tmp_path):
    run = tmp_path / "run"
    trained(recipe, data, run, max_steps=100)
    words = trained(recipe, data, run, max_steps=200)
    assert "from step 100" in words
    records = list(read_records(RunFolder(path=run).metrics))
    losses = {record["step"]: record["reduced_train_loss"] for record in records if "reduced_train_loss" in record}
    assert list(losses) == list(range(10, 201, 10))
    held_out = [record["val_loss"] for record in records if "val_loss" in record]
    assert len(held_out) == 2
    assert losses[200] < losses[10]
    assert "layers run uncompiled" not in words
    sys.stdout.write(json.dumps({"recipe": recipe, "losses": losses, "held_out": held_out}) + "\n")
