"""How a running training is shown: a moving bar on a terminal, now and then a line in a file or a pipe."""

import time
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What is to be seen at one moment."""

    state: str
    """One word: `stepping`."""
    done: int
    total: int | None
    """None while it is not known."""
    figures: str
    trend: str = ""
    """A curve in one line, for terminals."""
    counts: tuple[object, ...]
    """What must differ for a new line in a file: not the step, which always does."""


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
            self.draw(frame_of(progress))

    def draw(self, frame: Frame) -> None:
        """Moves to what is to be seen."""
        description = f"{self._name}  {frame.state}"
        self._bar.update(self._task, description=description, completed=frame.done, total=frame.total)
        self._figures.plain = "\n".join(f"  {line}" for line in (frame.figures, frame.trend) if line)

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
        starting = Frame(state="starting", done=0, total=None, figures="", counts=())
        self.draw(frame_of(progress) if progress else starting, now)

    def draw(self, frame: Frame, now: float | None = None) -> None:
        """Writes a line if what counts is new, unless the last line was just written."""
        seconds = time.monotonic() if now is None else now
        if frame.counts != self._shown and seconds - self._shown_at >= LINE_SECONDS:
            self._shown, self._shown_at = frame.counts, seconds
            self._out.print(Text(f"  {self._name}  {frame.state}  {frame.figures}".rstrip()))

    def note(self, text: str) -> None:
        """Writes a line."""
        self._out.print(Text(f"  {text}"))


def view_of(name: str, out: Console) -> BarView | LineView:
    """The view that suits where it is shown."""
    return BarView(name, out) if out.is_terminal else LineView(name, out)


def frame_of(progress: Progress) -> Frame:
    """What is to be seen of a training that answers."""
    state, saved = progress.phase.lower(), progress.checkpoint.step if progress.checkpoint else None
    return Frame(
        state=state,
        done=progress.step,
        total=progress.max_steps,
        figures=figures(progress),
        counts=(state, progress.train_loss, progress.validation_loss, saved),
    )


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
