"""Functions that run in processes of their own, many cases in each: a process imports torch and NeMo for some ten seconds.

What a function finds comes back through a file. It stands in a module of this package, since a fresh process imports it.
"""

import multiprocessing
import pickle
from collections.abc import Callable
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

type Findings = dict[str, object]

FRESH: SpawnContext = multiprocessing.get_context("spawn")
"""What makes processes that inherit neither modules nor threads."""
PATIENCE_SECONDS = 1800.0
"""Longer than any of them takes where many others want the machine: what takes longer hangs."""

IN_FRESH_PROCESSES = pytest.mark.fresh_processes
"""For the modules of a suite by itself: such processes wait for one another, several times as long if two modules share the cores."""


def findings_of(cases: Callable[[Path], Findings], folder: Path, **environment: str) -> Findings:
    """Runs a function in a fresh process and returns what it returned.

    Args:
        cases: A module's function; called with the folder.
        folder: For what it writes, and for what it found.
        environment: Variables that are set before the process imports anything.

    Raises:
        AssertionError: It failed, and its traceback is on standard error; or it hung.
    """
    with pytest.MonkeyPatch.context() as changed:
        for name, value in environment.items():
            changed.setenv(name, value)
        run_to_the_end(FRESH.Process(target=_find, args=(cases, folder)))
    return kept_findings(folder)


def interpreted(cases: Callable[[Path], Findings], folder: Path) -> Findings:
    """The same where no GPU is seen, with our kernels in Triton's interpreter."""
    return findings_of(cases, folder, CUDA_VISIBLE_DEVICES="", TRITON_INTERPRET="1")


def run_to_the_end(*processes: BaseProcess) -> None:
    """Starts processes together and waits for all of them.

    Raises:
        AssertionError: One failed, and its traceback is on standard error; or one hung and was killed.
    """
    try:
        for process in processes:
            process.start()
        for process in processes:
            process.join(timeout=PATIENCE_SECONDS)
        assert [process.exitcode for process in processes] == [0] * len(processes)
    finally:
        for process in processes:
            if process.is_alive():
                process.kill()
                process.join()


def keep_findings(findings: Findings, folder: Path) -> None:
    """Writes them to where `kept_findings` reads them."""
    (folder / "findings").write_bytes(pickle.dumps(findings))


def kept_findings(folder: Path) -> Findings:
    """What another process has kept there."""
    findings: Findings = pickle.loads((folder / "findings").read_bytes())
    return findings


def _find(cases: Callable[[Path], Findings], folder: Path) -> None:
    keep_findings(cases(folder), folder)
