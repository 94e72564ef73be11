"""Charts place their curves on axes with units, and say in words what they show."""

from bionemo_operator.report.line_chart import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Chart, Curve, drawn_charts
from bionemo_operator.report.series import MOST_POINTS

LOSS = Chart(
    title="Loss",
    unit="nats",
    curves=(Curve(metric="train", label="training"), Curve(metric="val", label="validation")),
)
SHARE = Chart(
    title="Right", unit="share", curves=(Curve(metric="right", label="right"),), starts_at_zero=True, is_share=True
)
RECORDS = ({"step": 10, "train": 5.0}, {"step": 20, "train": 1.0, "val": 3.0, "right": 0.25})


def test_curves_go_from_corner_to_corner():
    (chart,) = drawn_charts([LOSS], RECORDS)
    middle = (LEFT + WIDTH - RIGHT) / 2
    assert chart.curves[0].path == f"M{middle:g},{TOP} L{WIDTH - RIGHT},{HEIGHT - BOTTOM}"
    assert [tick.text for tick in chart.ticks_y] == ["1", "2", "3", "4", "5"]
    assert [tick.text for tick in chart.ticks_x] == ["0", "5", "10", "15", "20"]


def test_points_tell_their_step_and_value():
    (chart,) = drawn_charts([LOSS], RECORDS)
    assert [mark.words for curve in chart.curves for mark in curve.marks] == [
        "training, step 10: 5",
        "training, step 20: 1",
        "validation, step 20: 3",
    ]


def test_a_chart_is_told_in_words():
    (chart,) = drawn_charts([LOSS], RECORDS)
    assert chart.words == "Loss: training, newest 1; validation, newest 3"


def test_shares_are_shown_in_per_cent_from_zero():
    (chart,) = drawn_charts([SHARE], RECORDS)
    assert [tick.text for tick in chart.ticks_y] == ["0 %", "10 %", "20 %", "30 %"]
    assert chart.curves[0].last == "25.0 %"


def test_a_chart_without_values_is_left_out():
    assert drawn_charts([LOSS, SHARE], [{"step": 1, "other": 2.0}]) == []


def test_a_curve_without_values_is_left_out():
    (chart,) = drawn_charts([LOSS], RECORDS[:1])
    assert [curve.label for curve in chart.curves] == ["training"]


def test_a_long_curve_has_a_band_and_no_marks():
    records = [{"step": step, "train": float(step % 3)} for step in range(1, 5 * MOST_POINTS)]
    (curve,) = drawn_charts([LOSS], records)[0].curves
    assert curve.band.startswith("M")
    assert curve.band.endswith(" Z")
    assert not curve.are_marks_shown
    short = drawn_charts([LOSS], RECORDS)[0].curves[0]
    assert (short.band, short.are_marks_shown) == ("", True)
