"""What rank 0 does alone fails on every rank, in words that name the place; see `test_train` for whole trainings."""

import errno
import os

import pytest

from bionemo_trainer.engine.process_groups import Rendezvous
from bionemo_trainer.engine.strategy import MegatronStrategy
from bionemo_trainer.errors import DataError, StorageError
from bionemo_trainer.run_folder import RunFolder
from bionemo_trainer.training.checkpointing import on_rank_zero
from bionemo_trainer.training.run import Run
from bionemo_trainer.training.startup import Startup
from testkit.networks import ESM1NV, small_config
from testkit.volumes import files_of_at_most


@pytest.fixture
def run(tmp_path):
    config = small_config(ESM1NV)
    return Run(
        config=config, strategy=MegatronStrategy(config, Rendezvous()), folder=RunFolder(path=tmp_path),
        reporter=None, global_batch_size=1, attempt=1, start_step=0, startup=Startup(None),
    )  # fmt: skip


def test_a_path_that_fails_is_named(run, tmp_path):
    with pytest.raises(StorageError) as refused:
        on_rank_zero(run, lambda: (tmp_path / "gone" / "file").write_text("text"))
    assert str(refused.value) == f"{tmp_path}/gone/file: No such file or directory; make room or mend the volume."


def test_a_full_volume_is_named_by_the_runs_folder_where_the_system_names_nothing(run, tmp_path):
    with files_of_at_most(10), pytest.raises(StorageError) as refused:
        on_rank_zero(run, lambda: (tmp_path / "file").write_text("more than ten bytes"))
    assert str(refused.value) == f"{tmp_path}: {os.strerror(errno.EFBIG)}; make room or mend the volume."


def test_an_error_of_ours_stays_what_it_is(run):
    def fail():
        raise DataError("data: are wrong; mend them.")

    with pytest.raises(DataError, match=r"^data: are wrong; mend them\.$"):
        on_rank_zero(run, fail)


def test_nobody_but_us_saves_or_loads_checkpoints(run):
    with pytest.raises(AssertionError, match=r"^a\.ckpt: Lightning must not load checkpoints$"):
        run.strategy.load_checkpoint("a.ckpt")
    with pytest.raises(AssertionError, match=r"^a\.ckpt: Lightning must not save checkpoints$"):
        run.strategy.save_checkpoint({}, "a.ckpt")
