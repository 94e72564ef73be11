"""A run is read from its folder; what is no run is refused in words."""

from datetime import UTC, datetime

import pytest

from bionemo_operator.report.run_record import read_run
from bionemo_trainer.errors import DataError, MissingInputError
from testkit.runs import STARTED_AT, logged, write_checkpoint, write_lines, write_run


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path / "mine")


def refused(path):
    with pytest.raises(DataError) as caught:
        read_run(path)
    assert caught.value.exit_code == 65
    return str(caught.value)


def test_a_run_is_read(folder):
    write_lines(folder.metrics, logged(10, val_loss=2.0), logged(20, val_loss=1.0))
    run = read_run(folder.path)
    assert (run.step, run.consumed_samples) == (20, 160)
    assert run.last_logged_at == datetime.fromtimestamp(STARTED_AT + 20, UTC)
    assert run.description.started_at == datetime.fromtimestamp(STARTED_AT, UTC)


def test_a_run_that_has_just_begun_is_read(folder):
    run = read_run(folder.path)
    assert (run.step, run.consumed_samples, run.last_logged_at, run.checkpoint, run.attempts) == (
        0,
        0,
        None,
        None,
        None,
    )


def test_the_newest_checkpoint_is_told(folder):
    write_checkpoint(folder, "late", 30)
    write_checkpoint(folder, "early", 20)
    (folder.checkpoints / "last.ckpt").symlink_to("late.ckpt")
    (folder.checkpoints / "torn.ckpt").mkdir()
    (folder.checkpoints / "torn.ckpt" / "manifest.json").write_text("{")
    checkpoint = read_run(folder.path).checkpoint
    assert (checkpoint.name, checkpoint.step) == ("late.ckpt", 30)


@pytest.mark.parametrize(("text", "attempts"), [("3", 3), ("", None)])
def test_attempts_are_told_where_they_are_known(folder, text, attempts):
    folder.checkpoints.mkdir()
    folder.newest_attempt.write_text(text)
    assert read_run(folder.path).attempts == attempts


def test_a_missing_folder_is_told(tmp_path):
    with pytest.raises(MissingInputError) as caught:
        read_run(tmp_path / "none")
    assert caught.value.exit_code == 66
    assert str(caught.value) == (
        f"{tmp_path}/none: does not exist; name the folder of a run, as `bionemo run` prints it."
    )


def test_a_folder_that_is_no_run_is_told(tmp_path):
    assert refused(tmp_path) == (
        f"{tmp_path}: has no records/run.json, so it is not the folder of a run; name the folder that `bionemo run` prints."
    )


def test_a_folder_of_runs_names_them(tmp_path):
    write_run(tmp_path / "b")
    write_run(tmp_path / "a")
    assert refused(tmp_path).endswith("so it is not the folder of a run; name one of the runs in it: a, b.")


def test_a_run_without_its_configuration_is_told(folder):
    folder.config.unlink()
    assert refused(folder.path).startswith(f"{folder.path}: has no records/config.yaml, so it")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("{", "its JSON can't be understood (Invalid JSON: EOF", id="torn"),
        pytest.param(
            '{"recipe": null, "versions": {}}', "layout can't be understood (Field required)", id="incomplete"
        ),
    ],
)
def test_a_description_that_can_not_be_understood_is_told(folder, text, words):
    folder.run.write_text(text)
    message = refused(folder.path)
    assert message.startswith(f"{folder.run}: {words}")
    assert message.endswith("); start the run again to have it anew.")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"trainer: [", "while parsing a flow node", id="no YAML"),
        pytest.param(b"\xff", "'utf-8' codec can't decode byte 0xff", id="no text"),
        pytest.param(b"a text", "'str' object has no attribute", id="no mapping"),
        pytest.param(b"family: esm1nv", "name: nothing ", id="incomplete"),
    ],
)
def test_a_configuration_that_can_not_be_understood_is_told(folder, content, words):
    folder.config.write_bytes(content)
    message = refused(folder.path)
    assert message.startswith(f"{folder.config}: is no configuration of this version (")
    assert words in message
    assert message.endswith("); use the version that trained it.")
