"""Curves over the steps of a run: what to draw and where. Pure; the template turns it into SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from bionemo_operator.report.scale import Scale, scale_for, written
from bionemo_operator.report.series import Point, Series, series_of
from bionemo_trainer.run_folder import Record

WIDTH, HEIGHT = 440, 260
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 26, 40
"""Margins for the numbers and names of the axes."""
NUM_TICKS_X, NUM_TICKS_Y = 5, 4
MOST_MARKS = 25
"""Points of a curve that are marked one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One metric in a chart."""

    metric: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One plot: its words and its curves."""

    title: str
    unit: str
    """Of the upright axis."""
    curves: tuple[Curve, ...]
    starts_at_zero: bool = False
    is_share: bool = False
    """Values from 0 to 1 are shown in per cent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A value, with the words that appear when it is pointed at."""

    x: float
    y: float
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnCurve:
    """A curve in pixels."""

    label: str
    last: str
    """Its newest value."""
    path: str
    band: str
    """Around the lowest and highest values where points were put together; empty otherwise."""
    marks: tuple[Mark, ...]
    are_marks_shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A place of an axis with its number."""

    place: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnChart:
    """A chart in pixels of WIDTH x HEIGHT."""

    title: str
    unit: str
    curves: tuple[DrawnCurve, ...]
    ticks_x: tuple[Tick, ...]
    ticks_y: tuple[Tick, ...]

    @property
    def words(self) -> str:
        """What the picture shows, for those who don't see it."""
        return f"{self.title}: " + "; ".join(f"{curve.label}, newest {curve.last}" for curve in self.curves)


def drawn_charts(charts: Sequence[Chart], records: Sequence[Record]) -> list[DrawnChart]:
    """All charts for which there is something to show."""
    found = []
    for chart in charts:
        series = {curve.label: series_of(curve.metric, records) for curve in chart.curves}
        present = {label: points for label, points in series.items() if points}
        if present:
            found.append(_drawn(chart, present))
    return found


def _drawn(chart: Chart, series: dict[str, Series]) -> DrawnChart:
    factor = 100.0 if chart.is_share else 1.0
    points = [point for each in series.values() for point in each]
    heights = [factor * value for point in points for value in (point.lowest, point.highest)]
    if chart.starts_at_zero:
        heights.append(0.0)
    x = scale_for([0, *(point.step for point in points)], LEFT, WIDTH - RIGHT, NUM_TICKS_X, exact=True)
    y = scale_for(heights, HEIGHT - BOTTOM, TOP, NUM_TICKS_Y)
    sign = " %" if chart.is_share else ""
    return DrawnChart(
        title=chart.title,
        unit=chart.unit,
        curves=tuple(_curve(label, each, x, y, is_share=chart.is_share) for label, each in series.items()),
        ticks_x=tuple(Tick(place=x.place(tick), text=written(tick)) for tick in x.ticks),
        ticks_y=tuple(Tick(place=y.place(tick), text=f"{written(tick)}{sign}") for tick in y.ticks),
    )


def _curve(label: str, series: Series, x: Scale, y: Scale, *, is_share: bool) -> DrawnCurve:
    factor = 100.0 if is_share else 1.0
    places = [(x.place(point.step), y.place(factor * point.value)) for point in series]
    texts = [f"{100 * point.value:.1f} %" if is_share else written(point.value) for point in series]
    return DrawnCurve(
        label=label,
        last=texts[-1],
        path="M" + " L".join(f"{left:g},{top:g}" for left, top in places),
        band=_band(series, x, y, factor),
        marks=tuple(
            Mark(x=left, y=top, words=f"{label}, step {point.step:,}: {text}")
            for point, (left, top), text in zip(series, places, texts, strict=True)
        ),
        are_marks_shown=len(series) <= MOST_MARKS,
    )


def _band(series: Sequence[Point], x: Scale, y: Scale, factor: float) -> str:
    if all(point.lowest == point.highest for point in series):
        return ""
    upper = [(x.place(point.step), y.place(factor * point.highest)) for point in series]
    lower = [(x.place(point.step), y.place(factor * point.lowest)) for point in reversed(series)]
    return "M" + " L".join(f"{left:g},{top:g}" for left, top in (*upper, *lower)) + " Z"
