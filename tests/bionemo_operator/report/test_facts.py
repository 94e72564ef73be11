"""The first lines of a report answer what everybody asks first."""

from datetime import timedelta

import pytest

from bionemo_operator.report.facts import duration, facts, headlines, is_finished
from bionemo_operator.report.run_record import read_run
from testkit.runs import logged, write_checkpoint, write_run


def told(run):
    return [(headline.label, headline.value, headline.more) for headline in headlines(run)]


def test_losses_are_told_with_their_course(read):
    run = read(
        logged(10, reduced_train_loss=3.5),
        logged(20, reduced_train_loss=1.25),
        logged(20, val_loss=1.5),
        logged(20, test_loss=1.75),
    )
    assert told(run) == [
        ("Step", "20", "of 40"),
        ("Training loss", "1.250", "from 3.500 at step 10"),
        ("Validation loss", "1.500", "at step 20"),
        ("Test loss", "1.750", "at step 20"),
    ]


@pytest.mark.parametrize(
    ("metrics", "headline"),
    [
        pytest.param(
            {"val_molecular_accuracy": 0.125, "val_percent_invalid": 0.5},
            ("Exact molecules", "12.5 %", "50.0 % are not molecules"),
            id="molecules",
        ),
        pytest.param({"val_residue_accuracy": 0.25}, ("Right residues", "25.0 %", ""), id="proteins"),
    ],
)
def test_shares_are_told(read, metrics, headline):
    assert told(read(logged(20, **metrics)))[1] == headline


def test_a_run_that_has_just_begun_has_a_step(read):
    assert told(read()) == [("Step", "0", "of 40")]


def test_facts_say_what_the_run_is(read):
    found = dict(facts(read(logged(20))))
    assert found["Recipe"] == "molecule/megamolbart/pretrain_xsmall_span_aug"
    assert found["Model"].startswith("MegaMolBART, ")
    assert found["Layout"] == "1 node x 1 process = 1 = data 1 x tensor 1 x pipeline 1, precision 32"
    assert found["Trained on"] == "160 samples"
    assert found["State"] == "at step 20 of 40"
    assert found["Started"] == "2023-11-14 22:13:20 UTC"
    assert found["Last log"] == "2023-11-14 22:13:40 UTC"
    assert found["Between them"] == "20 s"
    assert found["Last checkpoint"] == "none"
    assert found["Versions"] == "torch 2.15.0, rdkit 2026.9.1"


def test_what_is_not_known_is_said_so(read):
    found = dict(facts(read(recipe=None, started_at=None)))
    assert (found["Started"], found["Last log"], found["Attempts"]) == ("not recorded",) * 3
    assert found["Recipe"] == "none: a configuration of its own"
    assert "Between them" not in found


def test_the_last_checkpoint_is_told(tmp_path):
    folder = write_run(tmp_path / "mine")
    write_checkpoint(folder, "a", 20)
    folder.newest_attempt.write_text("2")
    found = dict(facts(read_run(folder.path)))
    assert found["Last checkpoint"] == "step 20, a.ckpt, saved 2023-11-14 22:13:40 UTC"
    assert found["Attempts"] == "2"


@pytest.mark.parametrize(("step", "answer"), [(39, False), (40, True)])
def test_a_run_is_finished_with_its_last_step(read, step, answer):
    run = read(logged(step))
    assert is_finished(run) == answer
    assert (dict(facts(run))["State"] == "finished") == answer


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.6, "1 min 0 s"), (367, "6 min 7 s"), (14_700, "4 h 5 min"), (183_600, "2 d 3 h"), (-1, "0 s")],
)
def test_durations_have_two_units(seconds, text):
    assert duration(timedelta(seconds=seconds)) == text
