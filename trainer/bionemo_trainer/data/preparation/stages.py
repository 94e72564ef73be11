"""The stages of a preparation in their order, and how one task or one share of a stage is run.

Called by `prepare` on this machine and by the entry point of a pod. Tasks of one stage may run at the same time, anywhere;
a stage may begin when the one before it is done. A task that is done is not done again.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import assert_never

from bionemo_trainer.data.preparation.fetching import is_fetched, run_fetch
from bionemo_trainer.data.preparation.finishing import finished, run_finish
from bionemo_trainer.data.preparation.layout import layout_of
from bionemo_trainer.data.preparation.mapping import run_map
from bionemo_trainer.data.preparation.plan import PreparationPlan
from bionemo_trainer.data.preparation.reducing import run_reduce
from bionemo_trainer.data.preparation.settling import read_settled, run_settle
from bionemo_trainer.data.preparation.shards import read_shards, run_cut
from bionemo_trainer.data.preparation.sources import read_listing, run_list
from bionemo_trainer.errors import StorageError


class Stage(StrEnum):
    """In the order in which they run; the values are parts of pod names, of at most 10 letters."""

    LIST = "list"
    """One task: which raw files there are."""
    FETCH = "fetch"
    """A task for each raw file: plain text on local storage."""
    CUT = "cut"
    """One task: where shards begin and end."""
    MAP = "map"
    """A task for each shard: records read, checked, canonical, sorted."""
    SETTLE = "settle"
    """One task: how many files, and which records are held back."""
    REDUCE = "reduce"
    """A task for each file number: its files of all splits."""
    FINISH = "finish"
    """One task: the files in place, and the manifest."""

    @property
    def is_shared(self) -> bool:
        """Whether it has many tasks."""
        return self in {Stage.FETCH, Stage.MAP, Stage.REDUCE}


def num_tasks(plan: PreparationPlan, stage: Stage) -> int:
    """How many tasks a stage has; known when the stage before it is done.

    Raises:
        MissingInputError: It is not.
    """
    match stage:
        case Stage.FETCH:
            return len(read_listing(layout_of(plan)).files)
        case Stage.MAP:
            return len(read_shards(layout_of(plan)))
        case Stage.REDUCE:
            return read_settled(layout_of(plan)).files
        case _:
            return 1


def is_done(plan: PreparationPlan, stage: Stage, number: int = 0) -> bool:
    """Whether a task need not be run; sources are listed anew each time, to notice that they changed."""
    layout = layout_of(plan)
    match stage:
        case Stage.LIST | Stage.FINISH:
            return False
        case Stage.FETCH:
            return is_fetched(plan, number)
        case Stage.CUT:
            return layout.shards.exists()
        case Stage.MAP:
            return layout.mapped(number).exists()
        case Stage.SETTLE:
            return layout.settled.exists()
        case Stage.REDUCE:
            return layout.reduced(number).exists()
        case _:
            assert_never(stage)


def run_task(plan: PreparationPlan, stage: Stage, number: int = 0) -> int:
    """Runs one task, done before or not; how many records (files, bytes) it has handled.

    Raises:
        BioNeMoError: What the stage raises.
        StorageError: A file can't be read or written.
    """
    try:
        return _runner(stage)(plan, number)
    except OSError as error:
        raise StorageError(
            f"{error.filename or plan.output}: can't be read or written ({error.strerror}); see to the volume and start again, "
            "finished work is kept."
        ) from error


def run_share(plan: PreparationPlan, stage: Stage, share: int, shares: int) -> int:
    """Runs one share of the tasks of a stage, of those not done; how many that were.

    The number of shares need not fit the number of tasks, which is not known before the stage: share 3 of 64 has the tasks
    3, 67, 131 and so on. Nothing is left to do once the dataset is complete.

    Raises:
        BioNeMoError: What the stage raises.
        DataError: Another plan's dataset is there.
    """
    if finished(plan):
        return 0
    pending = [task for task in range(share, num_tasks(plan, stage), shares) if not is_done(plan, stage, task)]
    for task in pending:
        run_task(plan, stage, task)
    return len(pending)


def _runner(stage: Stage) -> Callable[[PreparationPlan, int], int]:
    match stage:
        case Stage.FETCH:
            return run_fetch
        case Stage.MAP:
            return run_map
        case Stage.REDUCE:
            return run_reduce
        case Stage.LIST:
            once = run_list
        case Stage.CUT:
            once = run_cut
        case Stage.SETTLE:
            once = run_settle
        case Stage.FINISH:
            once = run_finish
        case _:
            assert_never(stage)
    return lambda plan, _: once(plan)
