"""`bionemo watch`: a training or preparation as it goes, until it ends."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from bionemo_operator.api.preprocess import PreprocessStatus
from bionemo_operator.api.reasons import QUIET
from bionemo_operator.api.training_status import Progress, TrainingStatus
from bionemo_operator.cli.cluster_access import Access, Cluster, reached
from bionemo_operator.cli.output import console
from bionemo_operator.cli.progress_view import BarView, Figures, Frame, LineView, view_of
from bionemo_operator.cli.seen import Seen, find, seen_of
from bionemo_operator.cli.sparkline import sparkline
from bionemo_operator.errors import MissingError, UnavailableError

POLL_SECONDS = 2.0
"""The operator writes new figures every 15 seconds, and everything else at once."""
SPARKS = 40
"""Width of the curve."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, by which a shell tells it from a training that failed."""

type View = BarView | LineView


@dataclass(kw_only=True)
class Story:
    """What has been shown of an object so far, to tell only what is new."""

    losses: list[float] = field(default_factory=list)
    step: int = -1
    """Of the newest loss."""
    reasons: dict[str, str] = field(default_factory=dict)
    """By the type of their condition."""

    def take_loss(self, progress: Progress) -> None:
        """Remembers the loss of a new step."""
        if progress.train_loss is not None and progress.step > self.step:
            self.losses = [*self.losses, float(progress.train_loss)][-SPARKS:]
            self.step = progress.step

    def news(self, seen: Seen) -> list[str]:
        """The conditions whose reasons are new and worth telling."""
        told = []
        for condition in seen.status.conditions:
            if self.reasons.get(condition.type) != condition.reason and condition.reason not in QUIET:
                told.append(f"{condition.reason}: {' '.join(condition.message.split())}")
            self.reasons[condition.type] = condition.reason
        return told


def watch_resource(name: str, access: Access) -> int:
    """Show how a training or preparation goes until it ends, and return the exit code: 0 when it succeeded.

    Raises:
        BioNeMoError: There is none of that name, or the cluster can't be reached at first.
    """
    with reached(access) as cluster:
        try:
            return watch(cluster, name, time.sleep)
        except KeyboardInterrupt:
            return INTERRUPTED


def watch(cluster: Cluster, name: str, sleep: Callable[[float], None]) -> int:
    """Look again and again until it ends.

    Args:
        cluster: Where it is.
        name: Of the training or preparation.
        sleep: Waits some seconds.

    Raises:
        MissingInputError: There is none of that name.
        ClusterError: The cluster does not tell, other than for a while.
    """
    seen = find(cluster, name)
    story = Story()
    is_lost = False
    with view_of(name, console()) as view:
        while True:
            show(view, seen, story, datetime.now(UTC))
            if seen.end is not None:
                return 0 if seen.end.status == "True" else 1
            sleep(POLL_SECONDS)
            try:
                seen = seen_of(seen.kind, cluster.client.get(seen.kind, cluster.namespace, name))
                is_lost = False
            except MissingError:
                view.note(f"{seen.kind_name} {name} was deleted")
                return 1
            except UnavailableError:
                if not is_lost:
                    view.note("the cluster does not answer; it is asked again until it does")
                is_lost = True


def show(view: View, seen: Seen, story: Story, now: datetime) -> None:
    """Say what is new, and move the bar."""
    for text in story.news(seen):
        view.note(text)
    view.draw(frame_of(seen, story, now))


def frame_of(seen: Seen, story: Story, now: datetime) -> Frame:
    """What the bar and the figures show."""
    status = seen.status
    state = (status.phase or "Pending").lower()
    if isinstance(status, PreprocessStatus):
        done, shards = status.shards_done or 0, status.shards
        text = f"{status.stage} {done}/{shards}" if status.stage else ""
        return Frame(state=state, done=done, total=shards, figures=text, counts=(state, text))
    if status.progress is None:
        return Frame(state=state, done=0, total=None, figures="", counts=(state,))
    story.take_loss(status.progress)
    trend = sparkline([loss for loss in story.losses if math.isfinite(loss)], SPARKS)
    return _figures_of(status, status.progress, now).frame(state, trend)


def _figures_of(status: TrainingStatus, progress: Progress, now: datetime) -> Figures:
    is_running, end = status.phase == "Running", progress.estimated_completion_time
    return Figures(
        step=progress.step,
        max_steps=progress.max_steps,
        train_loss=_number(progress.train_loss),
        validation_loss=_number(progress.validation_loss),
        samples_per_second=_number(progress.samples_per_second) if is_running else None,
        tokens_per_second=progress.tokens_per_second if is_running else None,
        seconds_left=(end - now).total_seconds() if is_running and end is not None else None,
        saved_step=status.checkpoint.step if status.checkpoint else None,
    )


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
