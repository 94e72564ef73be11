"""Everything that a cluster tells of one training or preparation, as lines of text. Pure: the moment is an argument."""

from collections.abc import Iterator
from datetime import datetime

from rich.text import Text

from bionemo_operator.api.conditions import Condition
from bionemo_operator.api.preprocess import PreprocessStatus
from bionemo_operator.api.training_status import Attempt, Progress, RecoveryStatus, Resolved, TrainingStatus
from bionemo_operator.cli.mends import MENDS
from bionemo_operator.cli.recipes import in_millions
from bionemo_operator.cli.seen import Seen
from bionemo_operator.cli.spans import since, size, span, until
from bionemo_operator.cli.status_table import state_of
from bionemo_trainer.config.layout import counted

type Fact = tuple[str, str]
"""A label and what stands beside it."""


def status_details(seen: Seen, now: datetime) -> Iterator[Text]:
    """The lines, without the ends of lines."""
    yield Text(f"{seen.kind_name} {seen.name} in {seen.namespace}: ", "bold") + state_of(seen)
    status = seen.status
    training = status if isinstance(status, TrainingStatus) else None
    facts = _training_facts(seen, training, now) if training else _preparation_facts(seen, now)
    for label, text in facts:
        yield Text(f"  {label:<12}", "cyan") + Text(text)
    yield Text("  conditions", "cyan")
    for condition in status.conditions:
        yield _condition(condition, now)
    if not status.conditions:
        words = "none yet: the operator has not looked at it; does it run, and does it work in this namespace?"
        yield Text(f"    {words}", "yellow")
    if seen.attempts:
        yield Text("  attempts", "cyan")
    for attempt in seen.attempts:
        yield from _attempt(attempt, now)


def _training_facts(seen: Seen, status: TrainingStatus, now: datetime) -> Iterator[Fact]:
    yield "recipe", seen.recipe
    if status.resolved:
        yield from _arithmetic(status.resolved)
    if status.progress:
        yield "progress", _progress(status.progress, now, is_running=status.phase == "Running")
    if saved := status.checkpoint:
        yield "checkpoint", f"step {saved.step}, {size(saved.size_bytes)}, saved {since(saved.time, now)} ago"
        yield "", saved.path
    elif status.results_path:
        yield "results", status.results_path
    if status.recovery and status.recovery.restarts:
        yield from _recovery(status.recovery, seen.max_restarts)
    yield from _ages(seen, status.start_time, status.completion_time, now)


def _preparation_facts(seen: Seen, now: datetime) -> Iterator[Fact]:
    status = seen.status
    assert isinstance(status, PreprocessStatus), "the other kind"
    yield "recipe", seen.recipe
    if status.stage:
        yield "stage", f"{status.stage}, {status.shards_done or 0} of {status.shards or 0} shards are done"
    if status.dataset_path:
        yield "dataset", f"{status.dataset_path}, {status.files} files per split, checksum {status.checksum}"
    if records := status.records:
        split = f"{records.train:,} train, {records.validation:,} validation, {records.test:,} test"
        yield "records", f"{split}; {records.duplicates:,} duplicates and {records.rejected:,} rejected"
    yield from _ages(seen, status.start_time, status.completion_time, now)


def _arithmetic(resolved: Resolved) -> Iterator[Fact]:
    processes = counted(resolved.world_size // max(resolved.nodes, 1), "process")
    ranks = f"{counted(resolved.nodes, 'node')} x {processes} = {resolved.world_size}"
    data, accumulation = resolved.data_parallel, resolved.accumulation
    yield "layout", f"{ranks} = data {data} x tensor {resolved.tensor} x pipeline {resolved.pipeline}"
    samples = f"micro {resolved.micro_batch_size} x data {data} x accumulation {accumulation}"
    yield "batch", f"{samples} = global {resolved.global_batch_size}"
    memory = f", about {size(resolved.gpu_memory_bytes)} of each GPU" if resolved.gpu_memory_bytes else ""
    yield "model", f"{in_millions(resolved.parameters)} parameters{memory}"


def _progress(progress: Progress, now: datetime, *, is_running: bool) -> str:
    share = 100 * progress.step / max(progress.max_steps, 1)
    parts = [f"step {progress.step} of {progress.max_steps} ({share:.1f}%)"]
    if progress.train_loss is not None:
        parts.append(f"loss {progress.train_loss}")
    if progress.validation_loss is not None:
        parts.append(f"validation loss {progress.validation_loss}")
    if is_running and progress.samples_per_second is not None:
        parts.append(f"{progress.samples_per_second} samples/s")
    if is_running and progress.tokens_per_second is not None:
        parts.append(f"{progress.tokens_per_second:,} tokens/s")
    if is_running and progress.estimated_completion_time is not None:
        parts.append(f"done in {until(progress.estimated_completion_time, now)}")
    if progress.update_time is not None:
        parts.append(f"seen {since(progress.update_time, now)} ago")
    return ", ".join(parts)


def _recovery(recovery: RecoveryStatus, max_restarts: int) -> Iterator[Fact]:
    causes = ", ".join(f"{one.count} x {one.cause}" for one in recovery.causes)
    yield "restarts", f"{recovery.restarts} ({causes}); {recovery.restarts_in_window} of {max_restarts} allowed now"
    goodput = f", goodput {float(recovery.goodput):.1%}" if recovery.goodput else ""
    yield "cost", f"{recovery.steps_lost} steps done again, {span(recovery.downtime_seconds)} without a step{goodput}"
    if recovery.avoided_nodes:
        yield "avoids", ", ".join(recovery.avoided_nodes)


def _ages(seen: Seen, started_at: datetime | None, ended_at: datetime | None, now: datetime) -> Iterator[Fact]:
    parts = [f"created {since(seen.metadata.creation_timestamp, now)} ago"]
    if started_at:
        parts.append(f"started {since(started_at, now)} ago")
    if started_at and ended_at:
        parts.append(f"ended {since(ended_at, now)} ago after {since(started_at, ended_at)}")
    yield "time", ", ".join(parts)


def _condition(condition: Condition, now: datetime) -> Text:
    styles = {"True": "green", "False": "yellow"}
    head = Text(f"    {condition.type:<11}") + Text(f"{condition.status:<8}", styles.get(condition.status, "dim"))
    words = " ".join(condition.message.split())
    age = Text(f"  ({since(condition.last_transition_time, now)})", "dim")
    return head + Text(f"{condition.reason}: {words}") + age


def _attempt(attempt: Attempt, now: datetime) -> Iterator[Text]:
    lasted = since(attempt.start_time, attempt.end_time or now)
    start, end = attempt.start_step or 0, attempt.end_step
    steps = f"from step {start}" if end is None else f"steps {start} to {end}"
    nodes = counted(attempt.nodes, "node")
    how = attempt.cause or ("done" if attempt.end_time else "runs")
    code = "" if attempt.exit_code is None else f", exit code {attempt.exit_code}"
    place = f" on {attempt.node}" if attempt.node else ""
    style = "red" if attempt.cause else "green"
    yield Text(f"    {attempt.number:<3} {nodes}, {steps}, {lasted}: ") + Text(f"{how}{code}{place}", style)
    if attempt.message:
        yield Text(f"        {' '.join(attempt.message.split())}")
    if attempt.cause:
        yield Text("        mend: ", "cyan") + Text(MENDS[attempt.cause])
