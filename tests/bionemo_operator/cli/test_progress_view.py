"""Progress as it is seen on a terminal, and in a file."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from bionemo_operator.cli.progress_view import BarView, LineView, frame_of, view_of
from bionemo_trainer.contract import Progress, SavedCheckpoint

EARLY = Progress(phase="Starting", attempt=1, step=0, max_steps=300, consumed_samples=0, updated_at=0.0)
FULL = replace(
    EARLY,
    phase="Stepping",
    step=120,
    train_loss=2.3141,
    validation_loss=2.5,
    samples_per_second=512.4,
    tokens_per_second=20114.0,
    eta_seconds=80.4,
    checkpoint=SavedCheckpoint(step=100, path="a.ckpt", size_bytes=1, saved_at=0.0),
)


@pytest.fixture
def out():
    return Console(file=io.StringIO(), width=200)


def test_figures_are_those_that_are_known():
    assert frame_of(EARLY).figures == "step 0/300"
    assert frame_of(FULL).figures == (
        "step 120/300  loss 2.314  val loss 2.500  512 samples/s  20,114 tokens/s  eta 1m20s  checkpoint 100"
    )


def test_a_file_gets_a_line_for_each_change_and_none_for_each_answer(out):
    view = LineView("mine", out)
    for second, progress in enumerate((None, None, EARLY, FULL)):
        view.show(progress, now=second * 5.0)
    view.show(replace(FULL, step=121), now=60.0)
    assert (
        out.file.getvalue()
        == f"  mine  starting\n  mine  starting  step 0/300\n  mine  stepping  {frame_of(FULL).figures}\n"
    )


def test_a_file_gets_no_two_lines_within_five_seconds(out):
    view = LineView("mine", out)
    view.show(None, now=100.0)
    view.show(EARLY, now=104.9)
    assert out.file.getvalue() == "  mine  starting\n"


def test_the_kind_of_view_follows_the_place(out):
    assert isinstance(view_of("mine", out), LineView)
    assert isinstance(view_of("mine", Console(file=io.StringIO(), force_terminal=True)), BarView)


def shown_on_a_terminal(width, *seen):
    out = Console(file=io.StringIO(), force_terminal=True, width=width, color_system=None, soft_wrap=True)
    with view_of("mine", out) as view:
        for progress in seen:
            view.show(progress)
            view.note("a [note]")
    return out.file.getvalue()


def test_a_terminal_shows_that_the_training_starts():
    written = shown_on_a_terminal(200, None)
    assert "  a [note]\n  mine  starting " in written


def test_a_terminal_shows_where_the_training_is():
    written = shown_on_a_terminal(200, None, FULL)
    assert "  mine  stepping " in written
    assert "120/300" in written
    assert frame_of(FULL).figures in written


def test_a_narrow_terminal_shows_all_figures():
    assert "checkpoint" in (written := shown_on_a_terminal(80, FULL))
    assert "100" in written.split("checkpoint")[1]
