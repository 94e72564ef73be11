"""Axes have round ticks and short numbers."""

import pytest

from bionemo_operator.report.scale import scale_for, written


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        pytest.param([1.2, 5.0], (1, 2, 3, 4, 5), id="ones"),
        pytest.param([0.0, 0.9], (0, 0.25, 0.5, 0.75, 1.0), id="quarters"),
        pytest.param([0, 3e-4], (0, 1e-4, 2e-4, 3e-4), id="small"),
        pytest.param([7.0], (2, 4, 6, 8, 10, 12), id="one value"),
        pytest.param([0.0, 0.0], (-0.5, -0.25, 0, 0.25, 0.5), id="only zero"),
        pytest.param([-3.0, 3.0], (-4, -2, 0, 2, 4), id="both signs"),
    ],
)
def test_ticks_are_round_and_hold_all_values(values, ticks):
    assert scale_for(values, 0, 100, 4).ticks == pytest.approx(ticks)


def test_an_exact_axis_ends_with_its_values():
    scale = scale_for([0, 290], 50, 340, 5, exact=True)
    assert (scale.low, scale.high, scale.ticks) == (0, 290, (0, 100, 200))
    assert [scale.place(value) for value in (0, 145, 290)] == [50, 195, 340]


def test_an_axis_may_point_up():
    assert scale_for([0, 4], 200, 0, 4).place(1) == 150


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (2.5, "2.5"), (-0.30000000000000004, "-0.3"), (4500, "4,500"), (12000, "12k"), (12346, "12.35k"),
        (1.2e6, "1.2M"), (3e9, "3G"), (5e-4, "5e-4"), (1.25e-5, "1.25e-5"), (0.001446, "0.001446"),
    ],
)  # fmt: skip
def test_numbers_are_short(value, text):
    assert written(value) == text
