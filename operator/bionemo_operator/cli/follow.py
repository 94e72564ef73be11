"""Follow a running application until all its nodes have ended: show its progress, pass on wishes to stop, keep deadlines."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Protocol
from urllib.request import ProxyHandler, build_opener

from bionemo_operator.cli.local_app import LocalApp
from bionemo_operator.cli.stop_wishes import StopWishes
from bionemo_trainer.contract import ExitCode, Progress, progress_from_json

POLL_SECONDS = 0.5
ANSWER_SECONDS = 1.0
"""How long rank 0 may take to answer; it answers in a thread of its own."""
SIGNAL_BASE = 128
"""A process that signal n has ended counts as having ended with this plus n."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long nodes may take to end."""

    grace_seconds: int = 120
    """From the first wish to stop; launchers know it, and end their ranks before it is over."""
    reserve_seconds: float = 5.0
    """Beyond the grace period, for a launcher to end by itself."""
    orphan_seconds: float = 15.0
    """After another node has failed: they can't go on without it, and can't save without it either."""


class View(Protocol):
    """What shows how a training is doing."""

    def show(self, progress: Progress | None) -> None:
        """The newest progress; None before there is any."""

    def note(self, text: str) -> None:
        """Something that happened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How an application ended."""

    exit_code: int
    rank: int
    """The node that tells why."""
    progress: Progress | None
    """The last that was seen."""
    was_asked: bool
    """Whether the user wished it to stop."""

    @property
    def was_stopped(self) -> bool:
        """Whether it ended because it was to stop, saved or killed; else something went wrong."""
        return self.exit_code == ExitCode.STOPPED or (self.was_asked and self.exit_code > SIGNAL_BASE)


def follow(app: LocalApp, metrics_port: int, view: View, wishes: StopWishes, patience: Patience) -> Ended:
    """Wait for the end of all nodes.

    Args:
        app: Running.
        metrics_port: Where rank 0 answers on this machine.
        view: Shows what was seen.
        wishes: The user's.
        patience: How long nodes may take to end.
    """
    progress = None
    kill_at = math.inf
    was_asked = False
    while None in (codes := app.exit_codes()):
        progress = progress_at(metrics_port) or progress
        view.show(progress)
        if wishes.count and not was_asked:
            was_asked = True
            app.ask_to_stop()
            kill_at = min(kill_at, time.monotonic() + patience.grace_seconds + patience.reserve_seconds)
            view.note("stopping: the training saves a checkpoint and ends; a second Ctrl-C ends it at once")
        if any(code not in (None, ExitCode.OK, ExitCode.STOPPED) for code in codes):
            kill_at = min(kill_at, time.monotonic() + patience.orphan_seconds)
        if wishes.count > 1 or time.monotonic() >= kill_at:
            app.kill()
            continue
        time.sleep(POLL_SECONDS)
    exit_code, rank = verdict([code or 0 for code in codes])
    return Ended(exit_code=exit_code, rank=rank, progress=progress, was_asked=was_asked)


def verdict(codes: Sequence[int]) -> tuple[int, int]:
    """The exit code that explains how the nodes ended, and the node it is of.

    A final failure explains it, since no other try would end otherwise; else any failure but a kill, which is what becomes of
    the others; else any failure; else a stop on request.
    """
    orders = (
        lambda code: code in set(ExitCode) and ExitCode(code).is_final,
        lambda code: code not in (ExitCode.OK, ExitCode.STOPPED) and code < SIGNAL_BASE,
        lambda code: code not in (ExitCode.OK, ExitCode.STOPPED),
        lambda code: code == ExitCode.STOPPED,
    )
    for is_it in orders:
        for rank, code in enumerate(codes):
            if is_it(code):
                return code, rank
    return ExitCode.OK, 0


def progress_at(port: int) -> Progress | None:
    """What rank 0 answers; None when it does not, or not in our words."""
    opener = build_opener(ProxyHandler({}))  # a proxy of the user's would look for this machine elsewhere
    try:
        with opener.open(f"http://127.0.0.1:{port}/progress", timeout=ANSWER_SECONDS) as answer:
            return progress_from_json(answer.read().decode())
    except (OSError, HTTPException, ValueError):
        return None
