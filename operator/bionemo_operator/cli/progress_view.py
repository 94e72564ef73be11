"""How a running training is shown: a moving bar on a terminal, now and then a line in a file or a pipe."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from bionemo_trainer.contract import Progress

LINE_SECONDS = 5.0
"""Least time between two lines without a terminal."""


class BarView:
    """A bar that moves and the figures below it, on a terminal."""

    def __init__(self, name: str, out: Console) -> None:
        columns = (TextColumn("  {task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        self._name = name
        self._bar = Bar(*columns)
        self._task = self._bar.add_task(f"{name}  starting", total=None)
        self._figures = Text(no_wrap=False, overflow="fold")  # narrow terminals take a second line
        self._live = Live(Group(self._bar, self._figures), console=out, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._live.stop()

    def show(self, progress: Progress | None) -> None:
        """Moves to the newest progress; before there is any, it says that the training starts."""
        if progress is not None:
            description = f"{self._name}  {progress.phase.lower()}"
            self._bar.update(self._task, description=description, completed=progress.step, total=progress.max_steps)
            self._figures.plain = f"  {figures(progress)}"

    def note(self, text: str) -> None:
        """Says something above the bar."""
        self._live.console.print(Text(f"  {text}"))


class LineView:
    """Lines for a file or a pipe: one when something has changed, and not too many."""

    def __init__(self, name: str, out: Console) -> None:
        self._name = name
        self._out = out
        self._shown: tuple[object, ...] | None = None
        self._shown_at = -LINE_SECONDS

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        """Nothing is left open."""

    def show(self, progress: Progress | None, now: float | None = None) -> None:
        """Writes a line if the phase or the logged figures are new, unless the last line was just written."""
        seconds = time.monotonic() if now is None else now
        seen = _figures_that_count(progress)
        if seen != self._shown and seconds - self._shown_at >= LINE_SECONDS:
            self._shown, self._shown_at = seen, seconds
            text = f"{progress.phase.lower()}  {figures(progress)}" if progress else "starting"
            self._out.print(Text(f"  {self._name}  {text}"))

    def note(self, text: str) -> None:
        """Writes a line."""
        self._out.print(Text(f"  {text}"))


def view_of(name: str, out: Console) -> BarView | LineView:
    """The view that suits where it is shown."""
    return BarView(name, out) if out.is_terminal else LineView(name, out)


def figures(progress: Progress) -> str:
    """`step 120/300  loss 2.314  512 samples/s  eta 1:20  checkpoint 100`, as far as the numbers are known."""
    parts = [f"step {progress.step}/{progress.max_steps}"]
    if progress.train_loss is not None:
        parts.append(f"loss {progress.train_loss:.3f}")
    if progress.validation_loss is not None:
        parts.append(f"val loss {progress.validation_loss:.3f}")
    if progress.samples_per_second is not None:
        parts.append(f"{progress.samples_per_second:,.0f} samples/s")
    if progress.tokens_per_second is not None:
        parts.append(f"{progress.tokens_per_second:,.0f} tokens/s")
    if progress.eta_seconds is not None:
        parts.append(f"eta {clock_time(progress.eta_seconds)}")
    if progress.checkpoint is not None:
        parts.append(f"checkpoint {progress.checkpoint.step}")
    return "  ".join(parts)


def clock_time(seconds: float) -> str:
    """`1:20` for eighty seconds, `2:05:00` for more than an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _figures_that_count(progress: Progress | None) -> tuple[object, ...]:
    """What must differ for a new line: not the step, which differs in every answer."""
    if progress is None:
        return ()
    saved = progress.checkpoint.step if progress.checkpoint else None
    return progress.phase, progress.train_loss, progress.validation_loss, saved
