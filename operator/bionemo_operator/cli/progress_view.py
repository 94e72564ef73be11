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

from bionemo_operator.cli.spans import span
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How far a training is, whoever says so; what is not known is None."""

    step: int
    max_steps: int
    train_loss: float | None
    validation_loss: float | None
    samples_per_second: float | None
    tokens_per_second: float | None
    seconds_left: float | None
    saved_step: int | None
    """Of the newest checkpoint."""

    def __str__(self) -> str:
        """`step 120/300  loss 2.314  512 samples/s  eta 1m20s  checkpoint 100`, as far as the numbers are known."""
        parts = [f"step {self.step}/{self.max_steps}"]
        if self.train_loss is not None:
            parts.append(f"loss {self.train_loss:.3f}")
        if self.validation_loss is not None:
            parts.append(f"val loss {self.validation_loss:.3f}")
        if self.samples_per_second is not None:
            parts.append(f"{self.samples_per_second:,.0f} samples/s")
        if self.tokens_per_second is not None:
            parts.append(f"{self.tokens_per_second:,.0f} tokens/s")
        if self.seconds_left is not None:
            parts.append(f"eta {span(self.seconds_left)}")
        if self.saved_step is not None:
            parts.append(f"checkpoint {self.saved_step}")
        return "  ".join(parts)

    def frame(self, state: str, trend: str = "") -> Frame:
        """What is to be seen of a training in this state, with the curve of its loss."""
        return Frame(
            state=state,
            done=self.step,
            total=self.max_steps,
            figures=str(self),
            trend=trend,
            counts=(state, self.train_loss, self.validation_loss, self.saved_step),
        )


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
    return Figures(
        step=progress.step,
        max_steps=progress.max_steps,
        train_loss=progress.train_loss,
        validation_loss=progress.validation_loss,
        samples_per_second=progress.samples_per_second,
        tokens_per_second=progress.tokens_per_second,
        seconds_left=progress.eta_seconds,
        saved_step=progress.checkpoint.step if progress.checkpoint else None,
    ).frame(progress.phase.lower())
