"""The seconds between a launch and the first step."""

import time

import pytest

from bionemo_trainer.training.startup import STARTUP_PHASES, Startup, process_began_at


def test_this_process_began_before_now():
    assert 0 < time.time() - process_began_at() < 24 * 3600


def test_the_launchers_time_ends_where_the_process_begins():
    startup = Startup(process_began_at() - 7)
    assert startup.seconds == {"launcher": pytest.approx(7)}


def test_without_a_launcher_the_imports_begin_with_the_process():
    startup = Startup(None)
    startup.ended("imports")
    assert list(startup.seconds) == ["imports"]
    assert startup.seconds["imports"] == pytest.approx(time.time() - process_began_at(), abs=1)


def test_a_launcher_of_the_future_costs_nothing():
    assert Startup(process_began_at() + 60).seconds == {"launcher": 0}


def test_all_phases_add_up_to_the_whole():
    startup = Startup(process_began_at() - 2)
    for phase in STARTUP_PHASES[1:]:
        assert not startup.is_over
        startup.ended(phase)
    assert startup.is_over
    assert tuple(startup.seconds) == STARTUP_PHASES
    assert sum(startup.seconds.values()) == pytest.approx(time.time() - process_began_at() + 2, abs=1)


def test_a_phase_that_ends_again_stays_as_it_was():
    startup = Startup(None)
    startup.ended("imports")
    before = dict(startup.seconds)
    startup.ended("imports")
    assert startup.seconds == before


def test_it_reads_as_one_line():
    startup = Startup(None)
    startup.seconds.update({"launcher": 2.04, "imports": 10.5})
    assert str(startup) == "12.5 s (launcher 2.0, imports 10.5)"
