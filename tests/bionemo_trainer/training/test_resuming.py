"""A training goes on from its own newest checkpoint, from the one that is named, or from nothing; see `test_train` for weights."""

from pathlib import Path

import pytest

from bionemo_trainer.errors import ConfigError, DataError, MissingInputError
from bionemo_trainer.training.resuming import Origin, is_complete, named_checkpoint, origin_of
from testkit.checkpoints import manifest_of, save
from testkit.networks import ESM1NV, small_config

NUM_SAMPLES = 100
RESUMES = "exp_manager.resume_if_exists=True"
OR_BEGINS = "exp_manager.resume_ignore_no_checkpoint=True"
INSISTS = "exp_manager.resume_ignore_no_checkpoint=False"


def config(*overrides):
    return small_config(ESM1NV, "model.global_batch_size=3", "trainer.max_steps=1000000", *overrides)


def saved(folder, *steps):
    return [save(folder, manifest_of(config(), NUM_SAMPLES, step=step)) for step in steps]


def named(path):
    return f"model.resume_from_checkpoint='{path}'"


@pytest.mark.parametrize("overrides", [[RESUMES, OR_BEGINS], ["exp_manager.resume_if_exists=False"]])
def test_an_empty_folder_is_begun_in(tmp_path, overrides):
    assert origin_of(config(*overrides), tmp_path, NUM_SAMPLES) == Origin(checkpoint=None)


@pytest.mark.parametrize("overrides", [[RESUMES, INSISTS], [RESUMES, OR_BEGINS]])
def test_a_run_goes_on_from_its_newest_checkpoint(tmp_path, overrides):
    checkpoints = saved(tmp_path, 4, 6)
    assert origin_of(config(*overrides), tmp_path, NUM_SAMPLES).checkpoint == checkpoints[1]


def test_a_run_that_does_not_resume_begins_anew(tmp_path):
    saved(tmp_path, 4)
    assert origin_of(config("exp_manager.resume_if_exists=False"), tmp_path, NUM_SAMPLES) == Origin(checkpoint=None)


def test_a_run_that_insists_is_told_what_is_missing(tmp_path):
    with pytest.raises(MissingInputError) as refused:
        origin_of(config(RESUMES, INSISTS), tmp_path / "checkpoints", NUM_SAMPLES)
    assert str(refused.value) == (
        f"exp_manager.resume_if_exists: True finds no checkpoint in {tmp_path}/checkpoints; name the folder of a run, or "
        "add exp_manager.resume_ignore_no_checkpoint=True to begin anew when there is none."
    )


@pytest.mark.parametrize("overrides", [[], [RESUMES, INSISTS], [RESUMES, OR_BEGINS]])
def test_a_run_begins_where_another_one_stood(tmp_path, overrides):
    (other,) = saved(tmp_path / "other", 4)
    origin = origin_of(config(named(other.path), *overrides), tmp_path / "own", NUM_SAMPLES)
    assert origin.checkpoint == other


def test_its_own_checkpoints_are_newer_than_where_a_run_began(tmp_path):
    (other,) = saved(tmp_path / "other", 6)
    (own,) = saved(tmp_path / "own", 4)
    assert origin_of(config(named(other.path), RESUMES), tmp_path / "own", NUM_SAMPLES).checkpoint == own


def test_a_run_goes_back_to_a_named_checkpoint_of_its_own(tmp_path):
    earlier, _ = saved(tmp_path, 4, 6)
    assert origin_of(config(named(earlier.path), RESUMES), tmp_path, NUM_SAMPLES).checkpoint == earlier


def test_the_last_one_may_be_named(tmp_path):
    _, newest = saved(tmp_path.resolve(), 4, 6)
    origin = origin_of(config(named(tmp_path / "last.ckpt")), tmp_path, NUM_SAMPLES)
    assert origin.checkpoint == newest


@pytest.mark.parametrize(("suffix", "step"), [("", 6), ("@4", 4)])
def test_a_run_may_be_named_and_a_step_of_it(tmp_path, suffix, step):
    saved(tmp_path / "other" / "checkpoints", 4, 6)
    origin = origin_of(config(named(f"{tmp_path}/other{suffix}")), tmp_path / "own", NUM_SAMPLES)
    assert origin.checkpoint is not None
    assert origin.checkpoint.manifest.step == step


@pytest.mark.parametrize(
    ("steps", "suffix", "words"),
    [
        pytest.param((4, 6), "@5", "has no checkpoint of step 5; it has those of 4, 6.", id="another step"),
        pytest.param((), "", "has no checkpoint; it has saved none.", id="nothing saved"),
    ],
)
def test_a_run_without_that_step_says_which_it_has(tmp_path, steps, suffix, words):
    (tmp_path / "other" / "checkpoints").mkdir(parents=True)
    saved(tmp_path / "other" / "checkpoints", *steps)
    with pytest.raises(MissingInputError) as refused:
        named_checkpoint(Path(f"{tmp_path}/other{suffix}"), "spec.resumeFrom")
    assert str(refused.value) == f"spec.resumeFrom: '{tmp_path}/other' {words} Name another run or step."


def test_another_runs_checkpoint_is_refused(tmp_path):
    saved(tmp_path, 4)
    with pytest.raises(ConfigError) as refused:
        origin_of(config(RESUMES), tmp_path, NUM_SAMPLES + 1)
    assert str(refused.value) == (
        "samples in model.data.dataset.train: 101 differs from 100 in step=4.ckpt; set it to 100 to go on from there, "
        "or choose another folder with exp_manager.explicit_log_dir."
    )


def test_a_checkpoint_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(MissingInputError) as refused:
        origin_of(config(named(tmp_path / "nowhere")), tmp_path, NUM_SAMPLES)
    assert str(refused.value) == (
        f"model.resume_from_checkpoint: '{tmp_path}/nowhere' does not exist; name the folder of a checkpoint, NAME.ckpt."
    )


def test_a_folder_that_is_no_checkpoint_is_named(tmp_path):
    with pytest.raises(DataError) as refused:
        named_checkpoint(tmp_path, "restore_from_path")
    assert str(refused.value) == (
        f"{tmp_path}: has no manifest.json, so it is no checkpoint or was interrupted while it was saved; name another."
    )


@pytest.mark.parametrize(("steps", "complete"), [((), False), ((4,), False), ((1000000,), True), ((1000001,), True)])
def test_a_run_is_complete_when_its_checkpoint_has_all_steps(tmp_path, steps, complete):
    checkpoints = saved(tmp_path, *steps)
    origin = Origin(checkpoint=checkpoints[-1] if checkpoints else None)
    assert is_complete(config(), origin) == complete
