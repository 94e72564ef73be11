"""Residues become bars, the best first, on one axis."""

import pytest

from bionemo_operator.report.residues import LEFT, bar_charts, mean_accuracy, residues_of


def line(residue, correct, total):
    return {"step": 4, "residue": residue, "correct": correct, "total": total}


LINES = (line("A", 1, 4), line("W", 3, 4), line("C", 0, 0), line("G", 2, 4), {"torn": True})


def test_residues_are_ordered_by_accuracy_and_named():
    assert [(residue.letter, residue.name, residue.accuracy) for residue in residues_of(LINES)] == [
        ("W", "Tryptophan", 0.75),
        ("G", "Glycine", 0.5),
        ("A", "Alanine", 0.25),
    ]


def test_the_mean_is_over_all_targets():
    assert mean_accuracy(residues_of([line("A", 1, 10), line("C", 9, 10)])) == 0.5


@pytest.mark.parametrize(
    ("correct", "total", "bounds"),
    [(0, 10, (0.0, 0.2775)), (5, 10, (0.2366, 0.7634)), (10, 10, (0.7225, 1.0)), (5000, 10000, (0.4902, 0.5098))],
)
def test_bounds_are_wilsons(correct, total, bounds):
    (residue,) = residues_of([line("A", correct, total)])
    assert residue.bounds == pytest.approx(bounds, abs=1e-4)


def test_bars_share_one_axis_in_two_charts():
    better, rest = bar_charts(residues_of(LINES))
    assert [bar.residue.letter for bar in (*better.bars, *rest.bars)] == ["W", "G", "A"]
    assert better.ticks == rest.ticks
    assert (better.height, better.mean) == (rest.height, rest.mean)
    assert LEFT < rest.bars[0].low < rest.bars[0].end < rest.bars[0].high
    assert rest.words == "Accuracy by residue: A Alanine: 1 of 4 right, 25.0 %"


def test_one_residue_needs_one_chart_and_none_needs_none():
    assert len(bar_charts(residues_of(LINES[:1]))) == 1
    assert bar_charts(()) == []
