"""A checkpoint that can't be written or read is an error of ours, by which the launcher tells storage from a crash."""

import errno
import shutil

import pytest
import torch
from torch.distributed.checkpoint.api import CheckpointException

from bionemo_trainer.engine import sharded_state
from bionemo_trainer.errors import DataError, StorageError
from testkit.networks import MEGAMOLBART, NO_DROPOUT
from testkit.step_cases import config_for, losses_of, trainee_for, weights_of, write_datasets
from testkit.volumes import files_of_at_most

pytestmark = pytest.mark.filterwarnings(  # of torch, which megatron-core calls in an older way
    "ignore:torch.distributed is disabled", "ignore:The argument order of load", "ignore:Please use DTensor instead"
)


@pytest.fixture(scope="module")
def trainee(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sharded")
    write_datasets(folder)
    trainee = trainee_for(config_for(MEGAMOLBART, folder, *NO_DROPOUT))
    losses_of(trainee, range(1))  # the optimizer has moments from here on
    return trainee


@pytest.fixture(scope="module")
def saved(trainee, tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    sharded_state.save(trainee, folder)
    return folder


@pytest.fixture
def copy(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy.ckpt")


def test_what_was_written_is_read(trainee, saved):
    before = weights_of(trainee)
    for buffer in trainee.flat.buffers:
        for kept in (buffer.weights_N, buffer.master_n.data):
            kept.zero_()
    sharded_state.restore(trainee, saved, optimizer_step=7.0)
    torch.testing.assert_close(weights_of(trainee), before, rtol=0.0, atol=0.0)
    assert sharded_state.optimizer_step(trainee) == 7.0


def test_a_full_volume_is_an_error_of_storage(trainee, tmp_path):
    with files_of_at_most(20_000), pytest.raises(StorageError) as refused:
        sharded_state.save(trainee, tmp_path)
    assert str(refused.value).startswith(f"{tmp_path}: can't be written (rank 0, RuntimeError: Worker failure: ")
    assert str(refused.value).endswith("); make room or mend the volume.")


def test_a_folder_that_is_gone_is_an_error_of_storage(trainee, tmp_path):
    with pytest.raises(StorageError) as refused:
        sharded_state.save(trainee, tmp_path / "gone")
    assert str(refused.value) == (
        f"{tmp_path}/gone: can't be written (FileNotFoundError: [Errno 2] No such file or directory: '{tmp_path}/gone'); "
        "make room or mend the volume."
    )


def test_an_export_to_a_full_volume_is_an_error_of_storage_and_leaves_nothing(saved, tmp_path):
    with files_of_at_most(20_000), pytest.raises(StorageError) as refused:
        sharded_state.export(saved, tmp_path / "config.yaml", tmp_path / "exported.nemo")
    assert str(refused.value).startswith(f"{tmp_path}/exported.nemo: can't be written (")
    assert str(refused.value).endswith("); make room or mend the volume.")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param("__0_0.distcp", None, "rank 0, FileNotFoundError: [Errno 2] No such file", id="lost"),
        pytest.param("__0_0.distcp", b"x" * 1_500_000, "rank 0, UnpicklingError: invalid load key", id="overwritten"),
        pytest.param(".metadata", b"", "rank 0, AssertionError: metadata is None", id="empty index"),
        pytest.param("metadata.json", b"", "JSONDecodeError: Expecting value: line 1 column 1", id="empty description"),
        pytest.param(
            "metadata.json",
            None,
            "CheckpointingException: {folder} is not a distributed checkpoint",
            id="lost description",
        ),
    ],
)
def test_a_damaged_checkpoint_is_named_with_what_is_wrong(trainee, copy, name, content, words):
    if content is None:
        (copy / name).unlink()
    else:
        (copy / name).write_bytes(content)
    with pytest.raises(DataError) as refused:
        sharded_state.restore(trainee, copy, optimizer_step=1.0)
    assert str(refused.value).startswith(f"{copy}: is damaged ({words.format(folder=copy)}")
    assert str(refused.value).endswith("); restore its files, or remove it and go on from an earlier one.")


def test_a_volume_that_fails_is_an_error_of_storage(trainee, copy):
    (copy / "__0_0.distcp").unlink()
    (copy / "__0_0.distcp").mkdir()  # reading it fails as on a broken mount: there, but no file
    with pytest.raises(StorageError) as refused:
        sharded_state.restore(trainee, copy, optimizer_step=1.0)
    assert str(refused.value) == (
        f"{copy}: can't be read (rank 0, IsADirectoryError: [Errno {errno.EISDIR}] Is a directory: "
        f"'{copy}/__0_0.distcp'); see to the volume."
    )


def test_ranks_that_are_not_told_the_cause_say_so():
    assert sharded_state._words_of(CheckpointException("write", {})) == "on another rank"
