"""A run's files have their places, and half-written lines never hide the whole ones."""

from pathlib import Path

import pytest

from bionemo_trainer.run_folder import RunFolder, read_records
from bionemo_trainer.training.checkpoint_folder import raise_fence

FOLDER = RunFolder(path=Path("/results/a"))


@pytest.mark.parametrize(
    ("file", "place"),
    [
        (FOLDER.checkpoints, "/results/a/checkpoints"),
        (FOLDER.newest_attempt, "/results/a/checkpoints/attempt"),
        (FOLDER.records, "/results/a/records"),
        (FOLDER.config, "/results/a/records/config.yaml"),
        (FOLDER.run, "/results/a/records/run.json"),
        (FOLDER.metrics, "/results/a/records/metrics.jsonl"),
        (FOLDER.reconstructions, "/results/a/records/reconstructions.jsonl"),
        (FOLDER.residues, "/results/a/records/residues.jsonl"),
        (FOLDER.report, "/results/a/records/report.html"),
    ],
    ids=str,
)
def test_each_file_has_its_place(file, place):
    assert file == Path(place)


def test_the_newest_attempt_is_the_one_that_may_save(tmp_path):
    folder = RunFolder(path=tmp_path)
    raise_fence(folder.checkpoints, 3)
    assert folder.newest_attempt.read_text() == "3"


def test_no_file_has_no_records(tmp_path):
    assert list(read_records(tmp_path / "metrics.jsonl")) == []


@pytest.mark.parametrize(
    "torn",
    [
        pytest.param('{"step": 3, "lo', id="a line that is being written"),
        pytest.param("3", id="a line cut to a number"),
        pytest.param("", id="an empty line"),
    ],
)
def test_only_whole_lines_are_read(tmp_path, torn):
    path = tmp_path / "metrics.jsonl"
    path.write_text(f'{{"step": 1}}\n{torn}\n{{"step": 2, "loss": 1.5}}\n{torn}')
    assert list(read_records(path)) == [{"step": 1}, {"step": 2, "loss": 1.5}]
