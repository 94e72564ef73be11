"""The cause is told from its consequences, and fits what Kubernetes keeps."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bionemo_trainer.contract import ExitCode, Progress, progress_from_json
from bionemo_trainer.errors import DataError, StoppedError
from bionemo_trainer.launch.reports import (
    Report,
    cause_of,
    leave_progress,
    read_progress,
    read_reports,
    run_and_report,
    termination_message,
)


def report(exit_code, ended_at=0.0, rank=0, message=""):
    return Report(rank=rank, exit_code=exit_code, message=message, ended_at=ended_at)


SEEN = report(137, 9.0, message="seen by the launcher")


@pytest.mark.parametrize(
    ("reports", "expected"),
    [
        pytest.param([report(1, 1.0), report(65, 2.0), report(1, 0.5)], 65, id="a final failure explains all"),
        pytest.param([report(1, 1.0, rank=1), report(74, 2.0)], 1, id="else the first failure"),
        pytest.param([report(75, 1.0), report(0, 2.0)], 75, id="else a stop on request"),
        pytest.param([report(75, 1.0), report(74, 2.0)], 74, id="a failure while stopping is a failure"),
        pytest.param([report(0, 1.0)], 137, id="else what the launcher saw"),
        pytest.param([], 137, id="nobody could report"),
    ],
)
def test_the_cause_is_told_from_its_consequences(reports, expected):
    assert cause_of(sorted(reports, key=lambda one: one.ended_at), SEEN).exit_code == expected


def raises(error):
    raise error


@pytest.mark.parametrize(
    ("main", "exit_code", "message"),
    [
        pytest.param(lambda: ExitCode.STOPPED, 75, "", id="a code of its own"),
        pytest.param(
            lambda: raises(DataError("x000.csv is torn; prepare it again.")),
            65,
            "x000.csv is torn; prepare it again.",
            id="an error of ours",
        ),
        pytest.param(lambda: raises(RuntimeError("boom")), 1, "RuntimeError: boom", id="an error nobody expected"),
    ],
)
def test_a_rank_says_how_it_ended(tmp_path, main, exit_code, message):
    assert run_and_report(main, rank=3, folder=tmp_path) == exit_code
    (left,) = read_reports(tmp_path)
    assert (left.rank, left.exit_code, left.message) == (3, exit_code, message)


def test_a_rank_without_a_launcher_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_and_report(lambda: 0, rank=0, folder=None) == 0
    assert list(tmp_path.iterdir()) == []


def test_reports_are_read_in_the_order_of_time(tmp_path):
    for rank in (2, 0, 1):
        run_and_report(lambda: 0, rank=rank, folder=tmp_path)
    assert [one.rank for one in read_reports(tmp_path)] == [2, 0, 1]


@given(st.text(max_size=6000))
def test_last_words_are_json_that_kubernetes_keeps_whole(message):
    text = termination_message(report(65, message=message))
    assert len(text.encode()) <= 4096
    assert json.loads(text)["exitCode"] == 65


def test_short_words_are_kept_as_they_are():
    words = json.loads(termination_message(report(64, rank=2, message="ändere spec.nodes")))
    assert words == {"exitCode": 64, "rank": 2, "message": "ändere spec.nodes"}


def test_last_words_hold_how_far_rank_zero_was_whatever_else_they_say(tmp_path):
    assert read_progress(tmp_path) is None
    progress = Progress(phase="Finished", attempt=1, step=60, max_steps=60, consumed_samples=1920, updated_at=1.0)
    leave_progress(tmp_path, progress)
    text = termination_message(report(65, message="a" * 6000), read_progress(tmp_path))
    assert len(text.encode()) <= 4096
    assert progress_from_json(json.dumps(json.loads(text)["progress"])) == progress
    assert read_reports(tmp_path) == ()


def test_a_stop_says_which_step_was_saved(tmp_path):
    def stop():
        raise StoppedError("stopped on request after step 12", step=12)

    assert run_and_report(stop, rank=0, folder=tmp_path) == 75
    (stopped,) = read_reports(tmp_path)
    assert json.loads(termination_message(stopped))["step"] == 12
