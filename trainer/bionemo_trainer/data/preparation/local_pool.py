"""Processes of this machine that run tasks of a preparation. Called by `prepare` only.

They are spawned, not forked: the caller may hold threads. When the caller is killed they end, too, instead of waiting
for work for ever.
"""

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from bionemo_trainer.errors import StorageError


class LocalPool:
    """Runs calls in some processes, which are started when they are first needed."""

    def __init__(self, workers: int) -> None:
        self._executor = ProcessPoolExecutor(
            max_workers=workers, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent
        )

    def run(self, calls: Iterable[Callable[[], int]]) -> Iterator[int]:
        """The result of each call, as they come.

        Raises:
            StorageError: A process died; probably memory ran out.
            Exception: What a call raises.
        """
        futures = [self._executor.submit(call) for call in calls]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise StorageError(
                "a worker process died, probably because memory ran out; start again with fewer workers, "
                "finished work is kept."
            ) from None

    def close(self) -> None:
        """Ends the processes when they have finished the calls that they are at; waiting calls are dropped."""
        self._executor.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    threading.Thread(target=_await_end_of_parent, daemon=True).start()


def _await_end_of_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
