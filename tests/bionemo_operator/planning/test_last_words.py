"""Last words of ours are understood, and those of anybody else say nothing."""

import json

import pytest

from bionemo_operator.planning.last_words import progress_of, words_of
from bionemo_trainer.contract import progress_to_json
from testkit.observations import reading


@pytest.mark.parametrize(("message", "words"), [('{"step": 3}', {"step": 3}), ("[1]", {}), ("Killed", {})])
def test_last_words_that_are_not_ours_have_no_fields(message, words):
    assert words_of(message) == words


def test_rank_zero_says_how_far_it_was():
    progress = reading(60, "Finished", saved_step=60, train_loss=1.5).progress
    assert progress_of(json.dumps({"exitCode": 0, "progress": json.loads(progress_to_json(progress))})) == progress


@pytest.mark.parametrize("message", ['{"exitCode": 0}', '{"progress": {"step": 3}}', '{"progress": 3}', "Killed"])
def test_words_without_a_progress_of_ours_tell_none(message):
    assert progress_of(message) is None
