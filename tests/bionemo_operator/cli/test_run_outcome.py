"""What a user reads at the end of a training."""

import io
import json

import pytest
from rich.console import Console

from bionemo_operator.cli.follow import Ended
from bionemo_operator.cli.run_outcome import print_failure, print_stopped, print_success
from bionemo_trainer.contract import Progress, SavedCheckpoint
from bionemo_trainer.run_folder import RunFolder

SAVED = SavedCheckpoint(step=20, path="a.ckpt", size_bytes=1, saved_at=0.0)
PROGRESS = Progress(
    phase="Saving", attempt=1, step=23, max_steps=40, consumed_samples=1, updated_at=0.0, checkpoint=SAVED
)


@pytest.fixture
def out():
    return Console(file=io.StringIO(), width=300)


@pytest.fixture
def folder(tmp_path):
    made = RunFolder(path=tmp_path / "run")
    made.records.mkdir(parents=True)
    return made


def write(path, *records):
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))


def lines(out):
    return out.file.getvalue().splitlines()


def ended(exit_code, progress=None, *, was_asked=True):
    return Ended(exit_code=exit_code, rank=0, progress=progress, was_asked=was_asked)


def test_a_success_tells_the_first_and_the_last_losses(out, folder):
    write(
        folder.metrics,
        {"step": 10, "reduced_train_loss": 3.5},
        {"step": 20, "reduced_train_loss": 1.25},
        {"step": 20, "val_loss": 1.5, "note": "no number"},
    )
    print_success(out, "mine", folder, was_complete=False)
    assert lines(out) == [
        "mine: finished at step 20: training loss 3.500 -> 1.250, validation loss 1.500",
        f"  results    {folder.path}",
        f"  more       bionemo report {folder.path}",
    ]


def test_a_run_without_records_is_told_without_losses(out, folder):
    print_success(out, "mine", folder, was_complete=True)
    assert lines(out)[0] == "mine: had already finished at step 0"


def test_molecules_are_shown_beside_what_became_of_them(out, folder):
    same = {"input": "C[C@@H]<MASK>", "target": "C[C@@H](N)C", "output": "C[C@@H](N)C"}
    other = {"input": "OC<MASK>", "target": "CCO", "output": "CCN"}
    write(folder.reconstructions, same, *[other] * 9)
    print_success(out, "mine", folder, was_complete=False)
    assert lines(out)[1:3] == ["  ✓ C[C@@H]<MASK>  ->  C[C@@H](N)C", "  ✗ OC<MASK>  ->  CCN   (wanted CCO)"]
    assert len(lines(out)) == 1 + 8 + 2


def test_a_molecule_that_is_written_otherwise_is_right(out, folder):
    write(folder.reconstructions, {"input": "OC<MASK>", "target": "CCO", "output": "OCC"})
    print_success(out, "mine", folder, was_complete=False)
    assert lines(out)[1] == "  ✓ OC<MASK>  ->  OCC"


def test_a_stopped_run_tells_the_step_that_it_goes_on_from(out, folder):
    print_stopped(out, "mine", folder, ended(75, PROGRESS), "bionemo run -f a.yaml")
    assert lines(out) == ["mine: saved and stopped; the same command goes on from step 20:", "  bionemo run -f a.yaml"]


def test_a_checkpoint_that_came_after_the_last_answer_counts(out, folder):
    (folder.checkpoints / "b.ckpt").mkdir(parents=True)
    (folder.checkpoints / "b.ckpt" / "manifest.json").write_text('{"step": 24}')
    print_stopped(out, "mine", folder, ended(75, PROGRESS), "x")
    assert lines(out)[0] == "mine: saved and stopped; the same command goes on from step 24:"


def test_a_run_that_could_not_save_says_so(out, folder):
    print_stopped(out, "mine", folder, ended(137), "x")
    assert lines(out)[0] == "mine: stopped before it could save; the same command begins anew:"


def test_a_failure_shows_the_end_of_the_log_and_the_last_words(out, tmp_path):
    log, words = tmp_path / "log", tmp_path / "words"
    log.write_text("".join(f"line {number}\n" for number in range(29)) + "x" * 200 + "\n")
    words.write_text(json.dumps({"exitCode": 70, "rank": 0, "message": "not finite.\nLook at it."}))
    print_failure(out, "mine", ended(70, was_asked=False), log, words)
    shown = lines(out)
    assert shown[0] == "mine: failed with exit code 70 (non finite)"
    assert (shown[1], shown[20]) == ("  │ line 10", f"  │ {'x' * 160} …")
    assert shown[21:] == [f"  log        {log}", "  error      not finite.", "  error      Look at it."]


@pytest.mark.parametrize("content", [None, "", "[]", "{}"], ids=["no file", "empty", "a list", "no message"])
def test_a_failure_without_last_words_is_told_by_its_code(out, tmp_path, content):
    words = tmp_path / "words"
    if content is not None:
        words.write_text(content)
    print_failure(out, "mine", ended(1, was_asked=False), tmp_path / "log", words)
    assert lines(out) == ["mine: failed with exit code 1", f"  log        {tmp_path / 'log'}"]
