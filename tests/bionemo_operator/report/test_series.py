"""Metrics become curves: newer values of a step count, and long runs stay readable."""

import math

import pytest

from bionemo_operator.report.series import MOST_POINTS, Point, series_of


def values(*records):
    return [(point.step, point.value) for point in series_of("loss", records)]


def at(step, loss):
    return {"step": step, "loss": loss}


def test_a_curve_has_the_values_of_its_metric():
    assert values(at(1, 3.0), {"step": 1, "other": 9.0}, at(2, 2)) == [(1, 3.0), (2, 2.0)]


def test_the_last_line_of_a_step_counts():
    assert values(at(1, 3.0), at(2, 2.5), at(2, 2.0)) == [(1, 3.0), (2, 2.0)]


def test_what_a_resumed_run_left_behind_is_forgotten():
    assert values(at(10, 3.0), at(20, 2.5), at(30, 2.4), at(15, 2.7)) == [(10, 3.0), (15, 2.7)]


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(at(3, math.nan), id="no number"),
        pytest.param(at(3, math.inf), id="infinite"),
        pytest.param(at(3, "2.0"), id="a text"),
        pytest.param(at(None, 2.0), id="no step"),
        pytest.param({}, id="nothing"),
    ],
)
def test_what_can_not_be_drawn_is_left_out(record):
    assert values(at(1, 3.0), record) == [(1, 3.0)]


def test_points_of_a_long_run_are_put_together():
    series = series_of("loss", [at(step, float(step % 2)) for step in range(1, 10 * MOST_POINTS + 1)])
    assert len(series) == MOST_POINTS
    assert series[0] == Point(step=10, value=0.5, lowest=0.0, highest=1.0)
    assert series[-1].step == 10 * MOST_POINTS


def test_no_log_is_no_curve():
    assert series_of("loss", []) == ()
