"""A commit may be killed at any instruction: the earlier checkpoint is whole, and the run goes on."""

import pytest

from bionemo_trainer.training.checkpoint_folder import committed, raise_fence
from testkit.checkpoints import NUM_STAGES, kill_commits, manifest, save
from testkit.fresh_processes import FRESH, IN_FRESH_PROCESSES, run_to_the_end

pytestmark = IN_FRESH_PROCESSES


def killed(folder, earlier):
    run_to_the_end(FRESH.Process(target=kill_commits, args=(folder, earlier)))
    return folder


@pytest.fixture(scope="module")
def killed_commits(tmp_path_factory):
    """Folders with step 4, in which the commit of step 8 was killed at the stage of the folder's name."""
    return killed(tmp_path_factory.mktemp("killed"), (4,))


@pytest.fixture(scope="module")
def killed_replacements(tmp_path_factory):
    """The same where there was an earlier step 8."""
    return killed(tmp_path_factory.mktemp("replaced"), (4, 8))


def goes_on(folder):
    """What the next attempt finds after its own commit of step 8, once its start has cleared the folder."""
    raise_fence(folder, 2)
    assert list(folder.glob("*.unfinished")) == []
    save(folder, manifest(step=8, attempt=2))
    return [(checkpoint.manifest.step, checkpoint.manifest.attempt) for checkpoint in committed(folder)]


@pytest.mark.parametrize("stage", range(NUM_STAGES))
def test_a_commit_that_is_killed_leaves_the_earlier_checkpoint_and_the_run_goes_on(killed_commits, stage):
    folder = killed_commits / str(stage)
    assert committed(folder)[0].manifest == manifest(step=4)
    assert (folder / "step=4.ckpt" / "weights").read_text() == "weights of step 4"
    assert goes_on(folder) == [(4, 1), (8, 2)]


@pytest.mark.parametrize("stage", range(NUM_STAGES + 1))
def test_a_replacement_that_is_killed_leaves_the_earlier_steps_and_the_run_goes_on(killed_replacements, stage):
    folder = killed_replacements / str(stage)
    assert committed(folder)[0].manifest == manifest(step=4)
    assert goes_on(folder) == [(4, 1), (8, 2)]


def test_these_are_all_the_stages(killed_commits, killed_replacements):
    assert len(list(killed_commits.iterdir())) == NUM_STAGES + 1
    assert len(list(killed_replacements.iterdir())) == NUM_STAGES + 2
