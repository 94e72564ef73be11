"""The costs of a step and what is sent in it add up as the schedule says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.config.speed.communication import SILENCE, Communication
from bionemo_trainer.config.speed.costs import Costs
from bionemo_trainer.config.speed.step_time import StepTime, step_time

SECONDS = st.floats(0, 10)
COSTS = st.builds(Costs, host_seconds=SECONDS, compute_seconds=SECONDS, update_seconds=SECONDS)
TALK = st.builds(Communication, tensor_seconds=SECONDS, hand_over_seconds=SECONDS, update_seconds=SECONDS)


@given(COSTS, TALK, st.integers(1, 8), st.integers(1, 12))
def test_no_more_is_exposed_than_sending_takes_alone(costs, talk, stages, batches):
    time = step_time(costs, talk, num_stages=stages, micro_batches=batches)
    assert -1e-9 <= time.exposed_seconds <= time.communication_seconds + 1e-9


@given(COSTS, TALK, st.integers(1, 8), st.integers(1, 12))
def test_no_step_is_shorter_than_any_part_of_it(costs, talk, stages, batches):
    time = step_time(costs, talk, num_stages=stages, micro_batches=batches)
    parts = (time.host_seconds, time.gpu_seconds, time.communication_seconds)
    assert max(parts) <= time.step_seconds + 1e-9


@given(COSTS, st.integers(1, 8), st.integers(1, 12))
def test_a_silent_step_is_its_stages_and_their_bubble(costs, stages, batches):
    time = step_time(costs, SILENCE, num_stages=stages, micro_batches=batches)
    assert time.communication_seconds == 0
    if stages > 1:
        stepped = batches * max(costs.host_seconds, costs.compute_seconds) + time.bubble_seconds
        assert time.step_seconds == pytest.approx(stepped + costs.update_seconds)


@pytest.mark.parametrize(
    ("exposed", "host", "gpu", "limit"),
    [(6.0, 1.0, 4.0, "communication"), (1.0, 9.0, 4.0, "host"), (1.0, 4.0, 9.0, "GPU")],
)
def test_what_most_of_a_step_goes_to_is_named(exposed, host, gpu, limit):
    time = StepTime(
        step_seconds=10.0,
        host_seconds=host,
        gpu_seconds=gpu,
        bubble_seconds=0.0,
        communication_seconds=exposed,
        exposed_seconds=exposed,
    )
    assert time.limit == limit
