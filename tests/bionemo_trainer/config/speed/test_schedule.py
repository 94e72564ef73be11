"""The closed forms of the schedule equal a replay of it, or bound it by what is stated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.config.speed.schedule import overlapped_seconds, pipelined_seconds
from testkit.step_replay import pipeline_seconds, steps_seconds

SECONDS = st.floats(0, 10)
STEPS = 60


@given(st.lists(st.tuples(SECONDS, SECONDS), min_size=1, max_size=12))
def test_a_step_takes_as_long_as_the_slower_of_host_and_gpu(operations):
    host, gpu = (sum(seconds) for seconds in zip(*operations, strict=True))
    # Only the first and the last step differ from those between, by at most what one takes one after the other.
    spent = steps_seconds(operations, 2 * STEPS) - steps_seconds(operations, STEPS)
    assert spent == pytest.approx(STEPS * overlapped_seconds(host, gpu), abs=host + gpu + 1e-6)


@given(SECONDS, SECONDS, SECONDS, st.integers(1, 8), st.integers(1, 24))
def test_a_pipeline_of_equal_stages_takes_what_its_replay_takes(forward, backward, hand_over, stages, micro_batches):
    replayed = pipeline_seconds([forward] * stages, [backward] * stages, hand_over, micro_batches)
    stated = pipelined_seconds(
        forward_seconds=forward,
        backward_seconds=backward,
        hand_over_seconds=hand_over,
        num_stages=stages,
        micro_batches=micro_batches,
    )
    assert stated == pytest.approx(replayed)


@given(st.lists(st.tuples(SECONDS, SECONDS), min_size=1, max_size=6), SECONDS, st.integers(1, 12))
def test_a_pipeline_is_never_slower_than_one_of_its_slowest_stages(stages, hand_over, micro_batches):
    forward, backward = zip(*stages, strict=True)
    replayed = pipeline_seconds(forward, backward, hand_over, micro_batches)
    stated = pipelined_seconds(
        forward_seconds=max(forward),
        backward_seconds=max(backward),
        hand_over_seconds=hand_over,
        num_stages=len(stages),
        micro_batches=micro_batches,
    )
    assert replayed <= stated * (1 + 1e-9)


def test_without_hand_overs_a_pipeline_has_the_bubble_of_the_books():
    seconds = pipelined_seconds(
        forward_seconds=1.0, backward_seconds=2.0, hand_over_seconds=0.0, num_stages=4, micro_batches=8
    )
    assert seconds == 3.0 * (8 + 4 - 1)
