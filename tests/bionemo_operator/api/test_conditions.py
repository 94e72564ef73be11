from datetime import UTC, datetime, timedelta

import pytest

from bionemo_operator.api.conditions import MESSAGE_LIMIT, condition_of, phase_of, with_condition
from bionemo_operator.api.reasons import (
    ALL_NODES_RUNNING,
    COMPLETED,
    FINAL_FAILURE,
    IN_PROGRESS,
    INVALID,
    NOT_SUSPENDED,
    STARTING,
    SUSPENDED,
    VALID,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
RUNNING = with_condition((), ALL_NODES_RUNNING, observed_generation=2, now=NOON, nodes="4 nodes", attempt=3, note="")
ANYTHING = dict.fromkeys(
    (
        "arithmetic",
        "problems",
        "nodes",
        "attempt",
        "running",
        "position",
        "outcome",
        "cause",
        "message",
        "note",
        "obstacle",
    ),
    "x",
)


def test_a_new_condition_says_everything():
    (condition,) = RUNNING

    assert condition.model_dump(mode="json", by_alias=True) == {
        "type": "Running",
        "status": "True",
        "observedGeneration": 2,
        "lastTransitionTime": "2026-11-24T12:00:00Z",
        "reason": "AllNodesRunning",
        "message": "Attempt 3 runs on 4 nodes.",
    }


def test_the_transition_time_stays_while_the_status_stays():
    (condition,) = with_condition(
        RUNNING, ALL_NODES_RUNNING, observed_generation=3, now=LATER, nodes="2 nodes", attempt=4, note=""
    )

    assert (condition.last_transition_time, condition.observed_generation) == (NOON, 3)
    assert condition.message == "Attempt 4 runs on 2 nodes."


def test_the_transition_time_moves_with_the_status():
    (condition,) = with_condition(
        RUNNING, STARTING, observed_generation=2, now=LATER, nodes=4, attempt=4, running=1, obstacle=""
    )

    assert (condition.status, condition.last_transition_time) == ("False", LATER)


def test_setting_the_same_again_changes_nothing():
    assert (
        with_condition(
            RUNNING, ALL_NODES_RUNNING, observed_generation=2, now=LATER, nodes="4 nodes", attempt=3, note=""
        )
        == RUNNING
    )


def test_a_pass_that_saw_an_older_spec_changes_nothing():
    assert (
        with_condition(RUNNING, STARTING, observed_generation=1, now=LATER, nodes=4, attempt=4, running=1, obstacle="")
        == RUNNING
    )


def test_other_conditions_and_their_order_stay():
    both = with_condition(RUNNING, IN_PROGRESS, observed_generation=2, now=NOON)

    after = with_condition(both, STARTING, observed_generation=2, now=LATER, nodes=4, attempt=4, running=1, obstacle="")

    assert [condition.type for condition in after] == ["Running", "Succeeded"]
    assert after[1] == both[1]


def test_a_message_beyond_the_limit_is_cut():
    (condition,) = with_condition((), INVALID, observed_generation=1, now=NOON, problems="p" * (MESSAGE_LIMIT + 1))

    assert len(condition.message) == MESSAGE_LIMIT
    assert condition.message.endswith("p...")


def test_a_condition_is_found_by_its_type():
    assert condition_of(RUNNING, "Running") == RUNNING[0]
    assert condition_of(RUNNING, "Accepted") is None


@pytest.mark.parametrize(
    ("reasons", "phase"),
    [
        pytest.param((), "Pending", id="nothing known"),
        pytest.param((VALID,), "Pending", id="accepted only"),
        pytest.param((INVALID,), "Invalid", id="not accepted"),
        pytest.param((VALID, ALL_NODES_RUNNING, IN_PROGRESS, NOT_SUSPENDED), "Running", id="running"),
        pytest.param((ALL_NODES_RUNNING, SUSPENDED), "Suspended", id="a pause outweighs running"),
        pytest.param((SUSPENDED, COMPLETED), "Succeeded", id="an end outweighs a pause"),
        pytest.param((INVALID, FINAL_FAILURE), "Failed", id="a failed end"),
    ],
)
def test_the_phase_follows_from_the_conditions(reasons, phase):
    conditions = ()
    for reason in reasons:
        conditions = with_condition(conditions, reason, observed_generation=1, now=NOON, **ANYTHING)

    assert phase_of(conditions) == phase
