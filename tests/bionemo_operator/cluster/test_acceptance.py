"""How long the API server has refused to know who asks."""

import pytest

from bionemo_operator.cluster.acceptance import Acceptance


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def acceptance(now):
    return Acceptance(clock=lambda: now[0])


def test_who_was_never_refused_is_accepted(acceptance):
    acceptance.hear(200)
    assert acceptance.refused_seconds == 0


def test_refusals_in_a_row_are_counted_from_the_first(acceptance, now):
    acceptance.hear(401)
    now[0] = 4.0
    acceptance.hear(401)
    now[0] = 5.0
    assert acceptance.refused_seconds == 5


@pytest.mark.parametrize("status", [200, 403, 409], ids=["success", "not allowed", "a conflict"])
def test_any_other_answer_ends_it(acceptance, now, status):
    acceptance.hear(401)
    now[0] = 5.0
    acceptance.hear(status)
    assert acceptance.refused_seconds == 0


def test_no_answer_says_nothing(acceptance, now):
    acceptance.hear(401)
    now[0] = 5.0
    acceptance.hear(0)
    assert acceptance.refused_seconds == 5
