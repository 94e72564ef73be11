"""Two GPUs of one machine over NCCL: the losses of one rank under every layout, and a run that goes on with fewer GPUs."""

from functools import partial

import pytest

torch = pytest.importorskip("torch")
if torch.cuda.device_count() < 2:
    pytest.skip("ranks over NCCL need a GPU each", allow_module_level=True)

from bionemo_trainer.run_folder import RunFolder, read_records  # noqa: E402  after the skips
from testkit.gpu_cases import two_gpu_cases  # noqa: E402
from testkit.gpu_trainings import trained  # noqa: E402
from testkit.networks import MEGAMOLBART  # noqa: E402
from testkit.real_data import prepare_examples  # noqa: E402
from testkit.step_cases import LAYOUTS_OF_FAMILIES, NUM_STEPS, RESUMED  # noqa: E402
from testkit.two_ranks import findings_of_two_ranks  # noqa: E402


@pytest.fixture(scope="module")
def found(datasets, tmp_path_factory):
    folder = tmp_path_factory.mktemp("two-gpus")
    return findings_of_two_ranks(partial(two_gpu_cases, datasets), folder, accelerator="gpu", backend="nccl")


@pytest.mark.parametrize(("layout", "recipe"), LAYOUTS_OF_FAMILIES)
def test_losses_are_those_of_one_rank(on_cpu, found, layout, recipe):
    assert found[f"{layout} {recipe}"] == pytest.approx(on_cpu[recipe], rel=1e-4)


@pytest.mark.parametrize(("layout", "recipe"), RESUMED)
def test_a_checkpoint_of_any_layout_goes_on_with_two_replicas(on_cpu, found, layout, recipe):
    assert found[f"{layout} {recipe} resumed"] == pytest.approx(on_cpu[recipe][NUM_STEPS // 2 :], rel=1e-4)


@pytest.mark.parametrize(("precision", "tolerance"), [("bf16-mixed", 0.03), ("fp8-mixed", 0.06)])
def test_replicas_replay_graphs(on_cpu, found, precision, tolerance):
    assert found[f"{precision} replayed replicas"] == pytest.approx(on_cpu[MEGAMOLBART], rel=tolerance)
    assert found[f"graphs {precision}"] >= 1


def test_a_wish_of_one_rank_is_known_to_all(found):
    assert found["wish"] == [0, 1]


def test_a_run_on_two_gpus_goes_on_with_one(tmp_path):
    prepare_examples(tmp_path)
    run = tmp_path / "run"
    same_steps = "model.global_batch_size=64"
    trained(MEGAMOLBART, tmp_path, run, 100, same_steps, "trainer.devices=2")
    words = trained(MEGAMOLBART, tmp_path, run, 200, same_steps)
    assert "from step 100" in words
    losses = [
        record["reduced_train_loss"]
        for record in read_records(RunFolder(path=run).metrics)
        if "reduced_train_loss" in record
    ]
    assert len(losses) == 20
    assert losses[-1] < losses[0]
