"""Trainings and preparations of a cluster as one table. Pure: the moment is an argument."""

from collections.abc import Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from bionemo_operator.api.preprocess import PreprocessStatus
from bionemo_operator.api.training_status import TrainingStatus
from bionemo_operator.cli.seen import Seen
from bionemo_operator.cli.spans import since, until

STYLES = {
    "Pending": "yellow", "Running": "green", "Suspended": "blue", "Succeeded": "bold green", "Failed": "bold red",
    "Invalid": "bold red",
}  # fmt: skip
"""Of phases."""
_AT_RIGHT = ("NODES", "GPUS", "STEP", "LOSS", "TOKENS/S", "ETA", "RESTARTS", "AGE")


def status_table(resources: Sequence[Seen], now: datetime, *, with_namespace: bool) -> Table:
    """A row for each resource; columns are those of `kubectl get`, with the workers of preparations as their nodes."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in (("NAMESPACE",) if with_namespace else ()) + ("NAME", "KIND", "STATUS"):
        table.add_column(heading, no_wrap=True)
    for heading in _AT_RIGHT:
        table.add_column(heading, justify="right", no_wrap=True)
    for seen in resources:
        place = (seen.namespace,) if with_namespace else ()
        kind = seen.kind_name.removeprefix("BioNeMo").lower()
        figures = (
            _training_figures(seen.status, now) if isinstance(seen.status, TrainingStatus) else _stage(seen.status)
        )
        table.add_row(
            *map(Text, (*place, seen.name, kind)), state_of(seen), *_places(seen), *figures,
            since(seen.metadata.creation_timestamp, now),
        )  # fmt: skip
    return table


def state_of(seen: Seen) -> Text:
    """Its phase, and why it does not run: `Pending: PreprocessRunning`."""
    phase = seen.status.phase or "Pending"
    style = STYLES[phase]
    if seen.obstacle and phase in ("Pending", "Failed"):
        return Text(f"{phase}: {seen.obstacle.reason}", style)
    return Text(phase, style)


def _places(seen: Seen) -> tuple[str, str]:
    resolved = seen.status.resolved if isinstance(seen.status, TrainingStatus) else None
    nodes = resolved.nodes if resolved else seen.nodes
    gpus = resolved.gpus if resolved else seen.nodes * seen.gpus_per_node
    return str(nodes), str(gpus) if gpus else ""


def _training_figures(status: TrainingStatus, now: datetime) -> tuple[str, ...]:
    """Step, loss, tokens per second, ETA and restarts, as far as they are known."""
    progress = status.progress
    restarts = str(status.recovery.restarts) if status.recovery else ""
    if progress is None:
        return "", "", "", "", restarts
    is_running = status.phase == "Running"
    rate = f"{progress.tokens_per_second:,}" if is_running and progress.tokens_per_second is not None else ""
    eta = until(progress.estimated_completion_time, now) if is_running else ""
    return f"{progress.step}/{progress.max_steps}", progress.train_loss or "", rate, eta, restarts


def _stage(status: PreprocessStatus) -> tuple[str, ...]:
    if status.stage is None:
        return ("",) * 5
    return f"{status.stage} {status.shards_done or 0}/{status.shards or 0}", "", "", "", ""
