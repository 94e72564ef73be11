"""What is recorded of attempts is what was true at their end, not what was read some time before."""

import json

import pytest

from bionemo_trainer.contract import progress_to_json
from testkit.observations import World, message_of, reading, training


def world_at(step):
    """A training whose first attempt was seen at a step."""
    world = World(training=training())
    world.passes()
    world.runs(1)
    world.passes(reading=reading(step, saved_step=30))
    return world


def words(exit_code, step, attempt=1):
    progress = reading(step, "Finished", attempt=attempt, saved_step=step, train_loss=1.5).progress
    return json.dumps({"exitCode": exit_code, "progress": json.loads(progress_to_json(progress))})


def test_a_training_that_is_done_is_at_its_last_step():
    world = world_at(step=51)
    world.ends(1, "Succeeded", message=words(0, step=100))
    world.passes()
    status = world.status
    assert (status.progress.step, status.progress.train_loss, status.checkpoint.step) == (100, "1.5", 100)
    assert status.recovery.attempts[-1].end_step == 100
    assert "Attempt 1 finished the training at step 100" in message_of(status, "Succeeded")


def test_a_failure_costs_the_steps_that_were_done_and_not_those_that_were_seen():
    world = world_at(step=51)
    world.ends(1, "Failed", 1, words(1, step=57))
    world.passes()
    assert world.status.recovery.attempts[-1].end_step == 57


@pytest.mark.parametrize("message", [words(0, step=100, attempt=2), "", "Killed", '{"exitCode": 0}'])
def test_words_of_nobody_or_of_another_attempt_change_nothing(message):
    world = world_at(step=51)
    world.ends(1, "Succeeded", message=message)
    world.passes()
    assert world.status.progress.step == world.status.recovery.attempts[-1].end_step == 51
