"""SIGTERM and the end of the allowed time are wishes to stop, not interruptions."""

import os
import signal

import pytest

from bionemo_trainer.training.stopping import StopWish, seconds_of


@pytest.fixture
def _handler_kept():
    kept = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, kept)


def test_nobody_wishes_to_stop_at_first():
    assert not StopWish().is_made()


@pytest.mark.usefixtures("_handler_kept")
def test_sigterm_is_a_wish_to_stop():
    wish = StopWish()
    wish.listen()
    assert not wish.is_made()
    os.kill(os.getpid(), signal.SIGTERM)
    assert wish.is_made()
    assert wish.is_made()


@pytest.mark.parametrize(("max_time", "is_over"), [("00:00:00:00", True), ("01:00:00:00", False)])
def test_the_end_of_the_allowed_time_is_a_wish_to_stop(max_time, is_over):
    wish = StopWish()
    wish.limit(max_time)
    assert wish.is_made() == is_over


def test_without_a_limit_time_is_no_reason_to_stop():
    wish = StopWish()
    wish.limit(None)
    assert not wish.is_made()


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("00:00:00:09", 9), ("00:00:02:00", 120), ("00:03:00:00", 10_800), ("100:00:00:00", 8_640_000), ("01:02:03:04", 93_784)],
)  # fmt: skip
def test_durations_are_days_hours_minutes_and_seconds(duration, seconds):
    assert seconds_of(duration) == seconds
