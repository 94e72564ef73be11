"""One launch of two ranks on this machine, in which many cases run. The ranks meet in a file."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import distributed

from bionemo_trainer.config.layout import Layout
from bionemo_trainer.engine.process_groups import Backend, Rendezvous, join_process_groups, leave_process_groups
from testkit.fresh_processes import FRESH, Findings, keep_findings, kept_findings, run_to_the_end


def findings_of_two_ranks(
    cases: Callable[[], Findings], folder: Path, accelerator: str = "cpu", backend: Backend = "gloo"
) -> Findings:
    """Runs a function in two processes that have joined one run, and returns what rank 0 returned.

    Args:
        cases: A module's function, so that a fresh process can import it; called when the processes have met.
        folder: Empty; for the file to meet in and the file of findings.
        accelerator: `gpu` lets both ranks compute on GPUs.
        backend: What they talk over; with `nccl` each has a GPU of its own, else they share the first one.

    Raises:
        AssertionError: A rank failed, and its traceback is on standard error; or it hung.
    """
    run_to_the_end(
        *(FRESH.Process(target=_rank, args=(cases, rank, folder, accelerator, backend)) for rank in range(2))
    )
    return kept_findings(folder)


def _rank(cases: Callable[[], Findings], rank: int, folder: Path, accelerator: str, backend: Backend) -> None:
    torch.set_num_threads(1)  # each rank has one of this machine's cores
    store = distributed.FileStore(str(folder / "store"), 2)  # type: ignore[attr-defined]  # torch exports it without saying so
    layout = Layout(num_nodes=1, devices_per_node=2, tensor=1, pipeline=1, accelerator=accelerator)
    local_rank = rank if accelerator == "cpu" or backend == "nccl" else 0
    rendezvous = Rendezvous(rank=rank, local_rank=local_rank, store=store, timeout_seconds=120.0, backend=backend)
    join_process_groups(layout, rendezvous)
    findings = cases()
    if rank == 0:
        keep_findings(findings, folder)
    leave_process_groups()
