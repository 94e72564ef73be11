"""What a stage answers when something stands in its way."""

import os
from functools import partial

import pytest

from bionemo_trainer.data.preparation.layout import layout_of
from bionemo_trainer.data.preparation.local_pool import LocalPool
from bionemo_trainer.data.preparation.plan import PreparationPlan, Source
from bionemo_trainer.data.preparation.stages import Stage, run_share
from bionemo_trainer.errors import DataError, StorageError
from testkit.preparation import molecule_table


@pytest.fixture
def plan(tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "a.txt").write_text(molecule_table())
    return PreparationPlan(recipe="molecule/zinc15", source=Source(path=str(tmp_path / "raw")), output=tmp_path / "out")


def refused(plan, stage, error):
    with pytest.raises(error) as caught:
        run_share(plan, stage, 0, 1)
    return str(caught.value).replace(str(plan.output.parent), "DIR").replace(layout_of(plan).work.name, "WORK")


def test_a_mark_that_something_else_wrote_is_named(plan):
    run_share(plan, Stage.LIST, 0, 1)
    layout_of(plan).listing.write_text("{}")
    assert refused(plan, Stage.FETCH, DataError) == (
        "DIR/out/WORK/sources.json: was not written by stage 'list'; delete DIR/out/WORK and start again."
    )


def test_a_file_that_cannot_be_read_may_be_read_later(plan):
    run_share(plan, Stage.LIST, 0, 1)
    (plan.output.parent / "raw" / "a.txt").unlink()
    assert refused(plan, Stage.FETCH, StorageError) == (
        "DIR/raw/a.txt: can't be read or written (No such file or directory); see to the volume and start again, "
        "finished work is kept."
    )


def test_a_folder_in_the_way_of_the_dataset_is_not_replaced(plan):
    for stage in list(Stage)[:-1]:
        run_share(plan, stage, 0, 1)
    (plan.output / "val").mkdir()
    assert refused(plan, Stage.FINISH, DataError) == (
        "DIR/out/val: is in the way of the new dataset; delete it or choose another output."
    )


def test_a_worker_that_dies_is_told_of():
    pool = LocalPool(1)
    with pytest.raises(StorageError) as caught:
        list(pool.run([partial(os._exit, 3)]))
    pool.close()
    assert str(caught.value) == (
        "a worker process died, probably because memory ran out; start again with fewer workers, finished work is kept."
    )
