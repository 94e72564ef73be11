"""Every model trains 200 steps of its recipe in bf16 on a GPU from real CSV files, in two runs: the second goes on from the first."""

import json
import sys

import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("training on a GPU needs one", allow_module_level=True)

from bionemo_trainer.run_folder import RunFolder, read_records  # noqa: E402  after the skips
from testkit.gpu_trainings import RECIPES, trained  # noqa: E402
from testkit.real_data import prepare_examples  # noqa: E402


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    prepare_examples(folder)
    return folder


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
