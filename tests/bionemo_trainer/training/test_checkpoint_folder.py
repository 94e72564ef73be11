"""A checkpoint is whole or not there, only the newest attempt may commit, and the best and the newest stay."""

import json
import math
import os
from pathlib import Path

import pytest

from bionemo_trainer.errors import DataError, StorageError
from bionemo_trainer.training.checkpoint_folder import (
    commit,
    committed,
    name_of,
    prune,
    raise_fence,
    read_manifest,
    unfinished,
    worth_keeping,
)
from testkit.checkpoints import manifest, save, write


def steps_in(folder):
    return [checkpoint.manifest.step for checkpoint in committed(folder)]


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_checkpoint_is_read_as_it_was_committed(tmp_path):
    said = manifest(metrics={"val_loss": 1.5}, loss_scale=(1024.0, 3.0, 1.0))
    assert save(tmp_path, said).manifest == said
    assert read_manifest(tmp_path / "step=4.ckpt") == said
    assert [checkpoint.manifest for checkpoint in committed(tmp_path)] == [said]


def test_its_size_is_that_of_all_its_files(tmp_path):
    saved = save(tmp_path, manifest())
    assert saved.size_bytes == len("weights of step 4") + (saved.path / "manifest.json").stat().st_size


def test_checkpoints_are_found_in_the_order_of_their_steps(tmp_path):
    for step in (12, 4, 8):
        save(tmp_path, manifest(step=step))
    assert steps_in(tmp_path) == [4, 8, 12]


def test_no_folder_has_no_checkpoints(tmp_path):
    assert committed(tmp_path / "nowhere") == []


def test_what_was_not_committed_is_no_checkpoint(tmp_path):
    write(tmp_path, "step=4", manifest())
    (tmp_path / "step=8.ckpt").mkdir()
    assert committed(tmp_path) == []


def test_the_last_one_has_a_name_of_its_own(tmp_path):
    save(tmp_path, manifest(step=4))
    save(tmp_path, manifest(step=8))
    assert (tmp_path / "last.ckpt").readlink() == Path("step=8.ckpt")
    assert steps_in(tmp_path) == [4, 8]


def test_a_volume_without_links_has_checkpoints_all_the_same(tmp_path, monkeypatch):
    def refused(*_arguments, **_options):
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "symlink", refused)
    save(tmp_path, manifest())
    assert names_in(tmp_path) == ["step=4.ckpt"]


def test_the_same_step_again_replaces_the_checkpoint(tmp_path):
    save(tmp_path, manifest(metrics={"val_loss": 2.0}))
    save(tmp_path, manifest(metrics={"val_loss": 1.0}))
    assert [checkpoint.manifest.metrics for checkpoint in committed(tmp_path)] == [{"val_loss": 1.0}]


def test_the_fence_is_raised_by_the_first_and_by_every_later_attempt(tmp_path):
    folder = tmp_path / "checkpoints"
    raise_fence(folder, 1)
    raise_fence(folder, 1)
    raise_fence(folder, 3)
    assert names_in(folder) == ["attempt"]


def test_an_earlier_attempt_may_not_begin(tmp_path):
    raise_fence(tmp_path, 3)
    with pytest.raises(StorageError) as refused:
        raise_fence(tmp_path, 2)
    assert str(refused.value) == (
        f"{tmp_path}: attempt 3 has taken over, so attempt 2 must not save any more; nothing was changed."
    )


def test_an_earlier_attempt_may_not_commit(tmp_path):
    raise_fence(tmp_path, 1)
    written = write(tmp_path, "step=4", manifest())
    (tmp_path / "attempt").write_text("2")
    with pytest.raises(StorageError) as refused:
        commit(tmp_path, written, "step=4", manifest())
    assert str(refused.value) == (
        f"{tmp_path}: attempt 2 has taken over, so attempt 1 must not save any more; nothing was changed."
    )
    assert committed(tmp_path) == []


def test_a_fence_that_says_nothing_holds_nobody_back(tmp_path):
    (tmp_path / "attempt").write_text("")
    raise_fence(tmp_path, 1)
    assert (tmp_path / "attempt").read_text() == "1"


def test_what_earlier_attempts_left_is_removed(tmp_path):
    save(tmp_path, manifest())
    write(tmp_path, "step=8", manifest(step=8))
    (tmp_path / "step=2.ckpt.removed.unfinished").mkdir()
    raise_fence(tmp_path, 2)
    assert names_in(tmp_path) == ["attempt", "last.ckpt", "step=4.ckpt"]


def test_each_attempt_writes_in_a_place_of_its_own():
    assert unfinished(Path("a"), "step=4", 2) == Path("a/step=4.ckpt.attempt-2.unfinished")


def test_a_folder_without_manifest_is_no_checkpoint(tmp_path):
    with pytest.raises(DataError) as refused:
        read_manifest(tmp_path)
    assert str(refused.value) == (
        f"{tmp_path}: has no manifest.json, so it is no checkpoint or was interrupted while it was saved; name another."
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)", id="torn"),
        pytest.param(b"{}", "'loss_scale'", id="empty"),
        pytest.param(b"[]", "'list' object is not a mapping", id="list"),
        pytest.param(
            b'{"loss_scale": [1], "stepp": 3}',
            "CheckpointManifest.__init__() got an unexpected keyword argument 'stepp'",
            id="of another version",
        ),
        pytest.param(
            b'"\xff"',
            "'utf-8' codec can't decode byte 0xff in position 1: invalid start byte",
            id="no text",
        ),
    ],
)
def test_a_manifest_that_is_none_is_named(tmp_path, content, reason):
    folder = tmp_path / "step=4.ckpt"
    folder.mkdir()
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(DataError) as refused:
        committed(tmp_path)
    assert str(refused.value) == f"{folder}/manifest.json: can't be understood ({reason}); name another checkpoint."


def test_pruning_keeps_what_it_is_told_to(tmp_path):
    saved = [save(tmp_path, manifest(step=step)) for step in (4, 8, 12)]
    prune(tmp_path, saved[1:])
    assert names_in(tmp_path) == ["last.ckpt", "step=12.ckpt", "step=8.ckpt"]


def test_pruning_clears_what_an_interrupted_one_left(tmp_path):
    save(tmp_path, manifest())
    (tmp_path / "step=2.ckpt.removed.unfinished").mkdir()
    (tmp_path / "step=4.ckpt.replaced.unfinished").mkdir()
    prune(tmp_path, committed(tmp_path))
    assert names_in(tmp_path) == ["last.ckpt", "step=4.ckpt"]


def test_pruning_leaves_what_is_being_written(tmp_path):
    written = write(tmp_path, "step=8", manifest(step=8))
    prune(tmp_path, [])
    assert names_in(tmp_path) == [written.name]


LOSSES = {4: 2.0, 8: 1.0, 12: 1.5, 16: math.nan, 20: 3.0}


@pytest.fixture
def checkpoints(tmp_path):
    for step, loss in LOSSES.items():
        save(tmp_path, manifest(step=step, metrics={"val_loss": loss}))
    save(tmp_path, manifest(step=24))
    return committed(tmp_path)


@pytest.mark.parametrize(
    ("mode", "best", "newest", "steps"),
    [
        pytest.param("min", 2, 1, [8, 12, 24], id="least"),
        pytest.param("max", 2, 1, [4, 20, 24], id="most"),
        pytest.param("min", 1, 3, [8, 16, 20, 24], id="several newest"),
        pytest.param("min", 0, 1, [24], id="newest alone"),
        pytest.param("min", 1, 0, [8], id="best alone"),
        pytest.param("min", 0, 0, [], id="none"),
        pytest.param("min", 9, 9, [4, 8, 12, 16, 20, 24], id="more than there are"),
        pytest.param("min", -1, 1, [4, 8, 12, 16, 20, 24], id="all"),
    ],
)
def test_the_best_and_the_newest_are_worth_keeping(checkpoints, mode, best, newest, steps):
    kept = worth_keeping(checkpoints, monitor="val_loss", mode=mode, best=best, newest=newest)
    assert [checkpoint.manifest.step for checkpoint in kept] == steps


def test_of_equals_the_later_one_is_better(tmp_path):
    for step in (4, 8):
        save(tmp_path, manifest(step=step, metrics={"val_loss": 1.0}))
    (kept,) = worth_keeping(committed(tmp_path), monitor="val_loss", mode="min", best=1, newest=0)
    assert kept.manifest.step == 8


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("{val_loss:.2f}-{step}", "val_loss=2.31-step=500"),
        ("esm1nv--{step:06d}", "esm1nv--step=000500"),
        ("{val_accuracy:.2f}", "val_accuracy=nan"),
        ("plain", "plain"),
        ("a/b-{step}", "a_b-step=500"),
    ],
)
def test_names_are_written_as_lightning_writes_them(pattern, name):
    assert name_of(pattern, {"val_loss": 2.3149, "step": 500}) == name


def test_a_manifest_is_json_for_everyone(tmp_path):
    save(tmp_path, manifest())
    fields = json.loads((tmp_path / "step=4.ckpt" / "manifest.json").read_text())
    assert (fields["step"], fields["consumed_samples"], fields["loss_scale"]) == (4, 12, [1.0, 0.0, 0.0])
